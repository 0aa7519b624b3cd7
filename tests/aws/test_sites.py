"""What CloudFormation made, asked of each service itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drill.aws import fence, fleet, inventory, sites, stacks
from drill.aws.clients import client
from templates.settings import stream_name
from tests.aws.conftest import REGION, REGIONS

pytestmark = pytest.mark.world


def test_every_planned_stack_is_complete_and_tagged(session, account):
    states = stacks.progress(session, sites.site_refs(account))
    assert {state.status for state in states.values()} == {"CREATE_COMPLETE"}
    assert all(state.tags == {"Application": "AEX", "Drill": "t1", "Site": "dr-t1"} for state in states.values())


def test_streams_deliver_compressed_to_their_own_prefix(session, account):
    api = client(session, "firehose", REGION)
    for symbol in account.symbols:
        name = stream_name(symbol, 2)
        made = api.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
        target = made["Destinations"][0]["ExtendedS3DestinationDescription"]
        assert made["DeliveryStreamStatus"] == "ACTIVE"
        assert target["Prefix"] == f"journal/epoch=2/symbol={symbol}/!{{timestamp:yyyy/MM/dd/HH}}/"
        assert target["CompressionFormat"] == "GZIP"
        assert target["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 5}
        assert target["RoleARN"].endswith(":role/aex-delivery")


def test_services_run_the_engine_as_fargate_tasks_with_names(session, account):
    ecs, names = client(session, "ecs", REGION), client(session, "servicediscovery", REGION)
    known = {service["Name"] for service in names.list_services()["Services"]}
    for cluster, wanted in (
        ("aex-dr-t1-MatchingEngine", ["engines-00", "engines-01"]),
        ("aex-dr-t1-MarketData", ["marketdata"]),
        ("aex-dr-t1-Customer", ["customer"]),
    ):
        made = ecs.describe_services(cluster=cluster, services=wanted)["services"]
        assert sorted(service["serviceName"] for service in made) == wanted
        for service in made:
            assert service["launchType"] == "FARGATE"
            task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
            assert task["networkMode"] == "awsvpc"
            assert "/aex-dr-t1-e" in task["taskRoleArn"]
            assert task["containerDefinitions"][0]["command"][:3] == ["python", "-m", "engine"]
            assert service["serviceName"] in known


def test_the_namespace_is_the_sites_own(session, account):
    found = client(session, "servicediscovery", REGION).list_namespaces()["Namespaces"]
    assert [space["Name"] for space in found if space["Type"] == "DNS_PRIVATE"] == ["dr-t1.aex.internal"]


def test_alarms_watch_each_stream(session, account):
    alarms = client(session, "cloudwatch", REGION).describe_alarms(AlarmNamePrefix="aex-dr-t1-")["MetricAlarms"]
    watched = {alarm["Dimensions"][0]["Value"] for alarm in alarms}
    assert watched == {stream_name(symbol, 2) for symbol in account.symbols}
    assert all(alarm["AlarmActions"][0].endswith(":aex-operations") for alarm in alarms)


def test_buckets_are_private_and_all_but_the_mailbox_versioned(session, account):
    api = client(session, "s3", REGION)
    for name, versioned in (("aex-evidence", True), ("aex-journal", True), ("aex-witness", False)):
        bucket = f"{name}-000000000000"
        assert (api.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled") is versioned
        assert all(api.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())


def test_the_signing_key_can_sign_and_nothing_else(session, account):
    made = client(session, "kms", REGION).describe_key(KeyId="alias/aex-evidence")["KeyMetadata"]
    assert (made["KeySpec"], made["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


def test_advancing_a_complete_site_changes_nothing(session, account):
    before = stacks.progress(session, sites.site_refs(account))
    standing = sites.advance(session, account, account=True)
    assert standing.complete
    assert stacks.progress(session, sites.site_refs(account)) == before


def test_another_drill_cannot_take_over_a_site(session, account):
    order = stacks.StackOrder(
        ref=stacks.StackRef("aex-dr-t1-network", REGION), body="{}", tags={"Application": "AEX", "Drill": "t2"}
    )
    body = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    with pytest.raises(stacks.StackTakenError, match="aex-dr-t1-network"):
        stacks.create(session, replace(order, body=__import__("json").dumps(body)))


def test_desired_tasks_are_counted_over_all_clusters(session, account):
    assert fleet.desired(session, "dr-t1", REGION) == 4
    assert fleet.desired(session, "nowhere", REGION) == 0


def test_a_site_leaves_nothing_behind_even_when_it_was_fenced(session, account):
    services = inventory.offered(session, REGION)
    before = inventory.snapshot(session, REGIONS, services=services)
    second = replace(account, site="dr-t2", drill_id="t2", epoch=3, vpc_cidr="10.3.0.0/16")
    assert sites.deploy(session, second, timeout_s=60).complete
    fence.deny(session, "dr-t2")
    during = inventory.snapshot(session, REGIONS, services=services)
    kinds = {resource.kind for resource in inventory.orphans(session, before, during)}
    assert {"DeliveryStreamNames", "clusterArns", "Namespaces", "Vpcs", "Roles", "logGroups", "Stacks"} <= kinds
    assert sites.remove(session, "dr-t2", REGIONS, timeout_s=60).gone
    after = inventory.snapshot(session, REGIONS, services=services)
    assert inventory.orphans(session, before, after) == []
    assert inventory.missing(before, after) == []
    assert inventory.blind(before, after) == []


def test_a_site_whose_name_begins_like_another_is_left_alone(session, account):
    assert sites.standing_refs(session, "dr", REGIONS) == []
    assert len(sites.standing_refs(session, "dr-t1", REGIONS)) == len(sites.site_refs(account))


def test_a_primary_has_its_streams_in_the_journals_region(session, account):
    primary = replace(
        account, site="primary", drill_id="none", epoch=1, region="us-east-1", recover="", vpc_cidr="10.1.0.0/16"
    )
    try:
        assert sites.deploy(session, primary, timeout_s=60).complete
        streams = client(session, "firehose", REGION).list_delivery_streams(Limit=100)["DeliveryStreamNames"]
        assert set(streams) >= {"matching-engine-AAPL", "matching-engine-AAPL-e2"}
        assert client(session, "firehose", "us-east-1").list_delivery_streams()["DeliveryStreamNames"] == []
        gateways = client(session, "ec2", "us-east-1").describe_nat_gateways()["NatGateways"]
        assert [gateway["State"] for gateway in gateways] == ["available"]
    finally:
        sites.remove(session, "primary", REGIONS, timeout_s=60)


def test_everything_of_a_site_is_known_to_be_its_own_also_what_no_stack_names(session, account):
    every = inventory.snapshot(session, REGIONS, services=("ecs", "route53", "servicediscovery", "ec2")).resources
    zones = {
        zone["Id"]
        for zone in client(session, "route53", REGION).list_hosted_zones()["HostedZones"]
        if zone["Name"] == f"{account.namespace}."  # made by Cloud Map
    }
    assert zones <= {resource.id for resource in every}
    left = {resource.id for resource in sites.without(session, every, account.site, REGIONS)}
    assert len(zones) == 1
    assert not zones & left
    assert left < {resource.id for resource in every}
