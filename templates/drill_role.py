"""What the drill may do: build and remove sites `aex-*`, fence, cut over, read the journal, file evidence."""

from __future__ import annotations

from typing import Any

from troposphere import Sub

from templates.policies import objects, only_prefix, statement
from templates.settings import EXERCISES

_ACCOUNT = "${AWS::AccountId}"
_JOURNAL = "arn:${AWS::Partition}:s3:::aex-journal-${AWS::AccountId}"
_ANCHOR = "arn:${AWS::Partition}:s3:::aex-evidence-anchor-${AWS::AccountId}"
_EVIDENCE = "arn:${AWS::Partition}:s3:::aex-evidence-${AWS::AccountId}"
_WITNESS = "arn:${AWS::Partition}:s3:::aex-witness-${AWS::AccountId}"


def _arn(service: str, resource: str, *, region: str = "*") -> Any:
    return Sub(f"arn:${{AWS::Partition}}:{service}:{region}:{_ACCOUNT}:{resource}")


def drill_statements() -> list[dict[str, Any]]:
    """Listed actions; `*` as a resource only where the service knows no narrower one (each says so)."""
    return [*_stacks(), *_network(), *_site(), *_identity(), *_routing(), *_objects(), *_metrics()]


def _stacks() -> list[dict[str, Any]]:
    actions = ["CreateStack", "DeleteStack", "DescribeStackEvents", "DescribeStackResources", "DescribeStacks"]
    more = ["GetTemplate", "ListStackResources"]
    return [
        statement(
            "Stacks", [f"cloudformation:{name}" for name in actions + more], [_arn("cloudformation", "stack/aex-*/*")]
        ),
        # ListStacks and ValidateTemplate are account-wide.
        statement("StackList", ["cloudformation:ListStacks", "cloudformation:ValidateTemplate"], ["*"]),
    ]


_EC2_CREATE = [
    "AllocateAddress",
    "AttachInternetGateway",
    "AssociateRouteTable",
    "CreateInternetGateway",
    "CreateNatGateway",
    "CreateRoute",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateTags",
    "CreateVpc",
    "CreateVpcEndpoint",
    "ModifySubnetAttribute",
    "ModifyVpcAttribute",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
]
_EC2_DELETE = [
    "DeleteInternetGateway",
    "DeleteNatGateway",
    "DeleteRoute",
    "DeleteRouteTable",
    "DeleteSecurityGroup",
    "DeleteSubnet",
    "DeleteVpc",
    "DeleteVpcEndpoints",
    "DetachInternetGateway",
    "DisassociateRouteTable",
    "ReleaseAddress",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
]
_EC2_READ = [
    "DescribeAddresses",
    "DescribeAvailabilityZones",
    "DescribeInternetGateways",
    "DescribeNatGateways",
    "DescribeNetworkInterfaces",
    "DescribeRouteTables",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcAttribute",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
]


def _network() -> list[dict[str, Any]]:
    ours = {"StringEquals": {"aws:ResourceTag/Application": "AEX"}}
    return [
        statement("BuildNetwork", [f"ec2:{name}" for name in _EC2_CREATE], [_arn("ec2", "*")]),
        statement("RemoveNetwork", [f"ec2:{name}" for name in _EC2_DELETE], [_arn("ec2", "*")], condition=ours),
        # EC2's Describe actions have no resource.
        statement("ReadNetwork", [f"ec2:{name}" for name in _EC2_READ], ["*"]),
    ]


def _site() -> list[dict[str, Any]]:
    clusters = [_arn("ecs", "cluster/aex-*"), _arn("ecs", "service/aex-*/*"), _arn("ecs", "task/aex-*/*")]
    on_clusters = ["CreateService", "DeleteCluster", "DeleteService", "DescribeClusters", "DescribeServices"]
    on_tasks = ["DescribeTasks", "ListServices", "StopTask", "TagResource", "UpdateService"]
    streams = ["CreateDeliveryStream", "DeleteDeliveryStream", "DescribeDeliveryStream", "TagDeliveryStream"]
    logs = ["CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy", "TagResource"]
    names = ["CreateService", "DeleteNamespace", "DeleteService", "GetNamespace", "GetService", "TagResource"]
    registered = ["DeregisterInstance", "ListInstances", "GetInstancesHealthStatus"]
    return [
        statement("Clusters", [f"ecs:{name}" for name in on_clusters + on_tasks], clusters),
        # A cluster is created, a task definition is deregistered and tasks are listed without a resource.
        statement(
            "ClustersAnywhere",
            [
                "ecs:CreateCluster",
                "ecs:DeregisterTaskDefinition",
                "ecs:DescribeTaskDefinition",
                "ecs:ListTasks",
                "ecs:RegisterTaskDefinition",
            ],
            ["*"],
        ),
        statement(
            "Streams", [f"firehose:{name}" for name in streams], [_arn("firehose", "deliverystream/matching-engine-*")]
        ),
        statement("Logs", [f"logs:{name}" for name in logs], [_arn("logs", "log-group:/aex/*")]),
        # DescribeLogGroups is account-wide.
        statement("LogList", ["logs:DescribeLogGroups"], ["*"]),
        statement(
            "Names",
            [f"servicediscovery:{name}" for name in names + registered],
            [_arn("servicediscovery", "namespace/*"), _arn("servicediscovery", "service/*")],
        ),
        # A namespace is created, and its operation is followed, without a resource; its zone is made in Route 53.
        statement(
            "NamesAnywhere",
            [
                "servicediscovery:CreatePrivateDnsNamespace",
                "servicediscovery:GetOperation",
                "servicediscovery:ListNamespaces",
                "servicediscovery:ListServices",
                "route53:CreateHostedZone",
            ],
            ["*"],
        ),
        statement(
            "Alarms",
            ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"],
            [_arn("cloudwatch", "alarm:aex-*")],
        ),
        statement("Notify", ["sns:Publish"], [_arn("sns", "aex-*")]),
    ]


def _identity() -> list[dict[str, Any]]:
    roles = [_arn("iam", "role/aex-*-engine", region=""), _arn("iam", "role/aex-*-edge", region="")]
    execution = _arn("iam", "role/aex-*-execution", region="")
    actions = "CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListRolePolicies PutRolePolicy TagRole"
    more = ["ListAttachedRolePolicies", "SimulatePrincipalPolicy"]
    tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    deliver = {"StringEquals": {"iam:PassedToService": "firehose.amazonaws.com"}}
    return [
        statement("Roles", [f"iam:{name}" for name in actions.split() + more], [*roles, execution]),
        # To be refused as an engine, by real attempts (isolation, fence).
        statement("ActAsEngine", ["sts:AssumeRole"], [_arn("iam", "role/aex-*-engine", region="")]),
        statement("PassToTasks", ["iam:PassRole"], [*roles, execution], condition=tasks),
        statement("PassToDelivery", ["iam:PassRole"], [_arn("iam", "role/aex-delivery", region="")], condition=deliver),
    ]


def _routing() -> list[dict[str, Any]]:
    zones = [Sub("arn:${AWS::Partition}:route53:::hostedzone/*")]
    actions = ["ChangeResourceRecordSets", "DeleteHostedZone", "GetHostedZone", "ListResourceRecordSets"]
    return [
        statement("Routing", [f"route53:{name}" for name in actions], zones),
        statement("RoutingDone", ["route53:GetChange"], [Sub("arn:${AWS::Partition}:route53:::change/*")]),
        # Zones are found by name account-wide.
        statement("ZoneList", ["route53:ListHostedZonesByName", "route53:ListHostedZones"], ["*"]),
    ]


def _objects() -> list[dict[str, Any]]:
    evidence = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:PutObject", "s3:PutObjectRetention"]
    settings = ["s3:GetBucketObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration", "s3:GetBucketVersioning"]
    read = ["s3:GetObject", "s3:GetObjectVersion"]
    readable = ("journal/*", "control/*", "recovered/*", "house/*", f"{EXERCISES}*")
    listed = only_prefix(*readable)
    return [
        statement("ReadJournal", read, objects(_JOURNAL, *readable)),
        statement("ListJournal", ["s3:ListBucket", "s3:ListBucketVersions"], [Sub(_JOURNAL)], condition=listed),
        # Go-aheads are withdrawn and the lock is freed at teardown; the journal itself the drill cannot delete.
        statement(
            "GoAhead", ["s3:DeleteObject", "s3:PutObject"], objects(_JOURNAL, "control/*", f"{EXERCISES}*/control/*")
        ),
        # Whose pseudonym is whose is known to who holds this key: it lies in the house, away from the evidence.
        statement("Pseudonyms", ["s3:PutObject"], objects(_JOURNAL, "house/*")),
        statement("Evidence", evidence, objects(_EVIDENCE, "*")),
        statement("EvidenceBucket", [*settings, "s3:ListBucket", "s3:ListBucketVersions"], [Sub(_EVIDENCE)]),
        # Heads are put where none is; what lies there cannot be deleted or written over by whoever writes the chain.
        statement("Anchor", evidence, objects(_ANCHOR, "heads/*")),
        statement("AnchorBucket", [*settings, "s3:ListBucket", "s3:ListBucketVersions"], [Sub(_ANCHOR)]),
        statement("Orders", ["s3:GetObject", "s3:PutObject"], objects(_WITNESS, "orders/*")),
        statement("Words", ["s3:GetObject"], objects(_WITNESS, "*")),
        statement("WordList", ["s3:ListBucket"], [Sub(_WITNESS)]),
        statement("Sign", ["kms:GetPublicKey", "kms:Sign"], [_arn("kms", "key/*")], condition=_SIGNING),
    ]


_SIGNING = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/aex-evidence"}}


def _metrics() -> list[dict[str, Any]]:
    # Metrics have no resource; firehose lists streams, and alarms are described, account-wide.
    reads = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "firehose:ListDeliveryStreams"]
    return [statement("Freshness", reads, ["*"])]
