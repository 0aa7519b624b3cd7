"""The fence as IAM decides it and as a real put meets it."""

from __future__ import annotations

import json
import time

import boto3
import pytest

from drill.aws import fence
from drill.aws.clients import client
from drill.aws.fence import Epoch, EpochTakenError
from drill.aws.routing import cut_over, in_sync, targets, wanted_targets, withdraw, zone_id
from templates.settings import stream_name
from tests.aws.conftest import REGION

pytestmark = pytest.mark.world
BUCKET = "aex-journal-000000000000"


def epoch(number, site, at_ns=1):
    return Epoch(epoch=number, site=site, environment="LIVE", at_ns=at_ns)


def test_an_epoch_is_taken_once_and_the_first_record_stands(session, account):
    first = fence.take_epoch(session, BUCKET, REGION, epoch(71, "dr-a"))
    assert fence.take_epoch(session, BUCKET, REGION, epoch(71, "dr-a", at_ns=2)) == first
    with pytest.raises(EpochTakenError, match="dr-a"):
        fence.take_epoch(session, BUCKET, REGION, epoch(71, "dr-b"))
    client(session, "s3", REGION).put_object(Bucket=BUCKET, Key="control/epoch=71/open.json", Body=b"{}")
    assert [record for record in fence.epochs(session, BUCKET, REGION) if record.epoch == 71] == [first]


def credentials_of(session, role):
    """The task role's credentials, as a zombie holds them; the trust is widened for the test."""
    api, account = client(session, "iam"), "000000000000"
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    api.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))
    arn = f"arn:aws:iam::{account}:role/{role}"
    keys = client(session, "sts").assume_role(RoleArn=arn, RoleSessionName="zombie")["Credentials"]
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def accepted(zombie, put):
    api = client(zombie, "firehose", REGION)
    try:
        api.put_record(**put)
    except api.exceptions.ClientError as error:
        if not error.response["Error"]["Code"].startswith("AccessDenied"):
            raise
        return False
    return True


def test_a_fenced_engine_is_refused_until_the_fence_is_lifted(session, account):
    streams = [stream_name(symbol, 2) for symbol in account.symbols]
    zombie = credentials_of(session, "aex-dr-t1-engine")
    put = {"DeliveryStreamName": streams[0], "Record": {"Data": b"x"}}
    assert fence.allowed(session, "dr-t1", streams, REGION) == streams
    assert client(zombie, "firehose", REGION).put_record(**put)["RecordId"]
    fence.deny(session, "dr-t1")
    try:
        assert fence.allowed(session, "dr-t1", streams, REGION) == []
        assert fence.refused(zombie, REGION)
        deadline = time.monotonic() + 10
        while accepted(zombie, put):  # a decision may be remembered for a moment, as on AWS
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        fence.lift(session, "dr-t1")
    assert fence.allowed(session, "dr-t1", streams, REGION) == streams
    fence.lift(session, "dr-t1")
    fence.lift(session, "nowhere")


def test_the_cutover_moves_every_name_at_once_and_back(session, account):
    zone = zone_id(session, "aex.example")
    wanted = wanted_targets(account)
    assert wanted["aapl.aex.example"] == "engines-00.dr-t1.aex.internal"
    assert wanted["zzt2.aex.example"] == "engines-01.dr-t1.aex.internal"
    assert wanted["exchange.aex.example"] == "customer.dr-t1.aex.internal"
    changes = cut_over(session, zone, wanted, ttl_s=1)
    assert len(changes) == 1
    deadline = time.monotonic() + 60
    while not in_sync(session, changes):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert targets(session, zone) == wanted
    moved = {name: target.replace("dr-t1", "primary") for name, target in wanted.items()}
    cut_over(session, zone, moved)
    assert targets(session, zone) == moved
    withdraw(session, zone, [*wanted, "never.aex.example"])
    assert targets(session, zone) == {}
