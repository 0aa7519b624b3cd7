"""Handing over the ack captures: a consistent copy up to a moment, gzipped, into the witness bucket.

Runs in threads: the event loop only takes the cut (it flushes and notes each file's size), because an append-only
file's first bytes never change again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from engine.messages import Environment
from witness import clock
from witness.bucket import Order, WitnessBucket, persist
from witness.capture import Extent, pack

VERB = "handover"
POLL_SECONDS = 0.5
UPLOADS_AT_ONCE = 2
FREEZE_SECONDS = 30.0
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
LOG = logging.getLogger(__name__)

Mine = Callable[[Order], bool]


def of_environment(environment: Environment) -> Mine:
    """Orders to the members of an environment; an order that names none is to those of LIVE."""
    return lambda order: str(order.body.get("environment", Environment.LIVE.name)) == environment.name


def of_drill(drill: str, environment: Environment) -> Mine:
    """Orders of one drill to the members of an environment."""
    of_them = of_environment(environment)
    return lambda order: order.drill == drill and of_them(order)


Freeze = Callable[[], Coroutine[Any, Any, tuple[tuple[Extent, ...], int]]]


class Handover:
    """Follows `orders/<drill>/handover.json` and obeys each name once."""

    def __init__(
        self,
        bucket: WitnessBucket,
        freeze: Freeze,
        loop: asyncio.AbstractEventLoop,
        *,
        mine: Mine | None = None,
    ) -> None:
        """`mine` tells which orders are to the members of this house (default: LIVE ones); houses share the bucket."""
        self._mine = mine or of_environment(Environment.LIVE)
        self._bucket = bucket
        self._freeze = freeze
        self._loop = loop
        self._seen: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="handover", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def close(self, seconds: float = 30.0) -> None:
        """Finish the copy in hand, then stop."""
        self._stopped.set()
        self._thread.join(seconds)

    def poll(self) -> int:
        """Obey every new order; the number obeyed."""
        obeyed = 0
        for key, mark in self._bucket.marks().items():
            if key.endswith(f"/{VERB}.json") and self._seen.get(key) != mark:
                try:
                    obeyed += self._obey(self._bucket.order(key, mark))
                except (ValueError, msgspec.DecodeError) as error:
                    LOG.warning("order %s cannot be read: %s", key, error)  # until it is written again
                self._seen[key] = mark
        return obeyed

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001 - the store may be in trouble: log, and poll again
                LOG.warning("handover: %s", error)

    def _obey(self, order: Order) -> int:
        if not self._mine(order):
            return 0
        name = str(order.body.get("name", ""))
        if not NAME.fullmatch(name):
            self._bucket.say(f"{order.drill}/handover-error.json", {"error": f"handover.json: bad name {name!r}"})
            return 0
        word = f"{order.drill}/handover-{name}.json"
        if self._bucket.said(word):
            return 0
        extents, at_ns = asyncio.run_coroutine_threadsafe(self._freeze(), self._loop).result(FREEZE_SECONDS)
        prefix = f"captures/{order.drill}/{name}/"
        with ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="upload") as pool:
            files = dict(pool.map(lambda extent: self._upload(prefix, extent), extents))
        self._bucket.say(
            word,
            {
                "name": name,
                "members": len(extents),
                "records": sum(extent.records for extent in extents),
                "prefix": prefix,
                "at_ns": str(at_ns),
                "finished_ns": str(clock.now_ns()),
                "files": files,
            },
        )
        return 1

    def _upload(self, prefix: str, extent: Extent) -> tuple[str, dict[str, Any]]:
        name, packed = f"{extent.member:05d}.bin.gz", pack(extent)
        persist(lambda: self._bucket.put(prefix + name, packed.content, "application/gzip"), f"upload {prefix}{name}")
        return name, {"sha256": packed.sha256, "records": packed.records, "bytes": len(packed.content)}
