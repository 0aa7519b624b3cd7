"""How far delivery is behind: Firehose's own DataFreshness, and whether everything put before a moment has arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

# Of GetMetricData.
QUERIES_PER_CALL = 500
NS = 1_000_000_000
# Firehose publishes about once a minute; five minutes find the latest point also when one is late.
WINDOW_S = 300
# Firehose's metrics have minutes; an endpoint that publishes seconds may be asked for them.
PERIOD_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """At `at_ns` (UTC) the oldest record not yet delivered was `age_ns` old; 0: none was waiting."""

    at_ns: int
    age_ns: int

    @property
    def delivered_to_ns(self) -> int:
        """Everything put before this moment had been delivered."""
        return self.at_ns - self.age_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstLag:
    """At `at_ns` (UTC) `streams` streams published; the oldest record waiting, `age_ns` old, was of `stream`."""

    at_ns: int
    age_ns: int
    stream: str
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Which streams may still hold records put before the moment in question."""

    pending: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether everything has arrived: streams that published nothing had nothing to deliver."""
        return not self.pending


def freshness(
    session: boto3.Session, streams: Sequence[str], region: str, now_ns: int, *, period_s: int = PERIOD_S
) -> dict[str, Freshness | None]:
    """The latest point of each stream in the last five minutes, None where there is none."""
    latest: dict[str, Freshness | None] = dict.fromkeys(streams)
    for at in range(0, len(streams), QUERIES_PER_CALL):
        latest |= _points(session, streams[at : at + QUERIES_PER_CALL], region, now_ns, period_s)
    return latest


def drained(
    session: boto3.Session,
    streams: Sequence[str],
    region: str,
    *,
    since_ns: int,
    now_ns: int,
    buffer_ns: int,
    period_s: int = PERIOD_S,
) -> Drain:
    """Whether everything put before `since_ns` has been delivered, by each stream's latest point.

    A stream without a point is silent: it is pending until twice the buffer interval (`buffer_ns`) has passed.
    """
    points = freshness(session, streams, region, now_ns, period_s=period_s)
    silent = tuple(name for name, point in points.items() if point is None)
    waited = now_ns - since_ns >= 2 * buffer_ns
    behind = tuple(name for name, point in points.items() if point is not None and point.delivered_to_ns < since_ns)
    return Drain(pending=behind if waited else (*behind, *silent), silent=silent)


def series(
    session: boto3.Session,
    streams: Sequence[str],
    region: str,
    since_ns: int,
    until_ns: int,
    *,
    period_s: int = PERIOD_S,
) -> tuple[WorstLag, ...]:
    """The worst stream at every moment at which any stream published, oldest first: the report's chart of the lag."""
    worst: dict[int, tuple[int, str, int]] = {}
    start, end = _utc(since_ns), _utc(until_ns) + timedelta(seconds=1)
    for at in range(0, len(streams), QUERIES_PER_CALL):
        some = streams[at : at + QUERIES_PER_CALL]
        for stream, points in _published(session, some, region, start=start, end=end, period_s=period_s):
            for point in points:
                age, name, count = worst.get(point.at_ns, (-1, "", 0))
                worst[point.at_ns] = (*max((age, name), (point.age_ns, stream)), count + 1)
    return tuple(
        WorstLag(at_ns=moment, age_ns=age, stream=stream, streams=count)
        for moment, (age, stream, count) in sorted(worst.items())
    )


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // NS, UTC)


def _points(
    session: boto3.Session, streams: Sequence[str], region: str, now_ns: int, period_s: int
) -> Mapping[str, Freshness]:
    end = _utc(now_ns) + timedelta(seconds=1)
    start = end - timedelta(seconds=WINDOW_S)
    latest: dict[str, Freshness] = {}
    for stream, points in _published(session, streams, region, start=start, end=end, period_s=period_s):
        known = [latest[stream]] if stream in latest else []
        latest[stream] = max([*known, *points], key=lambda point: point.at_ns)
    return latest


def _published(
    session: boto3.Session, streams: Sequence[str], region: str, *, start: datetime, end: datetime, period_s: int
) -> Iterator[tuple[str, list[Freshness]]]:
    """What each stream published between two moments: a stream may come twice, one without a point not at all."""
    pages = (
        client(session, "cloudwatch", region)
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=[_query(number, name, period_s) for number, name in enumerate(streams)],
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampDescending",
        )
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            points = [
                Freshness(at_ns=int(moment.timestamp()) * NS, age_ns=int(value * NS))
                for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
            ]
            if points:
                yield streams[int(result["Id"][1:])], points


def _query(number: int, stream: str, period_s: int) -> dict[str, object]:
    metric = {
        "Namespace": "AWS/Firehose",
        "MetricName": "DeliveryToS3.DataFreshness",
        "Dimensions": [{"Name": "DeliveryStreamName", "Value": stream}],
    }
    return {"Id": f"s{number}", "MetricStat": {"Metric": metric, "Period": period_s, "Stat": "Maximum"}}
