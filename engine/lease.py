"""The right to acknowledge: held while the control folder shows no higher epoch, and never longer than confirmed.

The fence at Firehose stops a cut-off primary from committing; the lease stops it from believing. Once lost, it
stays lost: only a new task, with a new epoch, may acknowledge again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from engine import clock

__all__ = ["ControlFolder", "Lease"]

LOG = logging.getLogger(__name__)
EPOCH_RECORD = re.compile(r"(?:^|/)epoch=(\d+)\.json$")
PREFIX = "epoch="
NS_PER_S = 1_000_000_000


class ControlFolder(Protocol):
    """The part of engine.storage.Store that a lease reads."""

    def list(self, prefix: str) -> Iterable[Any]:
        """Entries, each with a `key`, whose keys start with `prefix`."""
        ...


class Lease:
    """Asks every `every_s`; `held()` answers from memory, so that it can guard each release of acknowledgements."""

    def __init__(
        self,
        *,
        store: ControlFolder,
        epoch: int,
        every_s: float = 1.0,
        limit_s: float = 10.0,
        read_ns: Callable[[], int] = clock.lease_ns,
    ) -> None:
        self._store = store
        self._epoch = epoch
        self._every_s = every_s
        self._limit_ns = round(limit_s * NS_PER_S)
        self._read_ns = read_ns
        self._confirmed_ns: int | None = None
        self._asked_ns: int | None = None
        self.lost_because: str | None = None

    def held(self) -> bool:
        """True if the lease was confirmed within the limit, by the clock of this moment."""
        if self.lost_because is None and self._confirmed_ns is not None:
            silent_ns = self._read_ns() - self._confirmed_ns
            if silent_ns > self._limit_ns:
                self._lose(f"not confirmed for {silent_ns / NS_PER_S:.1f} s (limit {self._limit_ns / NS_PER_S:.0f} s)")
        return self.lost_because is None and self._confirmed_ns is not None

    async def confirm(self) -> bool:
        """Ask once. A confirmation counts from the moment of asking: the answer may be as old as that."""
        asked_ns = self._read_ns()
        if self._asked_ns is not None and asked_ns <= self._asked_ns:
            self._lose("the clock stands still: no promise about time can be kept")
            return False
        self._asked_ns = asked_ns
        try:
            highest = await asyncio.to_thread(self._highest)
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the lease is not confirmed; held() decides
            LOG.warning("lease not confirmed: %s: %s", type(error).__name__, error)
            return self.held()
        if highest > self._epoch:
            self._lose(f"epoch {highest} has been taken; this is epoch {self._epoch}")
        elif self.held() or self._fresh(asked_ns):
            self._confirmed_ns = asked_ns
        return self.held()

    def _fresh(self, asked_ns: int) -> bool:
        """Whether a first answer came in time; one that took too long grants nothing and loses nothing."""
        return self._confirmed_ns is None and self._read_ns() - asked_ns <= self._limit_ns

    async def obtain(self) -> bool:
        """Wait until the lease was confirmed for the first time; False if it was lost before."""
        while self.lost_because is None and not self.held():
            await self.confirm()
            if not self.held():
                await asyncio.sleep(self._every_s)
        return self.held()

    async def keep(self, on_loss: Callable[[str], None]) -> None:
        """Confirm for ever; on loss call `on_loss` with the reason, once, and return.

        The question runs beside the watch: a store that answers never must not keep the loss from being noticed.
        """
        asking: asyncio.Task[bool] | None = None
        while self.lost_because is None:
            if asking is None or asking.done():
                asking = asyncio.create_task(self.confirm())
            await asyncio.wait([asking], timeout=self._every_s)
            if asking.done():
                await asyncio.sleep(self._every_s)
            self.held()
        on_loss(self.lost_because)

    def _highest(self) -> int:
        found = (EPOCH_RECORD.search(entry.key) for entry in self._store.list(PREFIX))
        return max((int(match.group(1)) for match in found if match), default=0)

    def _lose(self, reason: str) -> None:
        if self.lost_because is None:
            self.lost_because = reason
            LOG.error("lease lost: %s", reason)
