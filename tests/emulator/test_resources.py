from __future__ import annotations

import sys

import pytest

from tests.emulator.conftest import EAST, WEST, Cloud, eventually

NETWORK = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.42.0.0/16"}},
    "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.42.0.0/24"}},
    "Eip": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc", "Tags": [{"Key": "Name", "Value": "nat"}]}},
    "Nat": {
        "Type": "AWS::EC2::NatGateway",
        "Properties": {"SubnetId": {"Ref": "Subnet"}, "AllocationId": {"Fn::GetAtt": ["Eip", "AllocationId"]}},
    },
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "flow"}},
    "Flow": {
        "Type": "AWS::EC2::FlowLog",
        "Properties": {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "REJECT",
            "LogGroupName": {"Ref": "Logs"},
        },
    },
    "Engines": {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "engines", "VpcId": {"Ref": "Vpc"}},
    },
    "Ingress": {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Properties": {
            "GroupId": {"Fn::GetAtt": ["Engines", "GroupId"]},
            "IpProtocol": "tcp",
            "FromPort": 7000,
            "ToPort": 7001,
            "CidrIp": "10.0.0.0/8",
        },
    },
    "Provider": {
        "Type": "AWS::ECS::CapacityProvider",
        "Properties": {
            "Name": "engines-capacity",
            "AutoScalingGroupProvider": {
                "AutoScalingGroupArn": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:"
            },
        },
    },
    "Check": {
        "Type": "AWS::Route53::HealthCheck",
        "Properties": {"HealthCheckConfig": {"Type": "TCP", "IPAddress": "198.51.100.10", "Port": 9898}},
    },
}


def counts(cloud: Cloud) -> dict[str, int]:
    ec2, ecs, route53 = (cloud.client(name, EAST) for name in ("ec2", "ecs", "route53"))
    groups = ec2.describe_security_groups()["SecurityGroups"]
    return {
        "addresses": len(ec2.describe_addresses()["Addresses"]),
        "gateways": len(ec2.describe_nat_gateways()["NatGateways"]),
        "flow logs": len(ec2.describe_flow_logs()["FlowLogs"]),
        "ingress": sum(len(group["IpPermissions"]) for group in groups if group["GroupName"] != "default"),
        "providers": len(ecs.describe_capacity_providers()["capacityProviders"]),
        "checks": len(route53.list_health_checks()["HealthChecks"]),
    }


def test_the_missing_types_are_made_visible_and_removed_without_a_trace(cloud: Cloud) -> None:
    before = counts(cloud)
    cloud.build("network", NETWORK, region=EAST)
    assert counts(cloud) == {name: count + 1 for name, count in before.items()}
    cloudformation = cloud.client("cloudformation", EAST)
    made = {
        r["LogicalResourceId"]: r["PhysicalResourceId"]
        for r in cloudformation.describe_stack_resources(StackName="network")["StackResources"]
    }
    ec2 = cloud.client("ec2", EAST)
    (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[made["Nat"]])["NatGateways"]
    assert gateway["SubnetId"] == made["Subnet"]
    (address,) = [found for found in ec2.describe_addresses()["Addresses"] if found["PublicIp"] == made["Eip"]]
    assert address["Tags"][0] == {"Key": "Name", "Value": "nat"}
    stack = cloudformation.describe_stacks(StackName="network")["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName="network")
    cloud.settled(stack, "DELETE_COMPLETE", EAST)
    assert counts(cloud) == before


def test_a_rule_for_a_missing_group_fails_the_stack(cloud: Cloud) -> None:
    rule = NETWORK["Ingress"] | {"Properties": {"GroupId": "sg-missing", "IpProtocol": "tcp", "CidrIp": "10.0.0.0/8"}}
    cloud.build("bad-rule", {"Ingress": rule}, expect="ROLLBACK_COMPLETE")


def test_a_bucket_keeps_what_its_template_says_and_is_not_deleted_while_it_holds_versions(cloud: Cloud) -> None:
    name = "configured-bucket"
    cloud.build(
        "configured",
        {
            "Logs": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "configured-logs"}},
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "BucketName": name,
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "ObjectLockEnabled": True,
                    "ObjectLockConfiguration": {
                        "ObjectLockEnabled": "Enabled",
                        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}},
                    },
                    "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "journal/"},
                    "LifecycleConfiguration": {
                        "Rules": [
                            {
                                "Id": "tier",
                                "Status": "Enabled",
                                "Prefix": "journal/",
                                "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
                                "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                            }
                        ]
                    },
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                        ]
                    },
                },
            },
        },
    )
    s3 = cloud.client("s3")
    lock = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 2}
    logging = s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]
    assert (logging["TargetBucket"], logging["TargetPrefix"]) == ("configured-logs", "journal/")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    version = s3.put_object(Bucket=name, Key="journal/a", Body=b"a")["VersionId"]
    assert s3.head_object(Bucket=name, Key="journal/a")["ObjectLockMode"] == "GOVERNANCE"

    cloudformation = cloud.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName="configured")["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName="configured")
    cloud.settled(stack, "DELETE_FAILED")
    s3.delete_object(Bucket=name, Key="journal/a", VersionId=version, BypassGovernanceRetention=True)
    cloudformation.delete_stack(StackName="configured")
    cloud.settled(stack, "DELETE_COMPLETE")


def exchange(command: list[str]) -> dict[str, object]:
    """A site in small: a namespace with one registry, a cluster, a service of two tasks, a public zone."""
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Namespace": {
            "Type": "AWS::ServiceDiscovery::PrivateDnsNamespace",
            "Properties": {"Name": "named.aex.internal", "Vpc": {"Ref": "Vpc"}},
        },
        "Registry": {
            "Type": "AWS::ServiceDiscovery::Service",
            "Properties": {
                "Name": "engines-00",
                "NamespaceId": {"Ref": "Namespace"},
                "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 7}], "RoutingPolicy": "MULTIVALUE"},
                "HealthCheckCustomConfig": {"FailureThreshold": 1},
            },
        },
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "named"}},
        "Definition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": "named",
                "NetworkMode": "awsvpc",
                "ContainerDefinitions": [{"Name": "engine", "Image": "aex/engine", "Command": command}],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "ServiceName": "engines-00",
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "Definition"},
                "DesiredCount": 2,
                "LaunchType": "FARGATE",
                "ServiceRegistries": [{"RegistryArn": {"Fn::GetAtt": ["Registry", "Arn"]}}],
            },
        },
        "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "named.example."}},
        "Record": {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {
                "HostedZoneId": {"Ref": "Zone"},
                "Name": "aal.named.example.",
                "Type": "CNAME",
                "TTL": "5",
                "ResourceRecords": ["engines-00.named.aex.internal"],
            },
        },
    }


def test_a_service_built_from_a_template_is_found_by_name_while_its_tasks_live(cloud: Cloud) -> None:
    import dns.resolver  # noqa: PLC0415 - only this test asks DNS

    cloud.build("named", exchange([sys.executable, "-c", "import time; time.sleep(600)"]))
    ecs, cloudmap = cloud.client("ecs"), cloud.client("servicediscovery")
    (service,) = ecs.describe_services(cluster="named", services=["engines-00"])["services"]
    assert len(service["serviceRegistries"]) == 1

    def addresses() -> set[str]:
        found = cloudmap.discover_instances(NamespaceName="named.aex.internal", ServiceName="engines-00")["Instances"]
        return {instance["Attributes"]["AWS_INSTANCE_IPV4"] for instance in found}

    eventually(lambda: len(addresses()) == 2)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], cloud.dns_port, 5
    answer = resolver.resolve("AAL.named.example", "A")
    assert {record.address for record in answer} == addresses()
    assert answer.canonical_name.to_text() == "engines-00.named.aex.internal."
    assert answer.rrset is not None
    assert answer.rrset.ttl == 7
    assert [rrset.ttl for rrset in answer.response.answer] == [5, 7]
    for name in ("nobody.named.example", "engines-01.named.aex.internal", "example.com"):
        with pytest.raises(dns.resolver.NXDOMAIN):
            resolver.resolve(name, "A")

    cloud.post("/_aex/kill", {"clusters": ["named"], "hold": True})
    eventually(lambda: addresses() == set())
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("engines-00.named.aex.internal", "A")
    with pytest.raises((dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)):
        resolver.resolve("aal.named.example", "A")

    cloud.post("/_aex/release", {"clusters": ["named"]})
    eventually(lambda: len(addresses()) == 2)
    zone = cloud.client("route53").list_hosted_zones_by_name(DNSName="named.example.")["HostedZones"][0]["Id"]
    change = {"Name": "aal.named.example.", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "127.9.9.9"}]}
    cname = change | {"Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "engines-00.named.aex.internal"}]}
    cloud.client("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={
            "Changes": [
                {"Action": "DELETE", "ResourceRecordSet": cname},
                {"Action": "UPSERT", "ResourceRecordSet": change},
            ]
        },
    )
    assert [record.address for record in resolver.resolve("aal.named.example", "A")] == ["127.9.9.9"]

    cloudformation = cloud.client("cloudformation", WEST)
    stack = cloudformation.describe_stacks(StackName="named")["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName="named")
    cloud.settled(stack, "DELETE_COMPLETE")
    assert ecs.list_clusters()["clusterArns"].count("named") == 0
