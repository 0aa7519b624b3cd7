"""How far delivery is behind: Firehose's own DataFreshness, and whether everything put before a moment has arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def _points(
    session: boto3.Session, streams: Sequence[str], region: str, now_ns: int, period_s: int
) -> Mapping[str, Freshness]:
    end = datetime.fromtimestamp(now_ns // NS, UTC) + timedelta(seconds=1)
    pages = (
        client(session, "cloudwatch", region)
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=[_query(number, name, period_s) for number, name in enumerate(streams)],
            StartTime=end - timedelta(seconds=WINDOW_S),
            EndTime=end,
            ScanBy="TimestampDescending",
        )
    )
    found: dict[str, Freshness] = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            points = [
                Freshness(at_ns=int(moment.timestamp()) * NS, age_ns=int(value * NS))
                for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
            ]
            if points:
                found[streams[int(result["Id"][1:])]] = max(points, key=lambda point: point.at_ns)
    return found


def _query(number: int, stream: str, period_s: int) -> dict[str, object]:
    metric = {
        "Namespace": "AWS/Firehose",
        "MetricName": "DeliveryToS3.DataFreshness",
        "Dimensions": [{"Name": "DeliveryStreamName", "Value": stream}],
    }
    return {"Id": f"s{number}", "MetricStat": {"Metric": metric, "Period": period_s, "Stat": "Maximum"}}
