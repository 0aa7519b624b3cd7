"""CloudFormation types MiniStack lacks, and the properties it drops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, new_uuid
from ministack.services import ec2, ecs, route53, s3
from ministack.services.cloudformation import provisioners

from emulator import document
from emulator.ledger import Ledger

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]
REFUSED = 400

registries: dict[tuple[str, str], list[dict[str, Any]]] = {}


def _params(**given: Any) -> dict[str, list[str]]:
    """EC2's query parameters; the empty ones left out."""
    return {name: [str(value)] for name, value in given.items() if value not in (None, "")}


def _call(operation: Callable[[Any], Any], argument: Any, what: str) -> Any:
    status, _headers, body = operation(argument)
    if status >= REFUSED:
        message = f"{what}: {body.decode() if isinstance(body, bytes) else body}"
        raise ValueError(message)
    return body


def _ec2_made(store: Any, operation: Callable[[Any], Any], params: Any, what: str) -> str:
    """Create through EC2's API and return the id that is new in its store."""
    before = set(store)
    _call(operation, params, what)
    made: str = (set(store) - before).pop()
    return made


# --- EC2 ----------------------------------------------------------------------------------------------------------


def _eip_create(_logical: str, props: Properties, _stack: str) -> Made:
    allocation = _ec2_made(
        ec2._addresses, ec2._allocate_address, _params(Domain=props.get("Domain", "vpc")), "AWS::EC2::EIP"
    )
    provisioners._ec2_apply_tags(allocation, props)
    address = ec2._addresses[allocation]["PublicIp"]
    return address, {"AllocationId": allocation, "PublicIp": address}


def _eip_delete(physical: str, _props: Properties) -> None:
    for allocation, record in ec2._addresses.items():
        if record["PublicIp"] == physical:
            _call(ec2._release_address, _params(AllocationId=allocation), "AWS::EC2::EIP")


def _nat_create(_logical: str, props: Properties, _stack: str) -> Made:
    subnet, allocation = props["SubnetId"], props.get("AllocationId")
    if subnet not in ec2._subnets:
        message = f"The subnet ID '{subnet}' does not exist (InvalidSubnetID.NotFound)"
        raise ValueError(message)
    if allocation and allocation not in ec2._addresses:
        message = f"Elastic IP address [{allocation}] does not exist (InvalidAllocationID.NotFound)"
        raise ValueError(message)
    params = _params(SubnetId=subnet, AllocationId=allocation, ConnectivityType=props.get("ConnectivityType"))
    gateway = _ec2_made(ec2._nat_gateways, ec2._create_nat_gateway, params, "AWS::EC2::NatGateway")
    provisioners._ec2_apply_tags(gateway, props)
    return gateway, {"NatGatewayId": gateway}


def _nat_delete(physical: str, _props: Properties) -> None:
    ec2._nat_gateways.pop(physical, None)  # AWS lists it as deleted for an hour; here it is gone at once
    ec2._tags.pop(physical, None)


def _flow_log_create(_logical: str, props: Properties, _stack: str) -> Made:
    params = _params(
        ResourceType=props["ResourceType"],
        TrafficType=props.get("TrafficType"),
        LogDestinationType=props.get("LogDestinationType"),
        LogDestination=props.get("LogDestination"),
        LogGroupName=props.get("LogGroupName"),
    )
    params["ResourceId.1"] = [props["ResourceId"]]
    made = _ec2_made(ec2._flow_logs, ec2._create_flow_logs, params, "AWS::EC2::FlowLog")
    provisioners._ec2_apply_tags(made, props)
    return made, {"Id": made}


def _flow_log_delete(physical: str, _props: Properties) -> None:
    ec2._flow_logs.pop(physical, None)
    ec2._tags.pop(physical, None)


def _ingress_create(_logical: str, props: Properties, _stack: str) -> Made:
    group = ec2._security_groups.get(props.get("GroupId") or "")
    if group is None:
        message = f"The security group '{props.get('GroupId')}' does not exist (InvalidGroup.NotFound)"
        raise ValueError(message)
    rule = f"sgr-{new_uuid().replace('-', '')[:17]}"
    note = {"Description": props["Description"]} if "Description" in props else {}
    source = props.get("SourceSecurityGroupId")
    group["IpPermissions"].append(
        {
            "IpProtocol": str(props["IpProtocol"]),
            "FromPort": _number(props.get("FromPort")),
            "ToPort": _number(props.get("ToPort")),
            "IpRanges": [{"CidrIp": props["CidrIp"], **note}] if "CidrIp" in props else [],
            "Ipv6Ranges": [{"CidrIpv6": props["CidrIpv6"], **note}] if "CidrIpv6" in props else [],
            "UserIdGroupPairs": [{"GroupId": source, "UserId": get_account_id(), **note}] if source else [],
            "PrefixListIds": [{"PrefixListId": props["SourcePrefixListId"]}] if "SourcePrefixListId" in props else [],
            "SecurityGroupRuleId": rule,
        }
    )
    return rule, {"Id": rule}


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _ingress_delete(physical: str, props: Properties) -> None:
    group = ec2._security_groups.get(props.get("GroupId") or "")
    if group is not None:
        kept = [rule for rule in group["IpPermissions"] if rule.get("SecurityGroupRuleId") != physical]
        group["IpPermissions"] = kept


# --- ECS, Route 53 ------------------------------------------------------------------------------------------------


def _provider_create(logical: str, props: Properties, stack: str) -> Made:
    name = props.get("Name") or provisioners._physical_name(stack, logical)
    request = {
        "name": name,
        "autoScalingGroupProvider": provisioners._pascal_to_camel(props.get("AutoScalingGroupProvider") or {}),
        "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in props.get("Tags", [])],
    }
    _call(ecs._create_capacity_provider, request, "AWS::ECS::CapacityProvider")
    return name, {}


def _provider_delete(physical: str, _props: Properties) -> None:
    if physical in ecs._capacity_providers:
        _call(ecs._delete_capacity_provider, {"capacityProvider": physical}, "AWS::ECS::CapacityProvider")


def _health_check_create(_logical: str, props: Properties, _stack: str) -> Made:
    made = route53._hc_id()
    check = {"id": made, "caller_reference": new_uuid(), "config": props["HealthCheckConfig"], "version": 1}
    route53._health_checks[made] = check
    route53._hc_caller_refs[check["caller_reference"]] = made
    tags = {tag["Key"]: tag["Value"] for tag in props.get("HealthCheckTags", [])}
    if tags:
        route53._tags["healthcheck", made] = tags
    return made, {"HealthCheckId": made}


def _health_check_delete(physical: str, _props: Properties) -> None:
    route53._delete_health_check(physical)
    route53._tags.pop(("healthcheck", physical), None)


# --- ECS services: registries that templates name are kept --------------------------------------------------------


def _keep_service_registries(handler: dict[str, Any]) -> None:
    create, update = handler["create"], handler["update"]

    def cluster_name(props: Properties) -> str:
        name: str = ecs._resolve_cluster_name(props.get("Cluster", "default")) or "default"
        return name

    def with_registries(logical: str, props: Properties, stack: str) -> Made:
        place = (cluster_name(props), props.get("ServiceName", f"{stack}-{logical}"))
        registries[place] = provisioners._pascal_to_camel(props.get("ServiceRegistries") or [])
        try:
            made: Made = create(logical, props, stack)
        finally:
            registries.pop(place, None)
        return made

    def updated(physical: str, old: Properties, new: Properties, stack: str) -> Made:
        service = ecs._services.get(f"{cluster_name(new)}/{physical.rsplit('/', 1)[-1]}")
        if service is not None:
            service["serviceRegistries"] = provisioners._pascal_to_camel(new.get("ServiceRegistries") or [])
        made: Made = update(physical, old, new, stack)
        return made

    handler["create"], handler["update"] = with_registries, updated


# --- S3 buckets ---------------------------------------------------------------------------------------------------


def _configure(name: str, props: Properties, old: Properties) -> None:
    """Apply what MiniStack's provisioner drops, through S3's own checks; a property that went away is removed."""
    lock = props.get("ObjectLockConfiguration")
    if props.get("ObjectLockEnabled") in (True, "true") or lock:
        s3._bucket_versioning[name] = "Enabled"
        s3._bucket_object_lock.setdefault(name, {"enabled": True, "default_retention": None})
    _apply(name, "ObjectLockConfiguration", props, (document.object_lock, s3._put_object_lock_configuration))
    _apply(name, "LifecycleConfiguration", props, (document.lifecycle, s3._put_bucket_lifecycle))
    _apply(name, "LoggingConfiguration", props, (document.logging, s3._put_bucket_logging))
    _apply(name, "BucketEncryption", props, (document.encryption, s3._put_bucket_encryption))
    _apply(name, "OwnershipControls", props, (document.ownership, s3._put_bucket_ownership_controls))
    for prop, store in (
        ("LifecycleConfiguration", s3._bucket_lifecycle),
        ("LoggingConfiguration", s3._bucket_logging_config),
    ):
        if prop in old and prop not in props:
            store.pop(name, None)
    if props.get("Tags"):
        s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in props["Tags"]}


def _apply(name: str, prop: str, props: Properties, way: tuple[Callable[[Any], bytes], Callable[..., Any]]) -> None:
    if not props.get(prop):
        return
    render, put = way
    status, _headers, body = put(name, render(props[prop]))
    if status >= REFUSED:
        message = f"AWS::S3::Bucket {prop}: {body!r}"
        raise ValueError(message)


def _extend_bucket(handler: dict[str, Any], ledger: Ledger) -> None:
    create, update = handler["create"], handler["update"]

    def created(logical: str, props: Properties, stack: str) -> Made:
        name = props.get("BucketName", "")
        if name in ledger.survivors:  # adopted once: a bucket that outlived the last run, versions and locks kept
            ledger.survivors.discard(name)
            made: Made = update(name, {}, props, stack)
        else:
            made = create(logical, props, stack)
        try:
            return configured(made, props, {})
        except ValueError:
            if not s3._buckets[made[0]]["objects"]:
                s3._delete_bucket(made[0])
            raise

    def updated(physical: str, old: Properties, new: Properties, stack: str) -> Made:
        return configured(update(physical, old, new, stack), new, old)

    def configured(made: Made, props: Properties, old: Properties) -> Made:
        _configure(made[0], props, old)
        ledger.save(get_account_id(), made[0])
        return made

    def deleted(physical: str, _props: Properties) -> None:
        if physical not in s3._buckets:
            return
        _call(s3._delete_bucket, physical, "The bucket could not be deleted (Service: S3)")
        ledger.save(get_account_id(), physical)

    handler.update(create=created, update=updated, delete=deleted)


def _extend_bucket_policy(handler: dict[str, Any], ledger: Ledger) -> None:
    for verb in ("create", "update", "delete"):
        original = handler[verb]

        def saved(*arguments: Any, original: Callable[..., Any] = original) -> Any:
            answer = original(*arguments)
            for props in (item for item in arguments if isinstance(item, Mapping)):
                if props.get("Bucket") in s3._buckets:
                    ledger.save(get_account_id(), props["Bucket"])
            return answer

        handler[verb] = saved


def install(ledger: Ledger) -> None:
    """Register the missing types and extend the existing ones."""
    handlers = provisioners._RESOURCE_HANDLERS
    for name, create, delete in (
        ("AWS::EC2::EIP", _eip_create, _eip_delete),
        ("AWS::EC2::NatGateway", _nat_create, _nat_delete),
        ("AWS::EC2::FlowLog", _flow_log_create, _flow_log_delete),
        ("AWS::EC2::SecurityGroupIngress", _ingress_create, _ingress_delete),
        ("AWS::ECS::CapacityProvider", _provider_create, _provider_delete),
        ("AWS::Route53::HealthCheck", _health_check_create, _health_check_delete),
    ):
        handlers[name] = {"create": create, "delete": delete}
    _extend_bucket(handlers["AWS::S3::Bucket"], ledger)
    _extend_bucket_policy(handlers["AWS::S3::BucketPolicy"], ledger)
    _keep_service_registries(handlers["AWS::ECS::Service"])
    _allow_adoption(ledger)


def _allow_adoption(ledger: Ledger) -> None:
    original = provisioners.s3_bucket_name_conflict

    def conflict(name: str) -> str | None:
        found: str | None = None if name in ledger.survivors else original(name)
        return found

    provisioners.s3_bucket_name_conflict = conflict
