"""The ECS scheduler's hands: tasks of services and run_task run as local processes.

MiniStack keeps the records (clusters, services, deployments, tasks); this module stands where it would talk to
Docker. One thread owns all processes: it starts them, sees them exit, escalates SIGTERM to SIGKILL and asks MiniStack
to reconcile a service one second after one of its tasks died.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import secrets
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ministack.core.responses import error_response_json, json_response, request_scope
from ministack.services import ecs

from emulator import container, registry
from emulator.address import NoAddressError, Pool
from emulator.clock import steady_ns, wall_ns
from emulator.container import Container
from emulator.identity import Credentials, RoleError, assume
from emulator.resources import registries as template_registries
from emulator.settings import Settings

SECOND = 1_000_000_000
BACKOFF_NS = SECOND
STOP_SECONDS = 5
POLL_SECONDS = 0.02
RENEW_NS = 600 * SECOND

logger = logging.getLogger("emulator.tasks")


class StartError(Exception):
    """A task that cannot start; the text becomes its stoppedReason."""


@dataclass(slots=True)
class Task:
    """A task that has processes; `record` is MiniStack's."""

    record: dict[str, Any]
    account: str
    region: str
    definition: dict[str, Any]
    address: str
    token: str
    role: str
    credentials: Credentials | None
    containers: list[Container] = field(default_factory=list)
    registries: list[str] = field(default_factory=list)
    kill_at_ns: int | None = None
    stop_code: str = ""

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        arn: str = self.record["taskArn"]
        return arn.rsplit("/", 1)[-1]

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        name: str = self.record["clusterArn"].rsplit("/", 1)[-1]
        return name


@dataclass(frozen=True, slots=True)
class Killed:
    """What a kill did; `at_ns` is wall time right after the last signal was sent."""

    pids: list[int]
    tasks: list[str]
    at_ns: int


class Scheduler:
    """Runs tasks; public methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = Pool(settings.port)
        self._folder = settings.run / "tasks"
        self._tasks: dict[str, Task] = {}
        self._held: set[str] = set()  # clusters, and services as `cluster/service`
        self._furnished: dict[str, dict[str, str]] = {}  # cluster -> what its hosts give every task
        self._starting = threading.RLock()  # a kill waits for a start in progress, so no task slips through
        self._commands: queue.Queue[Callable[[], None]] = queue.Queue()
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._waiting: set[tuple[str, str, str]] = set()  # (account, region, service key) in backoff
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emulator-tasks", daemon=True)

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Sweep leftovers of a crash, take MiniStack's Docker hooks over, begin."""
        self._folder.mkdir(parents=True, exist_ok=True)
        left = container.sweep(self._folder)
        if left:
            logger.warning("killed %d processes of a crashed emulator", len(left))
        self._install()
        self._thread.start()

    def close(self) -> None:
        """Stop every task (SIGTERM, then SIGKILL) and start no more; returns when all are gone."""
        with self._starting:
            self._closed.set()
            for task in list(self._tasks.values()):
                ending = partial(self._terminate, task, "Emulator is stopping", "ServiceSchedulerInitiated")
                self._commands.put(ending)
        while self._tasks and self._thread.is_alive():
            self._thread.join(POLL_SECONDS)

    def _run(self) -> None:
        while True:
            self._work_off()
            now_ns = steady_ns()
            while self._later and self._later[0][0] <= now_ns:
                self._guard(heapq.heappop(self._later)[2])
            for task in list(self._tasks.values()):
                self._guard(partial(self._look, task, now_ns))

    def _work_off(self) -> None:
        try:
            command = self._commands.get(timeout=POLL_SECONDS)
            while True:
                self._guard(command)
                command = self._commands.get_nowait()
        except queue.Empty:
            return

    def _guard(self, command: Callable[[], None]) -> None:
        """The scheduler outlives any single task's trouble."""
        try:
            command()
        except Exception:
            logger.exception("a scheduling step failed")

    def _at(self, delay_ns: int, command: Callable[[], None]) -> None:
        """Run a command later; call it on the scheduler's own thread."""
        heapq.heappush(self._later, (steady_ns() + delay_ns, next(self._order), command))

    # --- what MiniStack calls ---------------------------------------------------------------------------------------

    def _install(self) -> None:
        reconcile, create, run = ecs._reconcile_service_tasks, ecs._create_service, ecs._run_task
        delete_cluster, delete_service = ecs._delete_cluster, ecs._delete_service

        def reconcile_unless_waiting(cluster: str, key: str) -> None:
            service = ecs._services.get(key) or {}
            place = (ecs.get_account_id(), ecs.get_region(), key)
            growing = service.get("desiredCount", 0) > 0
            held = cluster in self._held or key in self._held
            if growing and (held or place in self._waiting or self._closed.is_set()):
                ecs._refresh_service_state(cluster, f"service:{service['serviceName']}")
                return
            reconcile(cluster, key)

        def create_service(data: dict[str, Any]) -> Any:
            name = ecs._resolve_cluster_name(data.get("cluster", "default"))
            if name not in ecs._clusters:
                return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
            kept = template_registries.get((name, data.get("serviceName", "")))
            return create({**data, "serviceRegistries": kept} if kept else data)

        def run_task(data: dict[str, Any]) -> Any:
            if ecs._resolve_cluster_name(data.get("cluster", "default")) not in ecs._clusters:
                return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
            return run(data)

        def delete_empty_cluster(data: dict[str, Any]) -> Any:
            return _cluster_in_use(data) or delete_cluster(self._let_go(data))

        def delete_service_and_wait(data: dict[str, Any]) -> Any:
            answer = delete_service(data)
            self._wait_gone(data)
            return answer

        ecs._get_docker = lambda: self  # anything true: tasks start as PROVISIONING and come to `_launch_soon`
        ecs._deployment_needs_first_task = lambda *_given: False
        ecs._cleanup_task_resources = lambda *_given, **_named: None
        ecs._run_task_worker = self._launch_soon
        ecs._record_service_task_failure = self._replace_later
        ecs._reconcile_service_tasks = reconcile_unless_waiting
        for action, operation in (
            ("CreateService", create_service),
            ("RunTask", run_task),
            ("StopTask", self._stop_task),
            ("DeleteCluster", delete_empty_cluster),
            ("DeleteService", delete_service_and_wait),
        ):
            ecs._ACTION_MAP[action] = operation
        ecs._create_service, ecs._run_task, ecs._stop_task = create_service, run_task, self._stop_task
        ecs._delete_cluster, ecs._delete_service = delete_empty_cluster, delete_service_and_wait

    def _let_go(self, data: dict[str, Any]) -> dict[str, Any]:
        """A hold ends with the cluster that it holds: one of the same name is another one."""
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        self._held = {held for held in self._held if held.split("/", 1)[0] != cluster}
        self._furnished.pop(str(cluster), None)
        return data

    def _launch_soon(
        self, record: dict[str, Any], definition: Any, overrides: Any, _docker: Any, account: str, region: str
    ) -> None:
        self._commands.put(lambda: self._launch(record, definition, overrides, account, region))

    def _stop_task(self, data: dict[str, Any]) -> Any:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        if cluster is None:
            return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
        record = ecs._resolve_task(data.get("task", ""), cluster)
        if record is None:
            return error_response_json("InvalidParameterException", "The referenced task was not found.", 400)
        reason = data.get("reason", "Task stopped by user")
        code = "ServiceSchedulerInitiated" if reason in _OWN_REASONS else "UserInitiated"
        if record["desiredStatus"] != "STOPPED":
            ecs._bump_task_version(record)
            record.update(desiredStatus="STOPPED", stoppedReason=reason, stopCode=code, stoppingAt=ecs._iso())
            task = self._tasks.get(record["taskArn"])
            if task is None:
                _mark_stopped(record, None)
            else:
                record["lastStatus"] = "STOPPING"
                self._commands.put(lambda: self._terminate(task, reason, code))
        return json_response({"task": ecs._sanitize(record)})

    def _wait_gone(self, data: dict[str, Any]) -> None:
        """A deleted service's tasks are gone before the answer, as its DRAINING would tell a waiter on AWS."""
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        group = f"service:{str(data.get('service', '')).rsplit('/', 1)[-1]}"
        place = (ecs.get_account_id(), ecs.get_region(), cluster, group)
        deadline = steady_ns() + (STOP_SECONDS + 2) * SECOND
        gone = threading.Event()
        while steady_ns() < deadline and any(
            (task.account, task.region, task.cluster, task.record.get("group")) == place
            for task in list(self._tasks.values())
        ):
            gone.wait(POLL_SECONDS)

    def _replace_later(self, record: dict[str, Any], *_given: Any, **_named: Any) -> None:
        """A task died on its own: reconcile its service after the backoff."""
        group = record.get("group") or ""
        if group.startswith("service:"):
            cluster = ecs._cluster_name_from_arn(record["clusterArn"])
            place = (ecs.get_account_id(), ecs.get_region(), f"{cluster}/{group.split(':', 1)[1]}")
            self._waiting.add(place)
            self._commands.put(lambda: self._at(BACKOFF_NS, lambda: self._reconcile(place)))

    def _reconcile(self, place: tuple[str, str, str]) -> None:
        account, region, key = place
        self._waiting.discard(place)
        with request_scope(account, region):
            ecs._reconcile_service_tasks(key.split("/", 1)[0], key)

    # --- starting ---------------------------------------------------------------------------------------------------

    def _launch(self, record: dict[str, Any], definition: Any, overrides: Any, account: str, region: str) -> None:
        with request_scope(account, region), self._starting:
            if not ecs._task_is_active(record["taskArn"], record):
                return
            ecs._mark_task_pending(record["taskArn"], record)
            ecs._mark_task_activating(record["taskArn"], record)
            try:
                task = self._start(record, definition, overrides, account, region)
            except StartError as refused:
                logger.warning("task %s: %s", record["taskArn"], refused)
                ecs._mark_task_stopped(record["taskArn"], record, str(refused), "TaskFailedToStart")
                return
            self._announce(task)

    def _start(self, record: dict[str, Any], definition: Any, overrides: Any, account: str, region: str) -> Task:
        cluster = record["clusterArn"].rsplit("/", 1)[-1]
        service = f"{cluster}/{(record.get('group') or '').removeprefix('service:')}"
        if self._closed.is_set() or cluster in self._held or service in self._held:
            message = "no capacity: the cluster or the service is held until it is released"
            raise StartError(message)
        task_id = record["taskArn"].rsplit("/", 1)[-1]
        role = (record.get("overrides") or {}).get("taskRoleArn") or definition.get("taskRoleArn") or ""
        try:
            credentials = assume(role, task_id, service="ecs-tasks.amazonaws.com") if role else None
            address = self._pool.take()
        except (RoleError, NoAddressError) as refused:
            raise StartError(str(refused)) from refused
        task = Task(record, account, region, definition, address, secrets.token_urlsafe(24), role, credentials)
        try:
            for given in definition.get("containerDefinitions", []):
                override = ecs._container_override_for(overrides, given["name"]) or {}
                task.containers.append(container.start(self._plan(task, given, override)))
        except (OSError, StartError) as refused:
            self._abandon(task)
            message = f"CannotStartContainerError: {refused}"
            raise StartError(message) from refused
        self._tasks[record["taskArn"]] = task
        return task

    def _abandon(self, task: Task) -> None:
        for started in task.containers:
            started.signal(signal.SIGKILL)
            started.process.wait()
            started.close()
        self._pool.release(task.address)

    def _plan(self, task: Task, given: dict[str, Any], override: dict[str, Any]) -> container.Launch:
        command = [*(given.get("entryPoint") or []), *(override.get("command") or given.get("command") or [])]
        if not command:
            message = f"no command specified for container {given['name']}"
            raise StartError(message)
        only = len(task.definition["containerDefinitions"]) == 1
        stem = task.id if only else f"{task.id}.{given['name']}"
        return container.Launch(
            name=given["name"],
            command=command,
            environment=self._environment(task, [*given.get("environment", []), *override.get("environment", [])]),
            essential=given.get("essential", True),
            root=self._settings.root,
            log=self._folder / f"{stem}.log",
            pid_file=self._folder / f"{stem}.pid",
        )

    def _environment(self, task: Task, given: Iterable[dict[str, str]]) -> dict[str, str]:
        environment = container.base_environment() | {
            "AWS_ENDPOINT_URL": self._settings.endpoint,
            "AWS_DEFAULT_REGION": task.region,
            "AWS_REGION": task.region,
            "AEX_RESOLVER": self._settings.resolver,
            "ECS_CONTAINER_METADATA_URI_V4": f"{self._settings.endpoint}/_aex/v4/{task.id}",
        }
        if task.credentials is not None:
            environment |= {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self._settings.endpoint}/_aex/credentials/{task.id}",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": task.token,
            }
        given_by_task = {pair["name"]: pair["value"] for pair in given}
        return environment | given_by_task | self._furnished.get(task.cluster, {})

    def _announce(self, task: Task) -> None:
        """Show the running task: its interface, its processes, its registries."""
        record = task.record
        attachment = f"eni-{task.id}"
        subnet = record.get("_subnet") or ""
        record["attachments"] = [
            {
                "id": attachment,
                "type": "ElasticNetworkInterface",
                "status": "ATTACHED",
                "details": [
                    {"name": "subnetId", "value": subnet},
                    {"name": "networkInterfaceId", "value": attachment},
                    {"name": "privateIPv4Address", "value": task.address},
                ],
            }
        ]
        for shown, started in zip(record["containers"], task.containers, strict=False):
            shown.update(
                lastStatus="RUNNING",
                runtimeId=str(started.process.pid),
                networkInterfaces=[{"attachmentId": attachment, "privateIpv4Address": task.address}],
            )
        ecs._mark_task_running(record["taskArn"], record)
        task.registries = registry.register(task.record, task.address)
        group = record.get("group") or ""
        if group.startswith("service:"):
            key = f"{task.cluster}/{group.split(':', 1)[1]}"
            ecs._schedule_service_deployment_completion(
                task.cluster, key, task.account, task.region, healthy_task=record
            )

    # --- watching and ending ----------------------------------------------------------------------------------------

    def _look(self, task: Task, now_ns: int) -> None:
        codes = [started.exit_code() for started in task.containers]
        for shown, code in zip(task.record["containers"], codes, strict=False):
            if code is not None:
                shown.update(lastStatus="STOPPED", exitCode=code)
        if all(code is not None for code in codes):
            self._end(task, codes)
        elif task.kill_at_ns is None:
            if any(code is not None and one.essential for one, code in zip(task.containers, codes, strict=True)):
                self._terminate(task, "Essential container in task exited", "EssentialContainerExited")
        elif now_ns >= task.kill_at_ns:
            for started in task.containers:
                started.signal(signal.SIGKILL)

    def _terminate(self, task: Task, reason: str, code: str) -> None:
        """Ask a task to stop; SIGKILL follows after stopTimeout."""
        if task.kill_at_ns is not None:
            return
        timeouts = [given.get("stopTimeout", STOP_SECONDS) for given in task.definition["containerDefinitions"]]
        task.kill_at_ns = steady_ns() + min(STOP_SECONDS, *timeouts) * SECOND
        task.stop_code = code
        task.record.update(stoppedReason=reason, stopCode=code, lastStatus="STOPPING")
        self._withdraw(task)
        for started in task.containers:
            started.signal(signal.SIGTERM)

    def _withdraw(self, task: Task) -> None:
        registry.deregister(task.id, task.registries)
        task.registries = []

    def _end(self, task: Task, codes: list[int | None]) -> None:
        """All processes are gone: free what the task held and show its end."""
        del self._tasks[task.record["taskArn"]]
        for started in task.containers:
            started.close()
        self._pool.release(task.address)
        died = task.stop_code in ("", "EssentialContainerExited")
        with request_scope(task.account, task.region):
            self._withdraw(task)
            if died:
                task.record.update(
                    stoppedReason="Essential container in task exited", stopCode="EssentialContainerExited"
                )
            for attachment in task.record["attachments"]:
                attachment["status"] = "DELETED"
            _mark_stopped(task.record, codes)
            if died and not self._closed.is_set():
                self._replace_later(task.record)

    # --- control ----------------------------------------------------------------------------------------------------

    def furnish(self, cluster: str, environment: dict[str, str]) -> None:
        """From now on the hosts of a cluster give every task this environment, over its own; empty: nothing."""
        if environment:
            self._furnished[cluster] = dict(environment)
        else:
            self._furnished.pop(cluster, None)

    def kill(self, clusters: Iterable[str], *, services: Iterable[str] = (), region: str = "", hold: bool) -> Killed:
        """SIGKILL every task of these clusters (names or ARNs) at once; with hold none is replaced until release.

        `services` narrows it to those of the clusters.
        """
        names, chosen = {name.rsplit("/", 1)[-1] for name in clusters}, set(services)
        if hold:  # before the lock: queued starts of these clusters fail fast and let us through
            self._held |= {f"{name}/{service}" for name in names for service in chosen} if chosen else names
        with self._starting:
            hit = [
                task
                for task in list(self._tasks.values())
                if task.cluster in names
                and (not region or task.region == region)
                and (not chosen or (task.record.get("group") or "").removeprefix("service:") in chosen)
            ]
            for task in hit:
                for started in task.containers:
                    started.signal(signal.SIGKILL)
            at_ns = wall_ns()
        pids = [started.process.pid for task in hit for started in task.containers]
        return Killed(pids, [task.record["taskArn"] for task in hit], at_ns)

    def release(self, clusters: Iterable[str]) -> None:
        """Let these clusters' services be reconciled again."""
        names = {name.rsplit("/", 1)[-1] for name in clusters}
        self._held = {held for held in self._held if held.split("/", 1)[0] not in names}
        for (account, region, key), _service in ecs._services.all_items():
            if key.split("/", 1)[0] in names:
                self._commands.put(partial(self._reconcile, (account, region, key)))

    def find(self, task_id: str) -> Task | None:
        """The running task with this id."""
        return next((task for task in list(self._tasks.values()) if task.id == task_id), None)

    def credentials(self, task: Task) -> Credentials | None:
        """The task role's credentials, renewed ten minutes before they expire."""
        if task.credentials is not None and task.credentials.expires_ns - wall_ns() < RENEW_NS:
            task.credentials = assume(task.role, task.id, service="ecs-tasks.amazonaws.com")
        return task.credentials

    def running(self) -> int:
        """How many tasks have processes."""
        return len(self._tasks)


_OWN_REASONS = frozenset(
    {"Service scaling down", "Task definition updated", "Deployment capacity limit", "Service deleted"}
)


def _mark_stopped(record: dict[str, Any], codes: list[int | None] | None) -> None:
    now = ecs._iso()
    ecs._bump_task_version(record)
    record.update(
        desiredStatus="STOPPED",
        lastStatus="STOPPED",
        stoppingAt=record.get("stoppingAt") or now,
        executionStoppedAt=now,
        stoppedAt=now,
    )
    for shown, code in zip(record["containers"], codes or [None] * len(record["containers"]), strict=False):
        shown["lastStatus"] = "STOPPED"
        if code is not None:
            shown["exitCode"] = code
    cluster = ecs._cluster_name_from_arn(record["clusterArn"])
    ecs._recount_cluster(cluster)
    ecs._refresh_service_state(cluster, record.get("group") or "")


def _cluster_in_use(data: dict[str, Any]) -> Any:
    name = ecs._resolve_cluster_name(data.get("cluster", "default"))
    cluster = ecs._clusters.get(name)
    if cluster is None:
        return None
    if any(key.startswith(f"{name}/") and service["status"] == "ACTIVE" for key, service in ecs._services.items()):
        text = "The Cluster cannot be deleted while Services are active."
        return error_response_json("ClusterContainsServicesException", text, 400)
    if any(
        task["clusterArn"] == cluster["clusterArn"] and task["lastStatus"] != "STOPPED" for task in ecs._tasks.values()
    ):
        text = "The Cluster cannot be deleted while Tasks are active."
        return error_response_json("ClusterContainsTasksException", text, 400)
    return None
