"""One tick commits every symbol: an acknowledgement waits for half an interval on average, and puts are few."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from engine.sequencer import Sequencer
from engine.snapshot_writer import SnapshotWriter

__all__ = ["GroupCommit"]


class GroupCommit:
    """The tick of one task's sequencers; at most one frame of a symbol is in flight."""

    def __init__(
        self, sequencers: Iterable[Sequencer], *, every_s: float, snapshots: SnapshotWriter | None = None
    ) -> None:
        """`snapshots`, where there are any, may ask one symbol for its state before each tick."""
        self._sequencers = tuple(sequencers)
        self._every_s = every_s
        self._snapshots = snapshots

    async def run(self) -> None:
        """Commit for ever; a symbol whose frame is still in flight waits for the next tick."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._every_s, loop.time())
            await asyncio.sleep(due - loop.time())
            if self._snapshots is not None:
                self._snapshots.ask(self._sequencers)
            for sequencer in self._sequencers:
                sequencer.commit()

    async def drain(self) -> None:
        """Commit whatever is left of every symbol."""
        await asyncio.gather(*(sequencer.drain() for sequencer in self._sequencers))
