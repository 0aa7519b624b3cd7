"""One symbol's recovery, by the way that the go-ahead asks for, and what is written down about it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from engine import clock
from engine.folders import Folders
from engine.lineage import LineageReader, Link, read_lineage
from engine.messages import Environment
from engine.replay import Comparison, Recovery, rebuild
from engine.snapshot_shelf import Rejected, Shelf, Start, Used
from engine.venue import Venue

__all__ = ["GoAhead", "Rebuilt", "Rehydrate", "rebuild_symbol"]

DAMAGED: Final = "damaged"
NOTHING: Final = Start(None, None, ())
Sinks = tuple[Callable[[bytes], object], Callable[[Comparison], object]]


class Rehydrate(StrEnum):
    """The ways to a recovered state. `BOTH`: each way by itself, and their digests must agree."""

    SNAPSHOT = "snapshot"
    GENESIS = "genesis"
    BOTH = "both"


class GoAhead(msgspec.Struct, frozen=True):
    """`control/epoch=E/recover.json`: up to which epoch to read the journal, in which drill, and how.

    `recovery_points` holds the last seq to recover of each symbol (inclusive), where that is registered: of a planned
    exercise, while the market trades on above it, or of a site that was frozen. Absent: everything that there is.
    """

    from_epoch: int
    drill: str = ""
    rehydrate: Rehydrate = Rehydrate.GENESIS
    recovery_points: dict[str, int] = msgspec.field(default_factory=dict)


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """A recovered symbol. `used` is the snapshot that its state began from; `twin` the other way's recovery."""

    recovery: Recovery
    lineage: tuple[Link, ...]
    rehydrate: Rehydrate
    used: Used | None = None
    rejected: tuple[Rejected, ...] = ()
    base_seq: int = 0
    twin: Recovery | None = None

    def result(self, *, from_epoch: int, epoch: int, build: str) -> dict[str, Any]:
        """The content of `result.json`.

        `base_seq` is where fills and checkpoints on file begin (exclusive); `snapshot` is null where none was used,
        its `age_ns` is the time that passed between it and the last command of the journal.
        """
        return {
            **self.recovery.result(from_epoch=from_epoch, epoch=epoch, build=build),
            "rehydrate": str(self.rehydrate),
            "base_seq": self.base_seq,
            "snapshot": self._snapshot(),
            "rejected": [msgspec.to_builtins(one) for one in self.rejected],
            "twin": {"seq": self.twin.seq, "digest": self.twin.digest.hex()} if self.twin else None,
        }

    def _snapshot(self) -> dict[str, Any] | None:
        if self.used is None:
            return None
        tail = self.twin or self.recovery
        age_ns = max(0, tail.last_command_ns - int(self.used.taken_ns)) if tail.account.commands else 0
        return {**msgspec.to_builtins(self.used), "tail": tail.account.commands, "age_ns": str(age_ns)}


class _Files:
    """Fills and comparisons of one recovery, emptied for each attempt."""

    def __init__(self, folder: Path) -> None:
        self.fills = folder / "fills.bin"
        self.checkpoints = folder / "checkpoints.jsonl"
        self._open: list[Any] = []

    def fresh(self) -> Sinks:
        self.close()
        self._open = [path.open("wb") for path in (self.fills, self.checkpoints)]
        fills, checkpoints = self._open
        return fills.write, lambda comparison: checkpoints.write(comparison.line())

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


def rebuild_symbol(folders: Folders, symbol: str, go_ahead: GoAhead, *, folder: Path) -> Rebuilt:
    """Recover one symbol; `folder` then holds `fills.bin` and `checkpoints.jsonl`.

    The journal of an exercise, too, is the market's: LIVE, whatever this site's environment.

    Raises:
        LineageError: nobody knows where an epoch of it began.
        StorageError: a store could not be read.
    """
    started_ns = clock.now_ns()
    lineage = read_lineage(folders.lineage, folders.journal, symbol, go_ahead.from_epoch)
    # The point lies in the newest epoch; a symbol that was not open in it ends with what is there.
    fence_seq = go_ahead.recovery_points.get(symbol) if lineage[-1].epoch == go_ahead.from_epoch else None
    files = _Files(folder)
    try:
        start = NOTHING
        if go_ahead.rehydrate is not Rehydrate.GENESIS:
            shelf = Shelf(folders.snapshots, folders.journal, symbol, lineage, environment=Environment.LIVE)
            start = shelf.recover(now_ns=clock.now_ns, fresh=files.fresh, fence_seq=fence_seq)
        if start.recovery is not None and start.used is not None and go_ahead.rehydrate is Rehydrate.SNAPSHOT:
            return _rebuilt(start.recovery, started_ns, lineage, go_ahead, start, base_seq=start.used.seq)
        reader = LineageReader(folders.journal, symbol, lineage, environment=Environment.LIVE, fence_seq=fence_seq)
        on_fills, on_checkpoint = files.fresh()
        full = rebuild(
            reader, Venue.listed(symbol), now_ns=clock.now_ns, on_fills=on_fills, on_checkpoint=on_checkpoint
        )
        return _rebuilt(full, started_ns, lineage, go_ahead, start, twin=start.recovery)
    finally:
        files.close()


def _rebuilt(
    recovery: Recovery,
    started_ns: int,
    lineage: tuple[Link, ...],
    go_ahead: GoAhead,
    start: Start,
    *,
    base_seq: int = 0,
    twin: Recovery | None = None,
) -> Rebuilt:
    """With the whole recovery's beginning, and damaged where the two ways do not lead to one state."""
    differ = twin is not None and (twin.seq, twin.digest) != (recovery.seq, recovery.digest)
    return Rebuilt(
        recovery=msgspec.structs.replace(
            recovery, started_ns=started_ns, status=DAMAGED if differ else recovery.status
        ),
        lineage=lineage,
        rehydrate=go_ahead.rehydrate,
        used=start.used,
        rejected=start.rejected,
        base_seq=base_seq,
        twin=twin,
    )
