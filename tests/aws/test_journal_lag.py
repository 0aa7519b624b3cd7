"""Delivery lag by Firehose's own metric."""

from __future__ import annotations

import time

import pytest

from drill.aws import journal_lag
from drill.aws.clients import client
from drill.aws.journal_lag import Freshness
from templates.settings import stream_name
from tests.aws.conftest import REGION

NS = 1_000_000_000


def test_freshness_tells_up_to_when_everything_is_delivered():
    assert Freshness(at_ns=10 * NS, age_ns=3 * NS).delivered_to_ns == 7 * NS


@pytest.mark.parametrize(
    ("points", "waited_s", "pending"),
    [
        ({"a": Freshness(at_ns=100 * NS, age_ns=0)}, 1, ()),
        ({"a": Freshness(at_ns=100 * NS, age_ns=5 * NS)}, 1, ("a",)),
        ({"a": Freshness(at_ns=98 * NS, age_ns=0)}, 1, ("a",)),
        ({"a": None}, 1, ("a",)),
        ({"a": None}, 10, ()),
        ({"a": Freshness(at_ns=100 * NS, age_ns=0), "b": None}, 1, ("b",)),
    ],
)
def test_a_stream_is_pending_until_it_has_delivered_or_had_time_to(monkeypatch, points, waited_s, pending):
    monkeypatch.setattr(journal_lag, "freshness", lambda *_, **__: points)
    since = 99 * NS
    found = journal_lag.drained(
        None, list(points), REGION, since_ns=since, now_ns=since + waited_s * NS, buffer_ns=5 * NS
    )
    assert found.pending == pending
    assert found.done is (not pending)


@pytest.mark.world
def test_a_record_that_was_put_is_drained_and_then_in_the_bucket(session, account):
    name = stream_name("ZZT1", 2)
    client(session, "firehose", REGION).put_record(DeliveryStreamName=name, Record={"Data": b"x"})
    since, deadline = time.time_ns(), time.monotonic() + 30
    while not journal_lag.drained(
        session, [name], REGION, since_ns=since, now_ns=time.time_ns(), buffer_ns=60 * NS, period_s=1
    ).done:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    lag = journal_lag.series(session, [name], REGION, since - 10 * NS, time.time_ns(), period_s=1)
    assert [point.at_ns for point in lag] == sorted({point.at_ns for point in lag})
    assert {(point.stream, point.streams) for point in lag} == {(name, 1)}
    found = client(session, "s3", REGION).list_objects_v2(
        Bucket="aex-journal-000000000000", Prefix="journal/epoch=2/symbol=ZZT1/"
    )
    assert found["KeyCount"] == 1
    # No site opened this symbol in this epoch: retention, next in this account, would ask for the record of it.
    client(session, "s3", REGION).delete_object(Bucket="aex-journal-000000000000", Key=found["Contents"][0]["Key"])
