"""Snapshots while trading: asked for in turn, taken at the end of a frame, written off the hot path.

The pause of a snapshot is the time in which one symbol's state becomes bytes; everything else (checksum, put, reading
back) happens in a thread after the frame was confirmed. One symbol is asked at a time and the first round is spread
over the interval, so the pauses of a task's symbols never add up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from engine import clock
from engine.errors import EngineError, SnapshotError
from engine.sequencer import Sequencer
from engine.snapshot import Snapshot, decode_snapshot, encode_snapshot, snapshot_key
from engine.storage import Store, open_store

__all__ = ["SnapshotWriter"]

LOG = logging.getLogger(__name__)
NS_PER_S: Final = 1_000_000_000
WAITING: Final = 8
"""Snapshots that may wait for a slow store; more are dropped, for the next one is only an interval away."""


class SnapshotWriter:
    """One task's snapshots."""

    def __init__(self, *, address: str, every_commands: int, every_s: float) -> None:
        """A writer to the store at `address`, `.../snapshots/`; a symbol is due by commands or by time."""
        self._address = address
        self._every_commands = every_commands
        self._every_ns = round(every_s * NS_PER_S)
        self._due_ns: dict[str, int] = {}
        self._asked_seq: dict[str, int] = {}
        self._queue: asyncio.Queue[Snapshot] = asyncio.Queue()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._store: Store | None = None
        self.written = 0
        self.dropped = 0

    def start(self, sequencers: Iterable[Sequencer]) -> None:
        """Spread the symbols' first snapshots over one interval from now."""
        now_ns, listed = clock.lease_ns(), list(sequencers)
        for place, sequencer in enumerate(listed, start=1):
            symbol = sequencer.instrument.symbol
            self._due_ns[symbol] = now_ns + self._every_ns * place // len(listed)
            self._asked_seq[symbol] = sequencer.seq

    def ask(self, sequencers: Iterable[Sequencer]) -> None:
        """Ask the first symbol that is due for a snapshot with its next frame; called once a commit."""
        now_ns = clock.lease_ns()
        for sequencer in sequencers:
            symbol = sequencer.instrument.symbol
            fresh = sequencer.seq - self._asked_seq[symbol]
            if fresh and (now_ns >= self._due_ns[symbol] or fresh >= self._every_commands):
                self._due_ns[symbol], self._asked_seq[symbol] = now_ns + self._every_ns, sequencer.seq
                sequencer.ask_snapshot()
                return

    def hurry(self) -> None:
        """Make every symbol due: one after the other, with each commit, as always."""
        self._due_ns = dict.fromkeys(self._due_ns, clock.lease_ns())

    def take(self, snapshot: Snapshot) -> None:
        """A snapshot whose frame was confirmed; returns at once."""
        if self._queue.qsize() >= WAITING:
            self.dropped += 1
            LOG.warning("%s: snapshot at seq %d dropped: the store is slow", snapshot.symbol, snapshot.seq)
            return
        self._queue.put_nowait(snapshot)

    def take_openings(self, snapshots: Iterable[Snapshot]) -> None:
        """The states in which an epoch begins: none of them is dropped."""
        for snapshot in snapshots:
            self._queue.put_nowait(snapshot)

    async def run(self) -> None:
        """Write for ever; a failure costs one snapshot, never a trade."""
        loop = asyncio.get_running_loop()
        while True:
            snapshot = await self._queue.get()
            try:
                await loop.run_in_executor(self._executor, self._write, snapshot)
            except EngineError as error:
                LOG.error("%s: snapshot at seq %d not written: %s", snapshot.symbol, snapshot.seq, error)  # noqa: TRY400
            else:
                self.written += 1
            finally:
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until nothing waits; `run` must be running."""
        await self._queue.join()

    def close(self) -> None:
        """Give the thread back."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _write(self, snapshot: Snapshot) -> None:
        """Put, read back, compare. A snapshot that cannot be read back is named here, not in the next recovery."""
        if self._store is None:
            self._store = open_store(self._address)
        key = snapshot_key(snapshot.epoch, snapshot.symbol, snapshot.seq)
        raw = encode_snapshot(snapshot)
        self._store.put(key, raw)
        if decode_snapshot(self._store.get(key)) != snapshot:
            raise SnapshotError(
                "write snapshot",
                where=self._store.address + key,
                cause="other bytes came back than were put",
                hint="look at the store; the next snapshot is written in an interval",
            )
