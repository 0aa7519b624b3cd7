"""Faults on request: whoever calls meets them as on AWS, and nothing is left of them once they are withdrawn."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from emulator.faults import FaultDesk, Orders, Request, Rule
from tests.emulator.conftest import Cloud, eventually
from tests.emulator.test_tasks import WAIT, cluster, define, described, service

__all__ = ["cluster"]


@pytest.fixture(autouse=True)
def withdrawn(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "cloud" in request.fixturenames:
        cloud: Cloud = request.getfixturevalue("cloud")
        cloud.post("/_aex/faults", {"withdraw": ["*"]})


def code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


REQUEST = Request(service="s3", region="us-west-2", action="GET", path="/bucket/journal/a.gz")


@pytest.mark.parametrize(
    ("rule", "meets"),
    [
        ({}, True),
        ({"service": "s3", "action": "GET", "path": "/bucket/journal/"}, True),
        ({"service": "ecs"}, False),
        ({"action": "PUT"}, False),
        ({"path": "/other/"}, False),
        ({"region": "us-east-1"}, False),
        ({"resource": "AWS::ECS::Service"}, False),
    ],
)
def test_a_rule_meets_what_it_names(rule: dict[str, str], meets: bool) -> None:
    desk = FaultDesk()
    desk.change(Orders(add=[Rule(id="r", status=503, **rule)]))  # type: ignore[arg-type]
    assert bool(desk.find(REQUEST)) is meets
    assert desk.struck() == {"r": int(meets)}


def test_a_rule_strikes_as_often_as_it_is_told_and_counts_on_when_it_is_withdrawn() -> None:
    desk = FaultDesk()
    assert desk.idle
    desk.change(Orders(add=[Rule(id="r", most=2), Rule(id="q", service="ecs")]))
    assert [bool(desk.find(REQUEST)) for _ in range(3)] == [True, True, False]
    assert desk.change(Orders(withdraw=["r"])) == {"r": 2, "q": 0}
    assert not desk.idle
    desk.change(Orders(withdraw=["*"]))
    assert desk.idle


def test_services_refuse_in_their_own_words(cloud: Cloud) -> None:
    bucket = cloud.bucket("faulty")
    cloud.client("s3").put_object(Bucket=bucket, Key="journal/a", Body=b"x")
    slow_down = {"id": "s3", "service": "s3", "action": "PUT", "path": f"/{bucket}/journal/", "status": 503}
    expired = {"id": "ecs", "service": "ecs", "action": "ListTasks", "status": 400, "code": "ExpiredTokenException"}
    query = {"id": "iam", "service": "iam", "action": "ListRoles", "status": 400, "code": "Throttling"}
    cloud.post("/_aex/faults", {"add": [{**slow_down, "code": "SlowDown"}, expired, query]})
    with pytest.raises(ClientError) as refused:
        cloud.client("s3").put_object(Bucket=bucket, Key="journal/a", Body=b"y")
    assert code(refused.value) == "SlowDown"
    assert cloud.client("s3").get_object(Bucket=bucket, Key="journal/a")["Body"].read() == b"x", "a read is no put"
    cloud.client("s3").put_object(Bucket=bucket, Key="other", Body=b"y")
    with pytest.raises(ClientError) as refused:
        cloud.client("ecs").list_tasks(cluster="any")
    assert code(refused.value) == "ExpiredTokenException"
    with pytest.raises(ClientError) as refused:
        cloud.client("iam").list_roles()
    assert code(refused.value) == "Throttling"
    assert cloud.client("iam").list_users()["Users"] == [], "a body that was looked at still arrives"
    assert cloud.get("/_aex/faults")["struck"] == {"s3": 1, "ecs": 1, "iam": 1} | {
        name: times for name, times in cloud.get("/_aex/faults")["struck"].items() if name not in {"s3", "ecs", "iam"}
    }
    cloud.post("/_aex/faults", {"withdraw": ["s3", "ecs", "iam"]})
    cloud.client("s3").put_object(Bucket=bucket, Key="journal/a", Body=b"y")


def test_a_connection_ends_in_mid_answer(cloud: Cloud) -> None:
    cloud.post("/_aex/faults", {"add": [{"id": "drop", "service": "s3", "drop": True}]})
    with pytest.raises((BotoCoreError, ClientError)):
        cloud.client("s3").get_object(Bucket="any", Key="thing")["Body"].read()


def test_a_stack_whose_resource_is_refused_rolls_back_and_says_why(cloud: Cloud) -> None:
    rule = {"id": "quota", "resource": "AWS::Logs::LogGroup", "stack": "dr-", "message": "QuotaException: no more"}
    cloud.post("/_aex/faults", {"add": [rule]})
    group = {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aex/faulty"}}}
    cloud.build("aex-dr-quota", group, expect="ROLLBACK_COMPLETE")
    events = cloud.client("cloudformation").describe_stack_events(StackName="aex-dr-quota")["StackEvents"]
    assert any("QuotaException: no more" in event.get("ResourceStatusReason", "") for event in events)
    cloud.build("aex-primary-quota", group)


def test_hosts_of_a_cluster_give_their_tasks_an_environment(cloud: Cloud, cluster: str) -> None:
    cloud.post("/_aex/hosts", {"cluster": cluster, "environment": {"TOLD": "by the host"}})
    tell = "import os,signal;print(os.environ['TOLD'],flush=True);signal.pause()"
    service(cloud, cluster, define(cloud, "told", "python", "-c", tell, TOLD="by the task"))
    [task] = eventually(lambda: described(cloud, cluster))
    log = cloud.home / "run" / "tasks" / f"{task['taskArn'].rsplit('/', 1)[-1]}.log"
    eventually(lambda: log.exists() and log.read_text().strip() == "by the host")


def test_a_service_that_is_held_gets_no_task_until_it_is_released(cloud: Cloud, cluster: str) -> None:
    cloud.post("/_aex/kill", {"clusters": [cluster], "services": ["svc"], "hold": True})
    service(cloud, cluster, define(cloud, "held", "python", "-c", WAIT))
    ecs = cloud.client("ecs")
    ecs.create_service(
        cluster=cluster,
        serviceName="other",
        taskDefinition=define(cloud, "free", "python", "-c", WAIT),
        desiredCount=1,
        launchType="FARGATE",
    )
    eventually(lambda: [task["group"] for task in described(cloud, cluster)] == ["service:other"])
    cloud.post("/_aex/release", {"clusters": [cluster]})
    running = {"service:other", "service:svc"}
    eventually(lambda: {task["group"] for task in described(cloud, cluster)} == running)


def test_an_order_that_is_none_is_refused(cloud: Cloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        cloud.post("/_aex/faults", {"add": [{"status": 503}]})
    assert refused.value.code == 400
