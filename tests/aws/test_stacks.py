"""Stacks that fail say why and leave nothing; large ones go by way of a bucket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from drill.aws import sites, stacks
from drill.aws.clients import client
from drill.aws.stacks import StackOrder, StackRef
from tests.aws.conftest import REGION

pytestmark = pytest.mark.world
TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "aex-t-topic"}}


def stream(name: str) -> dict[str, Any]:
    target = {
        "BucketARN": "arn:aws:s3:::aex-journal-000000000000",
        "RoleARN": "arn:aws:iam::000000000000:role/aex-delivery",
    }
    properties = {"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": target}
    return {"Type": "AWS::KinesisFirehose::DeliveryStream", "DependsOn": "Topic", "Properties": properties}


def order(name: str, resources: dict[str, Any], *, padding: int = 0) -> StackOrder:
    body = json.dumps({"Description": "t", "Metadata": {"pad": "x" * padding}, "Resources": resources})
    return StackOrder(ref=StackRef(name, REGION), body=body, tags={"Application": "AEX"})


def settle(session, ref):
    for _ in range(400):
        state = stacks.progress(session, [ref])[ref]
        if not state.moving:
            return state
    raise AssertionError(f"{ref} still moving")


def topics(session):
    return [topic["TopicArn"].rpartition(":")[2] for topic in client(session, "sns", REGION).list_topics()["Topics"]]


def test_a_failed_creation_names_its_first_cause_and_is_rolled_back(session, account):
    ref = StackRef("aex-t-broken", REGION)
    taken = "matching-engine-AAPL-e2"
    stack_id = stacks.create(session, order(ref.name, {"Topic": TOPIC, "Stream": stream(taken)}))
    assert settle(session, ref).status == "ROLLBACK_COMPLETE"
    cause = stacks.failure(session, ref, stack_id=stack_id)
    assert cause is not None
    assert (cause.logical_id, cause.resource_type) == ("Stream", "AWS::KinesisFirehose::DeliveryStream")
    assert "exist" in cause.reason
    assert "aex-t-topic" not in topics(session)
    assert taken in client(session, "firehose", REGION).list_delivery_streams(Limit=100)["DeliveryStreamNames"]
    stacks.delete(session, ref)
    assert settle(session, ref).gone
    assert stacks.events(session, ref, stack_id=stack_id)[-1].status == "DELETE_COMPLETE"


def test_events_are_in_order_and_dated(session):
    ref = StackRef("aex-t-events", REGION)
    stack_id = stacks.create(session, order(ref.name, {"Topic": TOPIC}))
    assert settle(session, ref).complete
    history = stacks.events(session, ref, stack_id=stack_id)
    assert [event.status for event in history if event.logical_id == ref.name] == [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
    ]
    assert [event.at_ns for event in history] == sorted(event.at_ns for event in history)
    assert stacks.failure(session, ref) is None
    stacks.delete(session, ref)
    stacks.delete(session, ref)
    assert stacks.gone(session, [ref])


def test_a_large_template_goes_by_url_and_only_with_a_bucket(session, account):
    large = order("aex-t-large", {"Topic": TOPIC}, padding=60_000)
    with pytest.raises(stacks.TemplateTooLargeError, match="aex-t-large"):
        stacks.create(session, large)
    stacks.create(session, large, template_bucket="aex-evidence-000000000000")
    assert settle(session, large.ref).complete
    stacks.delete(session, large.ref)
    assert settle(session, large.ref).gone


def test_a_site_that_fails_reports_the_resource_and_can_be_removed(session, account):
    wrong = replace(account, site="dr-bad", drill_id="bad", epoch=9, symbols=("AAPL",))
    api = client(session, "firehose", REGION)
    taken = stream("matching-engine-AAPL-e9")["Properties"]
    api.create_delivery_stream(**taken)
    try:
        with pytest.raises(sites.SiteFailedError, match=r"aex-dr-bad-streams-00/StreamAAPL: .*exist") as failed:
            sites.deploy(session, wrong, timeout_s=30)
        assert [failure.logical_id for failure in failed.value.failures] == ["StreamAAPL"]
        assert not [ref for ref in sites.standing_refs(session, "dr-bad", [REGION]) if "symbols" in ref.name]
        sites.remove(session, "dr-bad", [REGION], timeout_s=30)
    finally:
        api.delete_delivery_stream(DeliveryStreamName="matching-engine-AAPL-e9")
    assert sites.standing_refs(session, "dr-bad", [REGION]) == []
