from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.conftest import WEST, Cloud, allow, eventually

WAIT = "import signal,sys;signal.signal(signal.SIGTERM,lambda *_:sys.exit(7));print('up');signal.pause()"
DEAF = "import signal;signal.signal(signal.SIGTERM,signal.SIG_IGN);print('up')\nwhile True: signal.pause()"


def define(cloud: Cloud, family: str, *command: str, role: str = "", **environment: str) -> str:
    answer = cloud.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        **({"taskRoleArn": role} if role else {}),
        containerDefinitions=[
            {
                "name": "main",
                "image": "aex/engine",
                "essential": True,
                "command": list(command),
                "environment": [{"name": name, "value": value} for name, value in environment.items()],
            }
        ],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


@pytest.fixture
def cluster(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.replace("_", "-")[:60]
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName=name)
    yield name
    cloud.post("/_aex/kill", {"clusters": [name], "hold": True})  # quicker than five seconds of asking the deaf
    for service in ecs.list_services(cluster=name)["serviceArns"]:
        ecs.delete_service(cluster=name, service=service, force=True)


def service(cloud: Cloud, cluster: str, definition: str, count: int = 1, **more: Any) -> str:
    cloud.client("ecs").create_service(
        cluster=cluster, serviceName="svc", taskDefinition=definition, desiredCount=count, launchType="FARGATE", **more
    )
    return "svc"


def described(cloud: Cloud, cluster: str, status: str = "RUNNING") -> list[dict[str, Any]]:
    ecs = cloud.client("ecs")
    arns = ecs.list_tasks(cluster=cluster, desiredStatus=status)["taskArns"]
    return list(ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]) if arns else []


def running(cloud: Cloud, cluster: str, count: int = 1) -> Any:
    def look() -> Any:
        tasks = [task for task in described(cloud, cluster) if task["lastStatus"] == "RUNNING"]
        return tasks if len(tasks) == count else None

    return eventually(look)


def address(task: dict[str, Any]) -> str:
    details = {entry["name"]: entry["value"] for entry in task["attachments"][0]["details"]}
    return str(details["privateIPv4Address"])


def pid(task: dict[str, Any]) -> int:
    return int(task["containers"][0]["runtimeId"])


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def log(cloud: Cloud, task: dict[str, Any]) -> str:
    return (cloud.home / "run" / "tasks" / f"{task['taskArn'].rsplit('/', 1)[-1]}.log").read_text()


SELF_PORTRAIT = """
import boto3, json, os, signal, socket, sys, urllib.request
place = json.load(urllib.request.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4']))
address = place['Networks'][0]['IPv4Addresses'][0]
server = socket.create_server((address, 7000))
who = boto3.client('sts').get_caller_identity()['Arn']
names = sorted(name for name in os.environ if name.startswith(('AWS_', 'AEX_', 'ECS_')))
print(json.dumps(dict(address=address, who=who, names=names, cwd=os.getcwd(), more=os.environ['MORE'],
                      region=os.environ['AWS_REGION'], resolver=os.environ['AEX_RESOLVER'])), flush=True)
signal.pause()
"""


def test_a_task_runs_its_own_command_under_its_role_at_its_own_address(cloud: Cloud, cluster: str) -> None:
    role = cloud.role("portrait", allow("s3:ListAllMyBuckets"))
    service(cloud, cluster, define(cloud, "portrait", "python", "-c", SELF_PORTRAIT, role=role, MORE="yes"), count=2)
    tasks = running(cloud, cluster, 2)
    assert len({address(task) for task in tasks}) == 2
    for task in tasks:
        said = json.loads(eventually(partial(log, cloud, task)))
        assert said["address"] == address(task)
        assert said["address"].startswith("127.")
        assert said["who"].startswith("arn:aws:sts::000000000000:assumed-role/portrait/")
        assert said["region"] == WEST
        assert said["resolver"] == f"127.0.0.1:{cloud.dns_port}"
        assert said["cwd"] == str(Path.cwd())
        assert said["more"] == "yes"
        assert said["names"] == [
            "AEX_RESOLVER",
            "AWS_CONFIG_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_DEFAULT_REGION",
            "AWS_EC2_METADATA_DISABLED",
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AWS_SHARED_CREDENTIALS_FILE",
            "ECS_CONTAINER_METADATA_URI_V4",
        ]
        socket.create_connection((said["address"], 7000), timeout=2).close()
    found = cloud.client("ecs").describe_services(cluster=cluster, services=["svc"])["services"][0]
    assert (found["runningCount"], found["desiredCount"]) == (2, 2)


def test_a_task_that_dies_is_shown_with_its_exit_code_and_replaced_after_the_backoff(
    cloud: Cloud, cluster: str
) -> None:
    service(cloud, cluster, define(cloud, "dies", "python", "-c", WAIT))
    (first,) = running(cloud, cluster)
    started = time.monotonic()
    os.kill(pid(first), signal.SIGKILL)
    (stopped,) = eventually(lambda: described(cloud, cluster, "STOPPED"))
    assert (stopped["lastStatus"], stopped["stopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert stopped["containers"][0]["exitCode"] == 137
    assert stopped["stoppedReason"] == "Essential container in task exited"
    (second,) = running(cloud, cluster)
    assert second["taskArn"] != first["taskArn"]
    assert time.monotonic() - started >= 1.0


def test_stop_task_asks_first_and_a_desired_count_of_zero_is_honoured(cloud: Cloud, cluster: str) -> None:
    ecs = cloud.client("ecs")
    service(cloud, cluster, define(cloud, "polite", "python", "-c", WAIT))
    (task,) = running(cloud, cluster)
    eventually(lambda: log(cloud, task))
    ecs.update_service(cluster=cluster, service="svc", desiredCount=0)
    (stopped,) = eventually(lambda: [t for t in described(cloud, cluster, "STOPPED") if t["lastStatus"] == "STOPPED"])
    assert stopped["containers"][0]["exitCode"] == 7
    assert stopped["stoppedReason"] == "Service scaling down"
    ecs.update_service(cluster=cluster, service="svc", desiredCount=2)
    running(cloud, cluster, 2)
    ecs.delete_service(cluster=cluster, service="svc", force=True)
    assert described(cloud, cluster) == []
    assert not alive(pid(task))
    ecs.delete_cluster(cluster=cluster)


def test_a_task_deaf_to_sigterm_is_killed_after_its_stop_timeout(cloud: Cloud, cluster: str) -> None:
    ecs = cloud.client("ecs")
    (task,) = ecs.run_task(cluster=cluster, taskDefinition=define(cloud, "deaf", "python", "-c", DEAF))["tasks"]
    (task,) = running(cloud, cluster)
    eventually(lambda: log(cloud, task))
    with pytest.raises(ecs.exceptions.ClientError, match="Tasks are active"):
        ecs.delete_cluster(cluster=cluster)
    began = time.monotonic()
    ecs.stop_task(cluster=cluster, task=task["taskArn"], reason="enough")
    eventually(lambda: not alive(pid(task)))
    assert 4.5 <= time.monotonic() - began <= 8
    (stopped,) = eventually(lambda: [t for t in described(cloud, cluster, "STOPPED") if t["lastStatus"] == "STOPPED"])
    assert (stopped["containers"][0]["exitCode"], stopped["stoppedReason"]) == (137, "enough")


@pytest.mark.parametrize(
    ("family", "command", "reason"),
    [
        ("no-command", ["no-such-command"], "CannotStartContainerError"),
        ("nothing", [], "no command specified"),
    ],
)
def test_what_cannot_start_is_a_failing_task(
    cloud: Cloud, cluster: str, family: str, command: list[str], reason: str
) -> None:
    service(cloud, cluster, define(cloud, family, *command))
    stopped = eventually(lambda: described(cloud, cluster, "STOPPED"))
    assert stopped[0]["stopCode"] == "TaskFailedToStart"
    assert reason in stopped[0]["stoppedReason"]
    eventually(lambda: len(described(cloud, cluster, "STOPPED")) >= 2)
    assert cloud.client("ecs").describe_services(cluster=cluster, services=["svc"])["services"][0]["runningCount"] == 0


def test_a_role_that_does_not_trust_ecs_cannot_run_a_task(cloud: Cloud, cluster: str) -> None:
    role = cloud.role("trusts-firehose", service="firehose.amazonaws.com")
    service(cloud, cluster, define(cloud, "untrusted", "python", "-c", WAIT, role=role))
    stopped = eventually(lambda: described(cloud, cluster, "STOPPED"))
    assert "proper trust relationship" in stopped[0]["stoppedReason"]


def test_a_role_that_is_gone_cannot_run_a_task(cloud: Cloud, cluster: str) -> None:
    definition = define(cloud, "gone", "python", "-c", WAIT, role=cloud.role("gone"))
    cloud.client("iam").delete_role(RoleName="gone")
    service(cloud, cluster, definition)
    stopped = eventually(lambda: described(cloud, cluster, "STOPPED"))
    assert "unable to assume the role" in stopped[0]["stoppedReason"]


def test_credentials_need_the_tasks_own_token(cloud: Cloud, cluster: str) -> None:
    role = cloud.role("token")
    service(cloud, cluster, define(cloud, "token", "python", "-c", WAIT, role=role))
    (task,) = running(cloud, cluster)
    with pytest.raises(OSError, match="403"):
        cloud.get(f"/_aex/credentials/{task['taskArn'].rsplit('/', 1)[-1]}")


def test_a_service_on_a_missing_cluster_is_refused(cloud: Cloud) -> None:
    definition = define(cloud, "nowhere", "python", "-c", WAIT)
    with pytest.raises(cloud.client("ecs").exceptions.ClientError, match="Cluster not found"):
        service(cloud, "no-such-cluster", definition)


def test_kill_takes_a_whole_cluster_at_once_and_holds_it_until_release(cloud: Cloud, cluster: str) -> None:
    service(cloud, cluster, define(cloud, "held", "python", "-c", DEAF), count=3)
    tasks = running(cloud, cluster, 3)
    before = time.time_ns()
    killed = cloud.post("/_aex/kill", {"clusters": [cluster], "hold": True})
    assert sorted(killed["pids"]) == sorted(pid(task) for task in tasks)
    assert sorted(killed["tasks"]) == sorted(task["taskArn"] for task in tasks)
    assert before <= int(killed["killed_ns"]) <= time.time_ns()
    eventually(lambda: not any(alive(pid(task)) for task in tasks))
    eventually(lambda: len(described(cloud, cluster, "STOPPED")) == 3)
    cloud.client("ecs").update_service(cluster=cluster, service="svc", desiredCount=2)
    held_until = time.monotonic() + 1.5
    while time.monotonic() < held_until:
        assert described(cloud, cluster) == []
    cloud.post("/_aex/release", {"clusters": [cluster]})
    running(cloud, cluster, 2)


def test_a_malformed_kill_is_refused(cloud: Cloud) -> None:
    with pytest.raises(OSError, match="400"):
        cloud.post("/_aex/kill", {"cluster": "x"})
