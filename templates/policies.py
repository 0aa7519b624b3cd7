"""IAM documents: every action and resource is listed; `*` stands only where AWS offers no resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import Sub, Tags, iam

Document = dict[str, Any]


def statement(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[Any],
    *,
    effect: str = "Allow",
    condition: Mapping[str, Any] | None = None,
    principal: Any = None,
) -> Document:
    """One statement; the order of keys is fixed so that rendered templates compare equal."""
    made: Document = {"Sid": sid, "Effect": effect, "Action": list(actions), "Resource": list(resources)}
    if condition:
        made["Condition"] = dict(condition)
    if principal is not None:
        made["Principal"] = principal
    return made


def document(*statements: Document) -> Document:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust_service(service: str) -> Document:
    """Only this service, and only on behalf of this account (the confused deputy)."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")}},
        }
    )


def trust_tasks() -> Document:
    """ECS tasks, and the drill's role: it proves by real attempts what a site's engines are refused."""
    tasks = trust_service("ecs-tasks.amazonaws.com")
    drill = {
        "Effect": "Allow",
        "Principal": {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aex-drill")},
        "Action": "sts:AssumeRole",
    }
    return {**tasks, "Statement": [*tasks["Statement"], drill]}


def trust_account() -> Document:
    """Principals of this account whose own policy lets them assume the role."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
            "Action": "sts:AssumeRole",
        }
    )


def role(title: str, name: str, trust: Document, statements: Sequence[Document], tags: Tags, **more: Any) -> iam.Role:
    """A named role with one inline policy."""
    policies = [iam.Policy(PolicyName=name, PolicyDocument=document(*statements))] if statements else []
    return iam.Role(title, RoleName=name, AssumeRolePolicyDocument=trust, Policies=policies, Tags=tags, **more)


def only_prefix(*patterns: str) -> Document:
    """Condition of a bucket listing: it names one of these prefixes."""
    return {"StringLike": {"s3:prefix": list(patterns)}}


def objects(bucket_arn: str, *patterns: str) -> list[Any]:
    """Object ARNs; `bucket_arn` is a `Sub` expression such as `${JournalBucket.Arn}`."""
    return [Sub(f"{bucket_arn}/{pattern}") for pattern in patterns]
