"""The emulator's own endpoints under /_aex/: what tasks ask their host, and what the loss injector orders."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

import msgspec

from emulator import faults
from emulator.clock import utc
from emulator.delivery import Buffers
from emulator.faults import FaultDesk
from emulator.identity import RoleError
from emulator.tasks import Scheduler, Task

PREFIX = "/_aex/"
OK, REFUSED, FORBIDDEN, MISSING = 200, 400, 403, 404
ORDERS = ("kill", "release", "faults", "hosts")


class Kill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_aex/kill: clusters by name or ARN; region "" means all, and so do no services."""

    clusters: list[str]
    services: list[str] = []
    hold: bool = False
    region: str = ""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_aex/release: clusters whose tasks may be replaced again."""

    clusters: list[str]


class Hosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /_aex/hosts: what the hosts of a cluster give every task that starts there; empty: nothing of their own."""

    cluster: str
    environment: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and something that becomes JSON."""

    status: int
    content: Any


class Control:
    """Answers requests under /_aex/."""

    def __init__(self, scheduler: Scheduler, buffers: Buffers, desk: FaultDesk | None = None) -> None:
        self._scheduler = scheduler
        self._buffers = buffers
        self._faults = desk or FaultDesk()

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Answer:
        """One request; blocks for as long as a starting process takes (call it off the loop for POST)."""
        verb, _, subject = path.removeprefix(PREFIX).partition("/")
        if (method, verb) == ("GET", "health"):
            return Answer(
                OK, {"status": "up", "tasks": self._scheduler.running(), "records_waiting": self._buffers.waiting()}
            )
        if (method, verb) == ("GET", "v4"):
            return self._metadata(subject)
        if (method, verb) == ("GET", "credentials"):
            return self._credentials(subject, authorization)
        if (method, verb) == ("GET", "faults"):
            return Answer(OK, {"struck": self._faults.struck()})
        if method == "POST" and verb in ORDERS:
            return self._order(verb, body)
        return Answer(MISSING, {"error": f"no {method} {path}"})

    def _order(self, verb: str, body: bytes) -> Answer:
        try:
            if verb == "release":
                release = msgspec.json.decode(body, type=Release)
                self._scheduler.release(release.clusters)
                return Answer(OK, {"released": release.clusters})
            if verb == "faults":
                return Answer(OK, {"struck": self._faults.change(faults.decoded(body))})
            if verb == "hosts":
                hosts = msgspec.json.decode(body, type=Hosts)
                self._scheduler.furnish(hosts.cluster, hosts.environment)
                return Answer(OK, {"cluster": hosts.cluster})
            order = msgspec.json.decode(body, type=Kill)
        except msgspec.DecodeError as wrong:
            return Answer(REFUSED, {"error": str(wrong)})
        killed = self._scheduler.kill(order.clusters, services=order.services, region=order.region, hold=order.hold)
        return Answer(OK, {"pids": killed.pids, "tasks": killed.tasks, "killed_ns": str(killed.at_ns)})

    def _metadata(self, subject: str) -> Answer:
        task_id, _, part = subject.partition("/")
        task = self._scheduler.find(task_id)
        if task is None:
            return Answer(MISSING, {"error": f"no running task {task_id}"})
        shown = [_container(task, name["name"]) for name in task.definition["containerDefinitions"]]
        if part == "task":
            return Answer(OK, _task(task, shown))
        return Answer(OK, shown[0])

    def _credentials(self, task_id: str, authorization: str) -> Answer:
        task = self._scheduler.find(task_id)
        if task is None or not hmac.compare_digest(task.token.encode(), authorization.encode()):
            return Answer(FORBIDDEN, {"code": "AccessDenied", "message": "unknown task or wrong authorization token"})
        try:
            given = self._scheduler.credentials(task)
        except RoleError as refused:
            return Answer(FORBIDDEN, {"code": "AccessDenied", "message": str(refused)})
        if given is None:
            return Answer(MISSING, {"code": "NoRole", "message": "the task definition names no task role"})
        at = utc(given.expires_ns)
        expiration = (
            f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}T{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}Z"
        )
        return Answer(
            OK,
            {
                "RoleArn": given.role_arn,
                "AccessKeyId": given.key,
                "SecretAccessKey": given.secret,
                "Token": given.token,
                "Expiration": expiration,
            },
        )


def _container(task: Task, name: str) -> dict[str, Any]:
    return {
        "DockerId": task.id,
        "Name": name,
        "KnownStatus": "RUNNING",
        "DesiredStatus": task.record["desiredStatus"],
        "Labels": {
            "com.amazonaws.ecs.cluster": task.record["clusterArn"],
            "com.amazonaws.ecs.task-arn": task.record["taskArn"],
            "com.amazonaws.ecs.task-definition-family": task.definition.get("family", ""),
            "com.amazonaws.ecs.task-definition-version": str(task.definition.get("revision", "")),
        },
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": [task.address]}],
    }


def _task(task: Task, shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Cluster": task.record["clusterArn"],
        "TaskARN": task.record["taskArn"],
        "Family": task.definition.get("family", ""),
        "Revision": str(task.definition.get("revision", "")),
        "KnownStatus": task.record["lastStatus"],
        "DesiredStatus": task.record["desiredStatus"],
        "Containers": shown,
    }
