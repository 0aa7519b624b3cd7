"""DeliveryToS3.DataFreshness: published each second for each stream, the last five minutes kept.

Real CloudWatch gets one point a minute or so from Firehose and keeps it for months; here the resolution is a second
and the window short, so that memory stays bounded at 300 points a stream.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch
from ministack.services import firehose as store

from emulator.clock import wall_ns
from emulator.delivery import Buffers, buffered

KEPT_POINTS = 300
ALARM_SECONDS = 10
FORGOTTEN_SECONDS = 900
NAMESPACE, METRIC = "AWS/Firehose", "DeliveryToS3.DataFreshness"


def publish(buffers: Buffers) -> set[tuple[str, str]]:
    """Add one point for each stream; returns the accounts and regions that have streams."""
    at = wall_ns() / 1e9
    places = set()
    for (account, region, name), stream in store._streams.all_items():
        if not buffered(stream):
            continue
        places.add((account, region))
        with request_scope(account, region):
            dimensions = {"DeliveryStreamName": name}
            points = cloudwatch._metric_bucket((NAMESPACE, METRIC, cloudwatch._dims_key(dimensions)))
            age = buffers.age_seconds((account, region, name))
            points.append({"Timestamp": at, "Unit": "Seconds", "Dimensions": dimensions, "Value": age})
            del points[:-KEPT_POINTS]
    _forget(at - FORGOTTEN_SECONDS)
    return places


def _look_at_alarms(at: float) -> None:
    """Judge the freshness alarms, each by its own stream.

    MiniStack's own evaluation takes the points of all streams for each alarm: with 100 streams it would hold the loop,
    and so every put, for half a second each second, and would raise all alarms for one late stream.
    """
    for alarm in list(cloudwatch._alarms.values()):
        if (alarm.get("Namespace"), alarm.get("MetricName")) != (NAMESPACE, METRIC):
            continue
        dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions", ())}
        points = cloudwatch._metric_bucket((NAMESPACE, METRIC, cloudwatch._dims_key(dimensions)))
        since = at - alarm.get("Period", 60) * alarm.get("EvaluationPeriods", 1)
        ages = [point["Value"] for point in reversed(points) if point["Timestamp"] >= since]
        if ages:
            _set_state(alarm, max(ages))


def _set_state(alarm: dict[str, Any], age: float) -> None:
    """Move the alarm to what the greatest age says, with its history and its actions."""
    before, now = alarm["StateValue"], "ALARM" if age > alarm.get("Threshold", 0) else "OK"
    if before == now:
        return
    reason = f"Threshold Crossed: Maximum {age} GreaterThanThreshold {alarm.get('Threshold', 0)}"
    alarm.update(StateValue=now, StateReason=reason, StateUpdatedTimestamp=round(wall_ns() / 1e9))
    cloudwatch._record_history(alarm["AlarmName"], before, now, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, now, reason)


def _forget(before: float) -> None:
    """Drop the points of streams that are gone for a quarter of an hour."""
    for place, points in cloudwatch._metrics.all_items():
        if place[2][:2] == (NAMESPACE, METRIC) and points and points[-1]["Timestamp"] < before:
            cloudwatch._metrics.pop_scoped(*place, None)


async def publish_each_second(buffers: Buffers) -> None:
    """Publish until cancelled; every tenth time the alarms are judged."""
    for tick in itertools.count():
        places = publish(buffers)
        if tick % ALARM_SECONDS == 0:
            for account, region in places:
                with request_scope(account, region):
                    _look_at_alarms(wall_ns() / 1e9)
        await asyncio.sleep(1)
