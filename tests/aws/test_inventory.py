"""The inventory finds what no template of ours makes, and knows each thing by its own name."""

from __future__ import annotations

import pytest

from drill.aws import inventory
from drill.aws.clients import client
from drill.aws.inventory import Asked, Resource, Snapshot
from tests.aws.conftest import REGION, REGIONS


@pytest.fixture(scope="module")
def services(session):
    return inventory.offered(session, REGION)


def plant(session):
    """Orphans of kinds that no template uses, in both regions; yields what the inventory must name them by."""
    client(session, "sqs", REGION).create_queue(QueueName="left-queue")
    table = {"AttributeName": "k"}
    client(session, "dynamodb", "us-east-1").create_table(
        TableName="left-table",
        KeySchema=[table | {"KeyType": "HASH"}],
        AttributeDefinitions=[table | {"AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client(session, "ssm", REGION).put_parameter(Name="/left/parameter", Value="x", Type="String")
    client(session, "secretsmanager", "us-east-1").create_secret(Name="left-secret", SecretString="x")
    client(session, "events", REGION).put_rule(Name="left-rule", ScheduleExpression="rate(1 day)")
    client(session, "ecr", REGION).create_repository(repositoryName="left-repository")
    volume = client(session, "ec2", REGION).create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    return ["left-queue", "left-table", "/left/parameter", "left-secret", "left-rule", "left-repository", volume]


def uproot(session, volume):
    queues = client(session, "sqs", REGION)
    queues.delete_queue(QueueUrl=queues.get_queue_url(QueueName="left-queue")["QueueUrl"])
    client(session, "dynamodb", "us-east-1").delete_table(TableName="left-table")
    client(session, "ssm", REGION).delete_parameter(Name="/left/parameter")
    client(session, "secretsmanager", "us-east-1").delete_secret(
        SecretId="left-secret", ForceDeleteWithoutRecovery=True
    )
    client(session, "events", REGION).delete_rule(Name="left-rule")
    client(session, "ecr", REGION).delete_repository(repositoryName="left-repository")
    client(session, "ec2", REGION).delete_volume(VolumeId=volume)


@pytest.mark.world
def test_every_planted_orphan_is_found_and_named(session, services):
    before = inventory.snapshot(session, REGIONS, services=services)
    planted = plant(session)
    try:
        found = inventory.orphans(session, before, inventory.snapshot(session, REGIONS, services=services))
    finally:
        uproot(session, planted[-1])
    for name in planted:
        assert [orphan for orphan in found if name in orphan.id], (name, found)
    assert {orphan.service for orphan in found} >= {"sqs", "dynamodb", "ssm", "secretsmanager", "events", "ecr", "ec2"}
    assert len(found) == len(planted), found
    after = inventory.snapshot(session, REGIONS, services=services)
    assert inventory.orphans(session, before, after) == []


@pytest.mark.world
def test_a_key_that_waits_for_its_deletion_is_no_orphan(session, services):
    api = client(session, "kms", REGION)
    before = inventory.snapshot(session, [REGION], services=["kms"])
    key = api.create_key()["KeyMetadata"]["KeyId"]
    after = inventory.snapshot(session, [REGION], services=["kms"])
    assert [key in orphan.id for orphan in inventory.orphans(session, before, after)] == [True]
    api.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    after = inventory.snapshot(session, [REGION], services=["kms"])
    assert inventory.orphans(session, before, after) == []


@pytest.mark.world
def test_a_long_list_is_read_to_its_end(session):
    api = client(session, "firehose", REGION)
    target = {
        "BucketARN": "arn:aws:s3:::aex-journal-000000000000",
        "RoleARN": "arn:aws:iam::000000000000:role/aex-delivery",
    }
    names = [f"many-{number:02d}" for number in range(25)]
    for name in names:
        api.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=target)
    try:
        seen = inventory.snapshot(session, [REGION], services=["firehose"])
    finally:
        for name in names:
            api.delete_delivery_stream(DeliveryStreamName=name)
    assert {resource.id for resource in seen.resources} >= set(names)


@pytest.mark.world
def test_the_services_of_the_exchange_are_among_those_offered(services):
    assert {"cloudformation", "ecs", "firehose", "servicediscovery", "route53", "s3", "iam", "ec2"} <= set(services)
    assert "redshift" not in services


@pytest.mark.parametrize(
    ("kind", "entry", "identity"),
    [
        ("VpcEndpoints", {"VpcId": "vpc-1", "VpcEndpointId": "vpce-1", "OwnerId": "0"}, "vpce-1"),
        ("Subnets", {"VpcId": "vpc-1", "SubnetId": "s-1", "SubnetArn": "arn:s-1", "OwnerId": "0"}, "arn:s-1"),
        ("MetricAlarms", {"AlarmName": "a", "AlarmArn": "arn:a", "Namespace": "n"}, "arn:a"),
        ("HostedZones", {"Id": "/hostedzone/Z", "Name": "n", "CallerReference": "c"}, "/hostedzone/Z"),
        ("Policies", {"PolicyName": "p", "PolicyId": "i", "Arn": "arn:p"}, "arn:p"),
        ("Addresses", {"PublicIp": "1.2.3.4", "AllocationId": "eipalloc-1", "InstanceId": "i-1"}, "eipalloc-1"),
        ("QueueUrls", "http://q", "http://q"),
        ("Things", {"size": 3}, ""),
        ("Numbers", 3, ""),
    ],
)
def test_a_thing_is_known_by_its_own_name(kind, entry, identity):
    assert inventory._identity(kind, entry) == identity


def taken(resources, answered):
    return Snapshot((REGION,), ("x",), frozenset(resources), frozenset(answered), ())


def test_an_operation_that_fell_silent_makes_the_comparison_blind():
    asked = Asked("x", "ListThings", REGION)
    assert inventory.blind(taken([], [asked]), taken([], [])) == [asked]


def test_what_is_missing_afterwards_is_told():
    thing = Resource("x", "Things", "t", REGION)
    assert inventory.missing(taken([thing], []), taken([], [])) == [thing]


def test_a_snapshot_survives_its_encoding():
    written = taken([Resource("x", "Things", "t", REGION)], [Asked("x", "ListThings", REGION)])
    assert inventory.decode(inventory.encode(written)) == written


def test_a_name_and_its_arn_are_one_orphan():
    pair = [Resource("x", "Arns", "arn:aws:x:r:0:thing/t", REGION), Resource("x", "Names", "t", REGION)]
    other = Resource("x", "Names", "t", "us-east-1")
    assert inventory._once([*pair, other]) == [pair[0], other]
