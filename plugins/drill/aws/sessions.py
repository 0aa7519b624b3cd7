"""AWS sessions for steps: the Airflow connection `aex_aws` where one is defined, else boto3's own chain."""

from __future__ import annotations

from typing import Any

CONNECTION = "aex_aws"


def connection_session(region: str) -> Any:
    """A boto3.Session for `region` with the credentials of the Airflow connection (inside a task only)."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook  # noqa: PLC0415 - slow import

    return AwsGenericHook(aws_conn_id=CONNECTION, region_name=region).get_session(region_name=region)


def default_session(region: str) -> Any:
    """A boto3.Session for `region` from boto3's own chain (triggerer, command line)."""
    import boto3  # noqa: PLC0415 - slow import

    return boto3.Session(region_name=region)
