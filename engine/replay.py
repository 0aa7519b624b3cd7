"""Recovery of one symbol: the contiguous prefix of its journal, applied to a fresh venue.

The primary wrote digests into its journal while it traded; replay compares its own digest with each of them at the
same seq. A journal without damage whose every checkpoint agrees is *recovered*; anything else is *damaged*, with the
venue as it stood at the end of the contiguous prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from engine.codec import GENESIS, Frame
from engine.fill import FILL
from engine.journal import JournalAccount, JournalReader
from engine.messages import COMMAND, COMMAND_SIZE
from engine.replayer import KERNEL, REFERENCE, EngineName, Replayer, fallback, replayer
from engine.storage import Store
from engine.venue import Venue

if TYPE_CHECKING:
    from engine.runs import Run

__all__ = ["Comparison", "Frames", "Recovery", "Replay", "rebuild", "recover", "unread"]

RUN_BYTES: Final = 8192 * COMMAND_SIZE
"""Commands are applied in runs of this size or between checkpoints: a call of the compiled engine costs some 50 us."""


class Frames(Protocol):
    """A reader: of one epoch (`JournalReader`) or of a lineage (`LineageReader`)."""

    @property
    def account(self) -> JournalAccount:
        """What was read; complete once the iteration has ended."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames of the contiguous prefix."""

    def runs(self) -> Iterator[Frame | Run]:
        """The same, in runs where that is possible."""


class Comparison(msgspec.Struct, frozen=True):
    """A checkpoint met in mid-replay: the digest the primary wrote, and the one recomputed here."""

    seq: int
    primary: bytes
    recovered: bytes

    @property
    def agrees(self) -> bool:
        """Whether both sites stood in the same state."""
        return self.primary == self.recovered

    def line(self) -> bytes:
        """One line of `checkpoints.jsonl`."""
        document = {"seq": self.seq, "primary": self.primary.hex(), "recovered": self.recovered.hex()}
        return msgspec.json.encode(document) + b"\n"


class Recovery(msgspec.Struct, frozen=True):
    """What came of recovering one symbol; `venue` goes on trading from there."""

    symbol: str
    status: Literal["recovered", "damaged"]
    venue: Venue
    digest: bytes
    fills: int
    checkpoints: int
    disagreements: int
    first_disagreement_seq: int
    account: JournalAccount
    started_ns: int
    finished_ns: int
    last_command_ns: int = 0
    """When the last command was received, by the journal; 0 where none was applied."""
    engine: EngineName = REFERENCE
    """Who applied them."""
    fallback: str = ""
    """Why that was not the compiled engine, where nobody had asked for another."""

    @property
    def seq(self) -> int:
        """The last seq of the contiguous prefix."""
        return self.account.seq

    @property
    def last_frame(self) -> bytes:
        """The digest that the next epoch's first frame chains to."""
        return self.account.last_frame

    def result(self, *, from_epoch: int, epoch: int, build: str) -> dict[str, object]:
        """The content of `result.json`."""
        account = self.account
        return {
            "symbol": self.symbol,
            "status": self.status,
            "seq": self.seq,
            "highest_seq": account.highest_seq,
            "digest": self.digest.hex(),
            "commands": account.commands,
            "fills": self.fills,
            "frames": account.frames,
            "objects": account.objects,
            "bytes": account.compressed_bytes,
            "duplicates": account.duplicates,
            "refused": account.refused,
            "reorder_depth": account.reorder_depth,
            "checkpoints": self.checkpoints,
            "disagreements": self.disagreements,
            "first_disagreement_seq": self.first_disagreement_seq,
            "damages": [msgspec.to_builtins(damage) for damage in account.damages],
            "started_ns": self.started_ns,
            "finished_ns": self.finished_ns,
            "from_epoch": from_epoch,
            "epoch": epoch,
            "last_frame": self.last_frame.hex(),
            "engine": self.engine,
            "fallback": self.fallback,
            "build": build,
        }


class _Tally:
    """Counts what passes to the sinks."""

    def __init__(self, on_fills: Callable[[bytes], object], on_checkpoint: Callable[[Comparison], object]) -> None:
        self._on_fills = on_fills
        self._on_checkpoint = on_checkpoint
        self.fills = 0
        self.checkpoints = 0
        self.disagreements = 0
        self.first_disagreement_seq = 0

    def take_fills(self, packed: bytes) -> None:
        self.fills += len(packed) // FILL.size
        self._on_fills(packed)

    def take_checkpoint(self, comparison: Comparison) -> None:
        self.checkpoints += 1
        if not comparison.agrees:
            self.disagreements += 1
            self.first_disagreement_seq = self.first_disagreement_seq or comparison.seq
        self._on_checkpoint(comparison)


def recover(
    store: Store,
    symbol: str,
    *,
    environment: int,
    now_ns: Callable[[], int],
    epoch: int | None = None,
    on_fills: Callable[[bytes], object] | None = None,
    on_checkpoint: Callable[[Comparison], object] | None = None,
) -> Recovery:
    """Rebuild a symbol from the genesis of one epoch's journal.

    Args:
        store: opened at the journal of the epoch to recover, `.../journal/epoch=1/`.
        symbol: whose journal.
        environment: what its frames must say, LIVE for the market's journal also during an exercise.
        now_ns: the wall clock, read at start and end only.
        epoch: what its frames must say, None to accept any.
        on_fills: is given packed `FILL` records, a frame's at once, in order.
        on_checkpoint: is given each comparison, in order.

    Raises:
        StorageError: the store could not be read. Damage does not raise; it is in `Recovery.account.damages`.
    """
    reader = JournalReader(store, symbol, environment=environment, epoch=epoch)
    return rebuild(reader, Venue.listed(symbol), now_ns=now_ns, on_fills=on_fills, on_checkpoint=on_checkpoint)


def rebuild(
    reader: Frames,
    start: Venue | bytes,
    *,
    now_ns: Callable[[], int],
    on_fills: Callable[[bytes], object] | None = None,
    on_checkpoint: Callable[[Comparison], object] | None = None,
    engine: EngineName | None = None,
) -> Recovery:
    """Apply whatever `reader` gives out to `start`, which stands where the reader begins; otherwise as `recover`.

    `start` is a venue, or the canonical bytes of one; StateError where they are none.
    `engine` is who applies it, None for the fastest that is installed.
    """
    started_ns = now_ns()
    tally = _Tally(on_fills or _discard, on_checkpoint or _discard)
    missing = fallback() if engine is None else ""
    engine = engine or (REFERENCE if missing else KERNEL)
    machine = replayer(start, engine)
    replay = Replay(machine, tally.take_fills, tally.take_checkpoint)
    last_command_ns = 0
    for frame in reader.runs() if engine == KERNEL else iter(reader):
        replay.take(frame)
        if frame.count:
            last_command_ns = COMMAND.unpack_from(frame.commands, len(frame.commands) - COMMAND.size)[0]
    replay.flush()
    account, recovered = reader.account, machine.venue()
    return Recovery(
        symbol=recovered.symbol,
        status="damaged" if account.damages or tally.disagreements else "recovered",
        venue=recovered,
        digest=recovered.digest(),
        fills=tally.fills,
        checkpoints=tally.checkpoints,
        disagreements=tally.disagreements,
        first_disagreement_seq=tally.first_disagreement_seq,
        account=account,
        started_ns=started_ns,
        finished_ns=now_ns(),
        last_command_ns=last_command_ns,
        engine=engine,
        fallback=missing,
    )


def unread(symbol: str, started_ns: int, finished_ns: int) -> Recovery:
    """What came of a recovery that an exception ended: damaged, every count zero, and zeros for a digest.

    The zeros are no state's digest, not even that of genesis: nothing is known of this symbol.
    """
    missing = fallback()
    return Recovery(
        symbol=symbol,
        status="damaged",
        venue=Venue.listed(symbol),
        digest=bytes(len(GENESIS)),
        fills=0,
        checkpoints=0,
        disagreements=0,
        first_disagreement_seq=0,
        account=JournalAccount(symbol),
        started_ns=started_ns,
        finished_ns=finished_ns,
        engine=REFERENCE if missing else KERNEL,
        fallback=missing,
    )


class Replay:
    """Frames in, fills and comparisons out: gathers commands to runs and stops at every checkpoint."""

    def __init__(
        self,
        machine: Replayer,
        on_fills: Callable[[bytes], object],
        on_checkpoint: Callable[[Comparison], object],
    ) -> None:
        """`on_fills` is given packed `FILL` records in order, `on_checkpoint` each comparison as soon as it is made."""
        self._machine = machine
        self._on_fills = on_fills
        self._on_checkpoint = on_checkpoint
        self._waiting: list[bytes | memoryview] = []
        self._size = 0

    def take(self, frame: Frame | Run) -> None:
        """Apply a frame or a run, now or with the next."""
        done = 0
        for mark in frame.checkpoints:
            upto = (mark.seq - frame.first_seq + 1) * COMMAND_SIZE
            self._gather(frame.commands[done:upto])
            self.flush()
            self._on_checkpoint(Comparison(mark.seq, mark.digest, self._machine.digest()))
            done = upto
        self._gather(frame.commands[done:])
        if self._size >= RUN_BYTES:
            self.flush()

    def flush(self) -> None:
        """Apply what was taken."""
        waiting = self._waiting
        fills = self._machine.apply(waiting[0] if len(waiting) == 1 else b"".join(waiting))
        self._waiting.clear()
        self._size = 0
        if fills:
            self._on_fills(fills)

    def _gather(self, commands: bytes | memoryview) -> None:
        self._waiting.append(commands)
        self._size += len(commands)


def _discard(_: object) -> None:
    """The sink of a caller that only wants the state."""
