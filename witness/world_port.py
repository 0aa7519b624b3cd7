"""The port of an emulated world: faults of the API, of processes and of hosts. On AWS there is none.

What a quota, a slow store, a dead host or a wrong clock does to an account cannot be ordered from AWS; there such a
fault is not injected, and the drill that asked for it says so (I-FAULT).
"""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from typing import Any

import msgspec

SECONDS = 10.0


class WorldPort:
    """Requests to `<endpoint>/_aex/...`."""

    def __init__(self, kill_url: str) -> None:
        """`kill_url` is the emulator's kill port, beside which the others are."""
        self._base = kill_url.rpartition("/")[0]

    def add(self, *rules: dict[str, Any]) -> None:
        """Put rules of the API in force."""
        self._post("faults", {"add": list(rules)})

    def withdraw(self, ids: Sequence[str]) -> dict[str, int]:
        """Take rules back; says how often each has struck."""
        struck: dict[str, int] = self._post("faults", {"withdraw": list(ids)})["struck"]
        return struck

    def struck(self, rule: str) -> int:
        """How often a rule has struck so far."""
        return int(self._ask("faults")["struck"].get(rule, 0))

    def furnish(self, cluster: str, environment: dict[str, str]) -> None:
        """What the hosts of a cluster give every task that starts from now on."""
        self._post("hosts", {"cluster": cluster, "environment": environment})

    def kill(self, cluster: str, services: Sequence[str] = (), *, hold: bool = False) -> list[str]:
        """SIGKILL a cluster's tasks, or those of some services; `hold`: none is started again. Returns their ids."""
        order = {"clusters": [cluster], "services": list(services), "hold": hold}
        return [str(task) for task in self._post("kill", order)["tasks"]]

    def release(self, cluster: str) -> None:
        """Let a cluster's services start tasks again."""
        self._post("release", {"clusters": [cluster]})

    def _post(self, verb: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the command line took http only
            f"{self._base}/{verb}", msgspec.json.encode(body), {"Content-Type": "application/json"}
        )
        return self._send(request)

    def _ask(self, verb: str) -> Any:
        return self._send(urllib.request.Request(f"{self._base}/{verb}"))  # noqa: S310 - as above

    @staticmethod
    def _send(request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 - as above
            return msgspec.json.decode(response.read())
