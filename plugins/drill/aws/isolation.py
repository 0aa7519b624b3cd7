"""Isolation, proven by real attempts: what the DR site's engine role must be refused, it tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from drill.aws import assume
from drill.aws.clients import account_id, client
from templates.settings import Settings, engine_role_name, stream_name

if TYPE_CHECKING:
    import boto3

PROBE = "isolation-probe"
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess")


def attempts(session: boto3.Session, site: Settings, journal_bucket: str) -> dict[str, Any]:
    """Every attempt with what it met; each would be harmless if it were allowed (it names nothing that exists).

    Document: {"role", "attempts": [{"action", "resource", "denied"}]}.
    """
    role = assume.engine_role(session, account_id(session), engine_role_name(site.site), site.region)
    s3, firehose = client(role, "s3", site.journal_region), client(role, "firehose", site.journal_region)
    key = f"{site.recover}epoch={site.epoch - 1}/{PROBE}"
    old_stream = stream_name(site.symbols[0], site.epoch - 1)
    tried: list[tuple[str, str, Callable[[], Any]]] = [
        ("s3:PutObject", f"{journal_bucket}/{key}", lambda: s3.put_object(Bucket=journal_bucket, Key=key, Body=b"")),
        ("s3:DeleteObject", f"{journal_bucket}/{key}", lambda: s3.delete_object(Bucket=journal_bucket, Key=key)),
        (
            "s3:PutObject",
            f"{journal_bucket}/control/{PROBE}",
            lambda: s3.put_object(Bucket=journal_bucket, Key=f"control/{PROBE}", Body=b""),
        ),
        (
            "firehose:PutRecord",
            old_stream,
            lambda: firehose.put_record(DeliveryStreamName=old_stream, Record={"Data": b""}),
        ),
        (
            "cloudformation:DeleteStack",
            PROBE,
            lambda: client(role, "cloudformation", site.region).delete_stack(StackName=PROBE),
        ),
        (
            "iam:DeleteRolePolicy",
            PROBE,
            lambda: client(role, "iam").delete_role_policy(RoleName=PROBE, PolicyName=PROBE),
        ),
        (
            "route53:ListResourceRecordSets",
            PROBE,
            lambda: client(role, "route53").list_resource_record_sets(HostedZoneId="Z0000000000000"),
        ),
    ]
    found = [{"action": action, "resource": on, "denied": _denied(attempt)} for action, on, attempt in tried]
    return {"role": engine_role_name(site.site), "attempts": found}


def _denied(attempt: Callable[[], Any]) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import; a DAG imports this module

    try:
        attempt()
    except ClientError as error:
        return str(error.response["Error"]["Code"]).startswith(DENIED)
    return False
