"""CloudFormation stacks: create, follow, explain, delete. Every call may be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

# Above it CreateStack takes the template by URL only (CloudFormation quotas).
INLINE_BYTES = 51_200
GONE = "DELETE_COMPLETE"
NS = 1_000_000_000
_BEGINNINGS = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}


class StackError(Exception):
    """Base of this module's errors; the message names stack and region."""


class StackTakenError(StackError):
    """A stack of this name exists and belongs to another drill or site."""


class TemplateTooLargeError(StackError):
    """The body exceeds the inline limit and no bucket was named to upload it to."""


@dataclass(frozen=True, slots=True, order=True)
class StackRef:
    """A stack's name is unique in its region only."""

    name: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOrder:
    """What to create: body is the template as sent."""

    ref: StackRef
    body: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvent:
    """One line of a stack's history; `at_ns` is CloudFormation's own clock (ms resolution), UTC."""

    at_ns: int
    stack: str
    logical_id: str
    resource_type: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """A stack as it stands; `status` is `DELETE_COMPLETE` when there is none."""

    ref: StackRef
    status: str
    stack_id: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether siblings may use its outputs."""
        return self.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

    @property
    def failed(self) -> bool:
        """Whether waiting longer is useless: failed, or rolling back because it failed."""
        return "FAILED" in self.status or "ROLLBACK" in self.status

    @property
    def gone(self) -> bool:
        """Whether there is no such stack."""
        return self.status == GONE

    @property
    def moving(self) -> bool:
        """Whether CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a stack failed: the first resource that did, in its own words."""

    stack: str
    logical_id: str
    resource_type: str
    reason: str


def create(session: boto3.Session, order: StackOrder, *, template_bucket: str | None = None) -> str:
    """Start the creation and return the stack id; a stack that is already there with the same tags is returned.

    Raises:
        StackTakenError: it is there with other tags.
        TemplateTooLargeError: over 51,200 bytes and no `template_bucket`.
    """
    api = client(session, "cloudformation", order.ref.region)
    try:
        answer = api.create_stack(
            StackName=order.ref.name,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in order.parameters.items()],
            Tags=[{"Key": name, "Value": value} for name, value in order.tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
            OnFailure="ROLLBACK",
            **_template(session, order, template_bucket),
        )
    except api.exceptions.AlreadyExistsException:
        return _ours(session, order).stack_id
    return str(answer["StackId"])


def progress(session: boto3.Session, refs: Iterable[StackRef]) -> dict[StackRef, StackState]:
    """The state of each stack, with one listing per region."""
    wanted = list(refs)
    known = {state.ref: state for region in {ref.region for ref in wanted} for state in listing(session, region)}
    return {ref: known.get(ref, StackState(ref=ref, status=GONE)) for ref in wanted}


def listing(session: boto3.Session, region: str) -> list[StackState]:
    """Every stack of the region that is not deleted."""
    pages = client(session, "cloudformation", region).get_paginator("describe_stacks").paginate()
    return [_state(region, entry) for page in pages for entry in page["Stacks"] if entry["StackStatus"] != GONE]


def events(session: boto3.Session, ref: StackRef, *, stack_id: str = "") -> list[StackEvent]:
    """The stack's history, oldest first; `stack_id` reaches a stack that is already deleted."""
    api = client(session, "cloudformation", ref.region)
    pages = api.get_paginator("describe_stack_events").paginate(StackName=stack_id or ref.name)
    found = [_event(entry) for page in pages for entry in page["StackEvents"]]
    return found[::-1]


def failure(session: boto3.Session, ref: StackRef, *, stack_id: str = "") -> Failure | None:
    """The first failed event of the latest operation, or None; consequences ("cancelled") come later."""
    first: StackEvent | None = None
    for event in events(session, ref, stack_id=stack_id):
        if event.logical_id == ref.name and event.status in _BEGINNINGS:
            first = None
        elif first is None and event.status.endswith("_FAILED"):
            first = event
    if first is None:
        return None
    return Failure(stack=ref.name, logical_id=first.logical_id, resource_type=first.resource_type, reason=first.reason)


def physical_ids(session: boto3.Session, ref: StackRef) -> set[str]:
    """What a stack's resources are called by their services; nothing where the stack is gone."""
    api = client(session, "cloudformation", ref.region)
    try:
        found = api.describe_stack_resources(StackName=ref.name)["StackResources"]
    except api.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return set()
        raise
    return {str(entry["PhysicalResourceId"]) for entry in found if entry.get("PhysicalResourceId")}


def body(session: boto3.Session, ref: StackRef) -> bytes:
    """The stack's template as it was deployed: from CloudFormation, not from our own code."""
    api = client(session, "cloudformation", ref.region)
    found = api.get_template(StackName=ref.name, TemplateStage="Original")["TemplateBody"]
    # botocore has parsed a JSON template already; one in YAML comes as the text that it is.
    return found.encode() if isinstance(found, str) else json.dumps(found, separators=(",", ":")).encode()


def delete(session: boto3.Session, ref: StackRef) -> None:
    """Start the deletion; deleting a stack that is gone is no error."""
    client(session, "cloudformation", ref.region).delete_stack(StackName=ref.name)


def gone(session: boto3.Session, refs: Iterable[StackRef]) -> bool:
    """Whether none of them exists any more."""
    return all(state.gone for state in progress(session, refs).values())


def _template(session: boto3.Session, order: StackOrder, bucket: str | None) -> dict[str, str]:
    body = order.body.encode()
    if len(body) <= INLINE_BYTES:
        return {"TemplateBody": order.body}
    if bucket is None:
        raise TemplateTooLargeError(
            f"{order.ref.name} in {order.ref.region}: {len(body)} bytes; name a template_bucket or use smaller shards"
        )
    key = f"templates/{hashlib.sha256(body).hexdigest()}.json"
    client(session, "s3", order.ref.region).put_object(Bucket=bucket, Key=key, Body=body)
    # CloudFormation documents the path style for TemplateURL in every region.
    return {"TemplateURL": f"https://s3.{order.ref.region}.amazonaws.com/{bucket}/{key}"}


def _ours(session: boto3.Session, order: StackOrder) -> StackState:
    there = progress(session, [order.ref])[order.ref]
    if dict(there.tags) != dict(order.tags):
        raise StackTakenError(
            f"{order.ref.name} in {order.ref.region} exists with tags {dict(there.tags)}, not {dict(order.tags)}"
        )
    return there


def _state(region: str, entry: Mapping[str, Any]) -> StackState:
    return StackState(
        ref=StackRef(entry["StackName"], region),
        status=entry["StackStatus"],
        stack_id=entry["StackId"],
        outputs={output["OutputKey"]: output["OutputValue"] for output in entry.get("Outputs", ())},
        tags={tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())},
        reason=entry.get("StackStatusReason", ""),
    )


def _event(entry: Mapping[str, Any]) -> StackEvent:
    moment = entry["Timestamp"]
    return StackEvent(
        at_ns=int(moment.timestamp()) * NS + moment.microsecond * 1000,
        stack=entry["StackName"],
        logical_id=entry["LogicalResourceId"],
        resource_type=entry.get("ResourceType", ""),
        status=entry["ResourceStatus"],
        reason=entry.get("ResourceStatusReason", ""),
    )
