"""The tasks of a site as ECS reports them, and what each engine answers on its status port."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drill.aws.clients import client
from templates.settings import cluster_name

if TYPE_CHECKING:
    import boto3

PARTS = ("MarketData", "MatchingEngine", "Customer")
STATUS_PORT = 7001
# Of DescribeTasks and DescribeServices.
TASKS_PER_CALL = 100
SERVICES_PER_CALL = 10
PROBES = 32


class ProbeError(Exception):
    """An engine did not answer on its status port; the message names address, port and cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One ECS task; `address` is empty until its network interface is attached, `started_ns` 0 until it runs."""

    arn: str
    cluster: str
    service: str
    address: str
    status: str
    definition: str
    started_ns: int
    stopped_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolStatus:
    """One symbol in an engine's answer; `digest` is hex, empty when the engine does not say."""

    state: str
    seq: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """An engine's answer; `now_ns` is its clock, `asked_ns` and `answered_ns` are ours around the question."""

    address: str
    site: str
    environment: str
    epoch: int
    build: str
    state: str
    now_ns: int
    asked_ns: int
    answered_ns: int
    symbols: Mapping[str, SymbolStatus]

    @property
    def offset_ns(self) -> int:
        """Its clock minus ours, good to half the round trip."""
        return self.now_ns - (self.asked_ns + self.answered_ns) // 2


def tasks(
    session: boto3.Session, site: str, region: str, *, parts: Sequence[str] = PARTS, stopped: bool = False
) -> list[Task]:
    """The site's tasks, sorted by cluster and service; `stopped` asks for those that ended, with their reason."""
    found = [task for part in parts for task in _cluster_tasks(session, cluster_name(site, part), region, stopped)]
    return sorted(found, key=lambda task: (task.cluster, task.service, task.arn))


def engines(session: boto3.Session, site: str, region: str) -> list[Task]:
    """The running matching engines that have an address."""
    found = tasks(session, site, region, parts=("MatchingEngine",))
    return [task for task in found if task.status == "RUNNING" and task.address]


def desired(session: boto3.Session, site: str, region: str, *, parts: Sequence[str] = PARTS) -> int:
    """How many tasks the site's services want."""
    return sum(
        service["desiredCount"] for part in parts for service in _services(session, cluster_name(site, part), region)
    )


def probe(
    address: str, *, port: int = STATUS_PORT, timeout_s: float = 2.0, now_ns: Callable[[], int] = time.time_ns
) -> EngineStatus:
    """Ask one engine for its status line.

    Raises:
        ProbeError: refused, timed out, or the answer is no status line.
    """
    asked_ns = now_ns()
    try:
        with socket.create_connection((address, port), timeout_s) as connection, connection.makefile("rb") as answer:
            line = answer.readline()
        return _status(address, json.loads(line), asked_ns, now_ns())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise ProbeError(f"status of {address}:{port}: {cause!r}") from cause


def probe_all(addresses: Iterable[str], *, port: int = STATUS_PORT) -> dict[str, EngineStatus | ProbeError]:
    """Ask engines side by side; one that does not answer is in the result as its error."""
    asked = list(addresses)
    with ThreadPoolExecutor(PROBES) as pool:
        return dict(zip(asked, pool.map(lambda address: _answer(address, port), asked), strict=True))


def _answer(address: str, port: int) -> EngineStatus | ProbeError:
    try:
        return probe(address, port=port)
    except ProbeError as silent:
        return silent


def _status(address: str, line: Mapping[str, Any], asked_ns: int, answered_ns: int) -> EngineStatus:
    symbols = {
        symbol: SymbolStatus(state=entry["state"], seq=int(entry["seq"]), digest=entry.get("digest", ""))
        for symbol, entry in line["symbols"].items()
    }
    return EngineStatus(
        address=address,
        site=line["site"],
        environment=line["environment"],
        epoch=int(line["epoch"]),
        build=line["build"],
        state=line["state"],
        now_ns=int(line["now_ns"]),
        asked_ns=asked_ns,
        answered_ns=answered_ns,
        symbols=symbols,
    )


def _cluster_tasks(session: boto3.Session, cluster: str, region: str, stopped: bool) -> list[Task]:
    api = client(session, "ecs", region)
    wanted = "STOPPED" if stopped else "RUNNING"
    try:
        pages = api.get_paginator("list_tasks").paginate(cluster=cluster, desiredStatus=wanted)
        arns = [arn for page in pages for arn in page["taskArns"]]
    except api.exceptions.ClusterNotFoundException:
        return []
    chunks = (arns[at : at + TASKS_PER_CALL] for at in range(0, len(arns), TASKS_PER_CALL))
    described = (api.describe_tasks(cluster=cluster, tasks=chunk)["tasks"] for chunk in chunks)
    return [_task(cluster, entry) for chunk in described for entry in chunk]


def _services(session: boto3.Session, cluster: str, region: str) -> list[Mapping[str, Any]]:
    api = client(session, "ecs", region)
    try:
        pages = api.get_paginator("list_services").paginate(cluster=cluster)
        arns = [arn for page in pages for arn in page["serviceArns"]]
    except api.exceptions.ClusterNotFoundException:
        return []
    chunks = (arns[at : at + SERVICES_PER_CALL] for at in range(0, len(arns), SERVICES_PER_CALL))
    return [entry for chunk in chunks for entry in api.describe_services(cluster=cluster, services=chunk)["services"]]


def _task(cluster: str, entry: Mapping[str, Any]) -> Task:
    started = entry.get("startedAt")
    return Task(
        arn=entry["taskArn"],
        cluster=cluster,
        service=entry.get("group", "").removeprefix("service:"),
        address=_address(entry),
        status=entry.get("lastStatus", ""),
        definition=entry.get("taskDefinitionArn", ""),
        started_ns=int(started.timestamp() * 1000) * 1_000_000 if started else 0,
        stopped_reason=entry.get("stoppedReason", ""),
    )


def _address(entry: Mapping[str, Any]) -> str:
    """From the attached interface, or from the container's; both name the same one."""
    details = [
        detail["value"]
        for attachment in entry.get("attachments", ())
        for detail in attachment.get("details", ())
        if detail["name"] == "privateIPv4Address"
    ]
    interfaces = [
        interface["privateIpv4Address"]
        for container in entry.get("containers", ())
        for interface in container.get("networkInterfaces", ())
        if interface.get("privateIpv4Address")
    ]
    return str(next(iter([*details, *interfaces]), ""))
