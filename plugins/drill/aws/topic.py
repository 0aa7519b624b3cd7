"""The operations topic: alarms and notices go to whoever subscribed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

NAME = "aex-operations"


def publish(session: boto3.Session, account: str, region: str, *, subject: str, text: str, kind: str) -> str:
    """Publish one notice; returns SNS's message id. `kind` becomes an attribute that subscriptions can filter by."""
    answer = client(session, "sns", region).publish(
        TopicArn=f"arn:{session.get_partition_for_region(region)}:sns:{region}:{account}:{NAME}",
        Subject=subject,
        Message=text,
        MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
    )
    return str(answer["MessageId"])
