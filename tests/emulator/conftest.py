"""One emulator process for the whole suite, on free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
WEST, EAST = "us-west-2", "us-east-1"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def now_seconds() -> float:
    """UTC; what CloudWatch's windows are made of."""
    return time.time_ns() / 1e9


def eventually(look: Callable[[], Any], *, seconds: float = 10) -> Any:
    """Poll until the look is truthy; the last falsy answer fails the test."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {look} -> {seen!r}"
        time.sleep(0.02)
    return seen


@dataclass
class Cloud:
    """A running emulator."""

    home: Path
    port: int = field(default_factory=free_port)
    dns_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Cloud:
        command = [
            sys.executable,
            "-m",
            "emulator",
            "serve",
            "--port",
            str(self.port),
            "--dns-port",
            str(self.dns_port),
        ]
        command += ["--state", str(self.home / "aws"), "--run", str(self.home / "run")]
        with (self.home / "emulator.log").open("ab") as log:
            # A parent's real AWS settings must not reach tasks: these stand in for them.
            environment = os.environ | {"AWS_PROFILE": "parent", "AWS_SECRET_ACCESS_KEY": "parent"}
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        eventually(self.healthy, seconds=30)
        return self

    def healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "emulator.log").read_text()
        try:
            return bool(self.get("/_aex/health")["status"] == "up")
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.endpoint}{path}", timeout=5) as answer:
            return json.load(answer)

    def post(self, path: str, content: object) -> Any:
        request = urllib.request.Request(f"{self.endpoint}{path}", data=json.dumps(content).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def client(self, service: str, region: str = WEST, role: dict[str, str] | None = None) -> Any:
        given = role or {"AccessKeyId": "aex-operator", "SecretAccessKey": "aex-operator-secret"}
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            # discover_instances would go to data-127.0.0.1 otherwise.
            config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20, inject_host_prefix=False),
        )

    def role(self, name: str, *statements: dict[str, Any], service: str = "ecs-tasks.amazonaws.com") -> str:
        trust = [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"},
        ]
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(*trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=policy(*statements))
        return str(arn)

    def assume(self, arn: str) -> dict[str, str]:
        answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
        return dict(answer["Credentials"])

    def stream(self, name: str, bucket: str, *, seconds: int = 1, mebibytes: int = 1, gzip: bool = True) -> None:
        role = self.role(f"delivery-{name}", allow("s3:PutObject"), service="firehose.amazonaws.com")
        self.client("firehose").create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": role,
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "Prefix": f"journal/{name}/!{{timestamp:yyyy/MM/dd/HH/}}",
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "BufferingHints": {"IntervalInSeconds": seconds, "SizeInMBs": mebibytes},
                "CompressionFormat": "GZIP" if gzip else "UNCOMPRESSED",
            },
        )

    def bucket(self, name: str) -> str:
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": WEST})
        return name

    def build(
        self, stack: str, resources: dict[str, Any], *, expect: str = "CREATE_COMPLETE", region: str = WEST
    ) -> Any:
        cloudformation = self.client("cloudformation", region)
        cloudformation.create_stack(
            StackName=stack, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        return self.settled(stack, expect, region)

    def settled(self, stack: str, expect: str, region: str = WEST) -> Any:
        cloudformation = self.client("cloudformation", region)

        def finished() -> Any:
            found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            return found if not found["StackStatus"].endswith("_IN_PROGRESS") else None

        found = eventually(finished, seconds=20)
        events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [event.get("ResourceStatusReason") for event in events if "FAILED" in event["ResourceStatus"]]
        assert found["StackStatus"] == expect, reasons
        return found


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def deny(*actions: str, on: str = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": list(actions), "Resource": on}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = Cloud(tmp_path_factory.mktemp("cloud")).start()
    yield running
    running.stop()
