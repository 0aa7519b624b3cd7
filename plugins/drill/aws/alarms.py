"""Which alarms of a site stand now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3


def raised(session: boto3.Session, region: str, prefix: str) -> list[str]:
    """Names of the alarms in state ALARM whose name begins with `prefix`, sorted."""
    pages = client(session, "cloudwatch", region).get_paginator("describe_alarms")
    found = pages.paginate(StateValue="ALARM", AlarmNamePrefix=prefix)
    return sorted(alarm["AlarmName"] for page in found for alarm in page.get("MetricAlarms", ()))
