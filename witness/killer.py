"""The killer is a port: it ends a site's tasks and keeps its scheduler from starting them again.

On AWS: desired count 0 for every service of the clusters, then stop-task (SIGTERM first: AWS has no harder
way). With an emulator: one request to its kill port (SIGKILL). Killers write no evidence; they return what they ended.
"""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec

SECONDS = 10.0
AT_ONCE = 16
REASON = "drill: loss of the site"
LOG = logging.getLogger(__name__)


class Killer(Protocol):
    """Ends everything that runs in clusters."""

    def prepare(self, clusters: Sequence[str], region: str) -> None:
        """Do whatever takes time, shortly before the moment."""

    def kill(self, clusters: Sequence[str], region: str) -> list[str]:
        """End all tasks now and hold the schedulers; the ids of the tasks ended."""


class HttpKiller:
    """An emulator's kill port."""

    def __init__(self, url: str) -> None:
        self._url = url

    def prepare(self, clusters: Sequence[str], region: str) -> None:
        """Nothing: the emulator knows its processes."""

    def kill(self, clusters: Sequence[str], region: str) -> list[str]:
        """One request; raises OSError when the port does not answer with success."""
        body = msgspec.json.encode({"clusters": list(clusters), "region": region, "hold": True})
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - checked by the command line
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            answer = msgspec.json.decode(response.read() or b"{}")
        tasks = answer.get("tasks", ()) if isinstance(answer, dict) else ()
        return [str(task) for task in tasks]


class EcsKiller:
    """The ECS API. `client(region)` makes a boto3 client with the injector's role."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client
        self._services: dict[str, list[str]] = {}
        self._tasks: dict[str, list[str]] = {}

    def prepare(self, clusters: Sequence[str], region: str) -> None:
        """List services and tasks, so that the moment itself takes one round trip."""
        ecs = self._client(region)
        self._services = {cluster: arns(ecs, "list_services", "serviceArns", cluster) for cluster in clusters}
        self._tasks = {cluster: arns(ecs, "list_tasks", "taskArns", cluster) for cluster in clusters}

    def kill(self, clusters: Sequence[str], region: str) -> list[str]:
        """Desired count 0 first (nobody replaces what is stopped), then stop, then once more for late starters."""
        ecs = self._client(region)
        if not set(clusters) <= set(self._services):
            self.prepare(clusters, region)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            holds = [(cluster, service) for cluster in clusters for service in self._services[cluster]]
            list(pool.map(lambda one: ecs.update_service(cluster=one[0], service=one[1], desiredCount=0), holds))
            ended = self._stop(ecs, pool, self._tasks)
            late = {cluster: arns(ecs, "list_tasks", "taskArns", cluster) for cluster in clusters}
            fresh = {cluster: sorted(set(late[cluster]) - set(ended)) for cluster in clusters}
            return ended + self._stop(ecs, pool, fresh)

    @staticmethod
    def _stop(ecs: Any, pool: ThreadPoolExecutor, tasks: dict[str, list[str]]) -> list[str]:
        def stop(one: tuple[str, str]) -> str:
            try:
                ecs.stop_task(cluster=one[0], task=one[1], reason=REASON)
            except ecs.exceptions.InvalidParameterException as error:  # it ended by itself since it was listed
                LOG.info("task %s: %s", one[1], error)
            return one[1]

        return list(pool.map(stop, [(cluster, task) for cluster, listed in tasks.items() for task in listed]))


def arns(ecs: Any, call: str, field: str, cluster: str) -> list[str]:
    """All pages of a listing call."""
    request: dict[str, Any] = {"cluster": cluster}
    found: list[str] = []
    while True:
        page = getattr(ecs, call)(**request)
        found.extend(page[field])
        if not page.get("nextToken"):
            return found
        request["nextToken"] = page["nextToken"]
