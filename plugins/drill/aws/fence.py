"""Keep the old epoch from the journal: an explicit deny for its role, and the epoch record that ends its lease."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from drill.aws.clients import account_id, client
from templates.settings import engine_role_name

if TYPE_CHECKING:
    import boto3

POLICY = "aex-fence"
ACTIONS = ("firehose:PutRecord", "firehose:PutRecordBatch")
# Matches what the engine role allows and what the fence denies, and names no stream: an attempt cannot write.
NO_STREAM = "matching-engine-FENCE"


class FenceError(Exception):
    """Base of this module's errors."""


class EpochTakenError(FenceError):
    """Another site holds this epoch; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The record that makes a site the only one that may acknowledge; `at_ns` is the taker's clock, UTC."""

    epoch: int
    site: str
    environment: str
    at_ns: int


def take_epoch(session: boto3.Session, bucket: str, region: str, wanted: Epoch, *, root: str = "") -> Epoch:
    """Write `control/epoch=E.json` if there is none, and return what stands there; `root` is an exercise's prefix.

    Repeating it for the same site returns the first record. Raises EpochTakenError when another site was first.
    """
    api = client(session, "s3", region)
    key = f"{root}control/epoch={wanted.epoch}.json"
    body = json.dumps(asdict(wanted), sort_keys=True).encode()
    try:
        api.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", ContentType="application/json")
    except api.exceptions.ClientError as refused:
        # 412: it exists. 409: somebody else is writing it at this moment, so it will exist.
        if refused.response["Error"]["Code"] not in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
            raise
    standing = _epoch(json.loads(api.get_object(Bucket=bucket, Key=key)["Body"].read()))
    if (standing.site, standing.environment) != (wanted.site, wanted.environment):
        raise EpochTakenError(f"epoch {wanted.epoch} belongs to site {standing.site}, not to {wanted.site}")
    return standing


def epochs(session: boto3.Session, bucket: str, region: str) -> list[Epoch]:
    """Every epoch record, oldest first; none where the bucket is not there yet."""
    api = client(session, "s3", region)
    pages = api.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="control/epoch=")
    try:
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    except api.exceptions.ClientError as absent:
        if absent.response["Error"]["Code"] != "NoSuchBucket":
            raise
        return []
    records = [key for key in keys if key.count("/") == 1 and key.endswith(".json")]
    found = [_epoch(json.loads(api.get_object(Bucket=bucket, Key=key)["Body"].read())) for key in records]
    return sorted(found, key=lambda record: record.epoch)


def current(session: boto3.Session, bucket: str, region: str) -> Epoch:
    """The exchange's epoch: the newest that was taken. Raises FenceError where none ever was."""
    taken = epochs(session, bucket, region)
    if not taken:
        raise FenceError(f"s3://{bucket}/control/: no epoch was ever taken; run `python -m drill deploy` first")
    return taken[-1]


def deny(session: boto3.Session, site: str) -> None:
    """Deny the site's engine role every put to every stream of the journal, whatever else allows it.

    IAM is eventually consistent: a put may still be accepted for a moment (seconds on AWS). Drain from the moment
    `refused` holds, not from this call; frames accepted in between are a zombie's and are found by their epoch.
    """
    resource = f"arn:aws:firehose:*:{account_id(session)}:deliverystream/matching-engine-*"
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Fence", "Effect": "Deny", "Action": list(ACTIONS), "Resource": resource}],
    }
    client(session, "iam").put_role_policy(
        RoleName=engine_role_name(site), PolicyName=POLICY, PolicyDocument=json.dumps(document)
    )


def lift(session: boto3.Session, site: str) -> None:
    """Take the deny away (failback, teardown); none there, or no such role, is no error."""
    api = client(session, "iam")
    try:
        api.delete_role_policy(RoleName=engine_role_name(site), PolicyName=POLICY)
    except api.exceptions.NoSuchEntityException:
        return


def allowed(session: boto3.Session, site: str, streams: Sequence[str], region: str) -> list[str]:
    """The streams that the site's engine role may still put to, by IAM's own evaluation; empty = fenced.

    Asked for all at once, then singly for those the answer left out (not every endpoint answers for a list).
    """
    prefix = f"arn:aws:firehose:{region}:{account_id(session)}:deliverystream/"
    decisions = _decisions(session, site, [prefix + name for name in streams])
    for name in streams:
        if prefix + name not in decisions:
            decisions |= _decisions(session, site, [prefix + name])
    unanswered = [name for name in streams if prefix + name not in decisions]
    if unanswered:
        raise FenceError(f"site {site}: IAM evaluated nothing for {unanswered}")
    return sorted(name for name in streams if "allowed" in decisions[prefix + name])


def _decisions(session: boto3.Session, site: str, resources: Sequence[str]) -> dict[str, set[str]]:
    """Stream ARN -> what IAM decides for the actions on it."""
    pages = (
        client(session, "iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn=f"arn:aws:iam::{account_id(session)}:role/{engine_role_name(site)}",
            ActionNames=list(ACTIONS),
            ResourceArns=list(resources),
        )
    )
    decided: dict[str, set[str]] = {}
    for page in pages:
        for result in page["EvaluationResults"]:
            decided.setdefault(result["EvalResourceName"], set()).add(result["EvalDecision"])
    return decided


def refused(old: boto3.Session, region: str, stream: str = NO_STREAM) -> bool:
    """Whether a real put with the old epoch's own credentials is refused; `stream` is one that its role may put to.

    It names a stream that does not exist: authorisation comes first, so the answer is "denied" or "not found", and
    nothing can be written either way. It shows the policy, not that every host of the service has learnt of it.
    """
    api = client(old, "firehose", region)
    try:
        api.put_record(DeliveryStreamName=stream, Record={"Data": b"\n"})
    except api.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"]).startswith("AccessDenied")
    return False


def _epoch(record: dict[str, Any]) -> Epoch:
    return Epoch(
        epoch=int(record["epoch"]),
        site=str(record["site"]),
        environment=str(record["environment"]),
        at_ns=int(record["at_ns"]),
    )
