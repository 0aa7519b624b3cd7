"""Another role's credentials, through STS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

DURATION_S = 900


DRILL_ROLE = "aex-drill"


def engine_role(session: boto3.Session, account: str, name: str, region: str) -> boto3.Session:
    """A session as a site's engine, taken through the drill's own role: engines trust nobody else."""
    caller = str(client(session, "sts").get_caller_identity()["Arn"])
    drill = session if f"/{DRILL_ROLE}/" in caller else role(session, account, DRILL_ROLE, region)
    return role(drill, account, name, region)


def role(session: boto3.Session, account: str, name: str, region: str) -> boto3.Session:
    """A session with the credentials of role `name`, for 15 minutes."""
    import boto3  # noqa: PLC0415 - slow to import; a DAG imports this module

    answer = client(session, "sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="aex-drill", DurationSeconds=DURATION_S
    )
    credentials = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=region,
    )
