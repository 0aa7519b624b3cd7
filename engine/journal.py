"""Reading a symbol's journal: objects in any order, frames repeated, bytes possibly damaged, memory bounded.

`JournalReader` gives out the *contiguous prefix*: the frames that follow each other without a gap in seq and whose
chain of digests holds, from the starting point on. Whatever else the journal contains is counted, and what should not
be there is a `Damage` with symbol, object and offset. Damaged bytes never raise and are never skipped silently; reading
goes on to the end, so that every damage and the highest seq are known even when the prefix ends early.

A journal object is a gzip file; uncompressed it is a row of frames (`engine.codec`) of one symbol. After bytes that
are no frame the reader looks for the next magic. Neither key order nor time order is trusted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Generator, Iterator
from itertools import chain, groupby
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from engine.codec import GENESIS, HEADER_SIZE, MAGIC, MAX_FRAME, Frame, decode_frame, frame_size
from engine.errors import FrameError, NotFoundError
from engine.given import PLACE
from engine.read_ahead import read_ahead
from engine.reorder import RECENT_FRAMES, WINDOW_BYTES, PlacedFrame, ReorderBuffer
from engine.replayer import fallback
from engine.storage import Entry, Store

if TYPE_CHECKING:
    from engine.runs import Run, RunScanner

__all__ = ["COMPACTED", "Damage", "DamageKind", "JournalAccount", "JournalReader", "read_object", "read_symbol"]

DamageKind = Literal[
    "gap",
    "conflict",
    "checksum",
    "chain",
    "foreign_symbol",
    "foreign_environment",
    "truncated",
    "bad_gzip",
    "bad_header",
]

_GZIP_WINDOW: Final = 31  # zlib: 15 bits of window, gzip wrapping required
_PIECE: Final = 1 << 20
_FEED: Final = 256 << 10
MAX_DAMAGES: Final = 256
"""Damages of one object; then the rest of it is left unread, which is the last one. A few kilobytes of gzip could
otherwise unpack to millions of them."""


COMPACTED: Final = "0-compacted/"
"""Where large objects made of small ones lie (`engine.compaction`), in a symbol's folder: before the years."""

_ROW: Final = re.compile(rf"/{COMPACTED}\d{{20}}-(\d{{20}})\.gz$")

Scan = Callable[[bytearray, int], "tuple[Run | None, int]"]
"""The run at a place of a buffer, if there is one, and where to go on."""

MAX_IDLE: Final = 64
"""Frames that are looked at by themselves, at most, before the next try to find a run."""


class Damage(msgspec.Struct, frozen=True):
    """Something in the journal that no engine wrote; `offset` counts uncompressed bytes of the object.

    For a gap: `seq` is the first one missing, object and offset are those of the frame that stands behind it.
    """

    kind: DamageKind
    symbol: str
    object: str
    offset: int
    expected: str
    found: str
    seq: int = 0


class JournalAccount(msgspec.Struct):
    """What was read. Complete once the reader's iterator has ended."""

    symbol: str
    objects: int = 0
    passed: int = 0
    """Objects that were not read: too old, or by their names too early, to hold what lies behind the starting point."""
    compressed_bytes: int = 0
    """As listed."""
    frames: int = 0
    """Whole frames of this symbol, repetitions included."""
    frames_given: int = 0
    """Frames of the contiguous prefix."""
    commands: int = 0
    """Commands of the contiguous prefix."""
    skipped: int = 0
    """Frames that end at or before the starting point."""
    duplicates: int = 0
    """Frames that were equal to one read before."""
    refused: int = 0
    """Frames above the fence: a zombie's, written after its epoch had ended, or above an exercise's recovery point."""
    conflicts: int = 0
    gaps: int = 0
    reorder_depth: int = 0
    """The most frames that waited for their turn at one time."""
    seq: int = 0
    """The contiguous prefix ends with this seq."""
    last_frame: bytes = GENESIS
    """Digest of the prefix's last frame."""
    highest_seq: int = 0
    """The highest seq in any frame of this symbol, gaps or not."""
    damages: list[Damage] = msgspec.field(default_factory=list)


class JournalReader:
    """Iterates once over the frames of the contiguous prefix; `account` tells what was met on the way."""

    def __init__(
        self,
        store: Store,
        symbol: str,
        *,
        environment: int,
        epoch: int | None = None,
        after_seq: int = 0,
        after_frame: bytes = GENESIS,
        fence_seq: int | None = None,
        since_ns: int = 0,
        prefix: str = "",
        window_bytes: int = WINDOW_BYTES,
        recent_frames: int = RECENT_FRAMES,
    ) -> None:
        """Reads `<prefix>symbol=<SYMBOL>/` of `store`.

        Args:
            store: opened at the journal of one epoch, or above it.
            symbol: whose frames are expected there.
            environment: what the journal's frames must say.
            epoch: what they must say, None to accept any.
            after_seq: the prefix starts behind this seq (exclusive).
            after_frame: digest of the frame that ends with `after_seq`.
            fence_seq: the epoch's last seq (inclusive): later frames of it are refused and counted; None: no fence.
            since_ns: objects that the store wrote before this moment are passed over, for no object is older than the
                frames in it, and so are large ones that end before `after_seq` by their names; 0: everything is read.
            prefix: what leads from the store to the epoch's folder, such as `epoch=1/`.
            window_bytes: early frames beyond this many bytes wait on disk.
            recent_frames: digests of given-out frames beyond this many are kept on disk.
        """
        self.account = JournalAccount(symbol, seq=after_seq, last_frame=after_frame, highest_seq=after_seq)
        self._after_seq = after_seq
        self._store = store
        self._symbol = symbol
        self._environment = environment
        self._epoch = epoch
        self._fence_seq = fence_seq
        self._since_ns = since_ns
        self._prefix = prefix
        self._after_frame = after_frame
        self.anchor: Frame | None = None
        """The frame that ends with `after_seq` and has the digest `after_frame`, once it has been met."""
        self._waiting = ReorderBuffer(window_bytes=window_bytes, recent_frames=recent_frames)

    def __iter__(self) -> Iterator[Frame]:
        """The frames of the contiguous prefix, in order of seq.

        Raises:
            StorageError: the store could not be read; nothing else.
        """
        for entry, pieces in self._objects():
            for found in self._read(entry, pieces, None):
                if isinstance(found, PlacedFrame):  # nobody has asked for runs
                    yield from self._arrive(found)

    def runs(self) -> Iterator[Frame | Run]:
        """The same prefix with the same account, in runs where that is possible: with the compiled engine."""
        scanner = self._scanner()
        if scanner is None:
            yield from self
            return
        for entry, pieces in self._objects():
            for found in self._read(entry, pieces, lambda buffer, at: self._scan(scanner, buffer, at)):
                if isinstance(found, PlacedFrame):
                    yield from self._arrive(found)
                else:
                    yield self._give_run(found)

    def _objects(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """The objects that must be read; once all are, what still waits is accounted for."""
        seen: set[str] = set()
        try:
            gone = yield from self._present(self._entries(seen))
            while gone is not None:  # a compaction has put it into a larger one since it was listed
                known = frozenset(seen)
                fresh = (entry for entry in self._entries(seen) if COMPACTED in entry.key and entry.key not in known)
                missing = gone
                gone = yield from self._present(fresh)
                if seen == known:
                    raise missing
            self._account_for_leftovers()
        finally:
            self._waiting.close()

    def _present(
        self, entries: Iterator[Entry]
    ) -> Generator[tuple[Entry, Iterator[bytes]], None, NotFoundError | None]:
        """The objects that are still there when they are read; returns the error of one that is not."""
        gone: NotFoundError | None = None
        for entry, pieces in read_ahead(self._store, entries):
            try:
                first = next(pieces, b"")
            except NotFoundError as error:
                gone = error
                continue
            yield entry, chain((first,), pieces)
        return gone

    def _entries(self, seen: set[str]) -> Iterator[Entry]:
        """What is listed and new enough; `seen` takes the keys of compacted objects, which are few."""
        for entry in self._store.list(f"{self._prefix}symbol={self._symbol}/"):
            if 0 < entry.modified_ns < self._since_ns or self._ends_early(entry.key):
                self.account.passed += 1
            else:
                if COMPACTED in entry.key:
                    seen.add(entry.key)
                yield entry

    def _ends_early(self, key: str) -> bool:
        """Whether a compacted object, by its name, ends before the starting point; asked where not all must be read."""
        named = _ROW.search(key) if self._since_ns else None
        return named is not None and int(named.group(1)) < self._after_seq

    def _scanner(self) -> RunScanner | None:
        if fallback():
            return None
        from engine.runs import RunScanner  # noqa: PLC0415 - numba may be missing

        return RunScanner(self._symbol, environment=self._environment, epoch=self._epoch, fence_seq=self._fence_seq)

    def _scan(self, scanner: RunScanner, buffer: bytearray, at: int) -> tuple[Run | None, int]:
        """The next run: only where nothing waits for its turn, which any frame might bring."""
        account = self.account
        if len(self._waiting):
            return None, at
        if self._after_seq:
            passed, at = scanner.pass_over(buffer, at, self._after_seq)
            account.frames += passed
            account.skipped += passed
        return scanner.run(buffer, at, account.seq + 1, account.last_frame)

    def _give_run(self, run: Run) -> Run:
        account = self.account
        account.frames += run.frames
        account.frames_given += run.frames
        account.commands += run.count
        account.seq = run.next_seq - 1
        account.highest_seq = max(account.highest_seq, account.seq)
        account.last_frame = run.digest
        self._waiting.remember(run.places)
        return run

    def _arrive(self, placed: PlacedFrame) -> Iterator[Frame]:
        """One intact frame: give it out if it is next, and whatever waited for it; hold it, or say what is wrong."""
        account, frame = self.account, placed.frame
        account.frames += 1
        if self._fence_seq is not None and frame.first_seq > self._fence_seq:
            account.refused += 1
            return
        account.highest_seq = max(account.highest_seq, frame.next_seq - 1)
        if frame.first_seq == account.seq + 1 and frame.previous == account.last_frame:
            yield self._give(frame)
            yield from self._give_waiting()
        elif frame.next_seq <= self._after_seq + 1 and frame.first_seq <= self._after_seq:
            account.skipped += 1
            if frame.next_seq == self._after_seq + 1 and frame.digest == self._after_frame:
                self.anchor = frame
        elif frame.first_seq <= account.seq + 1 and self._waiting.was_given(frame):
            account.duplicates += 1
        elif frame.first_seq <= account.seq:
            self._note_conflict(placed)
        elif self._waiting.hold(placed):
            account.reorder_depth = max(account.reorder_depth, len(self._waiting))
        else:
            account.duplicates += 1

    def _give_waiting(self) -> Iterator[Frame]:
        while len(self._waiting):
            placed = self._waiting.take(self.account.seq + 1, self.account.last_frame)
            if placed is None:
                return
            yield self._give(placed.frame)

    def _give(self, frame: Frame) -> Frame:
        account = self.account
        account.frames_given += 1
        account.commands += frame.count
        account.seq = frame.next_seq - 1
        account.last_frame = frame.digest
        self._waiting.remember(PLACE.pack(frame.first_seq, frame.digest))
        return frame

    def _account_for_leftovers(self) -> None:
        """Nothing more will arrive: walk over what still waits and name each gap, broken link and conflict."""
        next_seq, previous = self.account.seq + 1, self.account.last_frame
        for _, group in groupby(self._waiting.leftovers(), key=lambda placed: placed.frame.first_seq):
            remaining = list(group)
            while remaining:
                placed = _linking(remaining, previous)
                remaining.remove(placed)
                frame = placed.frame
                if frame.first_seq < next_seq:
                    self._note_conflict(placed)
                    continue
                if frame.first_seq > next_seq:
                    self.account.gaps += 1
                    self._note("gap", placed, f"seq {next_seq}", f"seq {frame.first_seq}", seq=next_seq)
                elif frame.previous != previous:
                    self._note("chain", placed, f"previous {previous.hex()}", f"previous {frame.previous.hex()}")
                next_seq, previous = frame.next_seq, frame.digest

    def _note_conflict(self, placed: PlacedFrame) -> None:
        self.account.conflicts += 1
        seqs = f"seq {placed.frame.first_seq} to {placed.frame.next_seq - 1}"
        self._note("conflict", placed, "the frame read before", f"{placed.frame.digest.hex()} for {seqs}")

    def _note(self, kind: DamageKind, placed: PlacedFrame, expected: str, found: str, *, seq: int = 0) -> None:
        damage = Damage(
            kind, self._symbol, placed.object, placed.offset, expected, found, seq or placed.frame.first_seq
        )
        self.account.damages.append(damage)

    def _read(self, entry: Entry, pieces: Iterator[bytes], scan: Scan | None) -> Iterator[PlacedFrame | Run]:
        """The intact frames of one object that belong to this journal, and the runs among them."""
        self.account.objects += 1
        self.account.compressed_bytes += entry.size
        for found in _ObjectReader(pieces, entry.key, self._symbol, self.account.damages, scan):
            if not isinstance(found, PlacedFrame) or self._belongs(found):
                yield found

    def _belongs(self, placed: PlacedFrame) -> bool:
        frame = placed.frame
        if frame.symbol != self._symbol:
            self._note("foreign_symbol", placed, self._symbol, frame.symbol)
        elif frame.environment != self._environment:
            self._note("foreign_environment", placed, f"{self._environment}", f"{frame.environment}")
        elif self._epoch is not None and frame.epoch != self._epoch:
            self._note("bad_header", placed, f"epoch {self._epoch}", f"epoch {frame.epoch}")
        else:
            return True
        return False


def read_symbol(store: Store, symbol: str, *, environment: int, epoch: int | None = None) -> JournalReader:
    """A reader over one symbol's journal from genesis.

    >>> from engine.storage import MemoryStore
    >>> reader = read_symbol(MemoryStore(), "AAL", environment=1)
    >>> list(reader), reader.account.seq
    ([], 0)
    """
    return JournalReader(store, symbol, environment=environment, epoch=epoch)


def read_object(store: Store, key: str, symbol: str, damages: list[Damage]) -> Iterator[PlacedFrame]:
    """The intact frames of one object as they lie there; what is none is appended to `damages`, filed under `symbol`.

    Raises:
        StorageError: the object could not be read; nothing else.
    """
    for found in _ObjectReader(store.chunks(key), key, symbol, damages, None):
        if isinstance(found, PlacedFrame):  # nobody has asked for runs
            yield found


def _linking(candidates: list[PlacedFrame], previous: bytes) -> PlacedFrame:
    """The candidate that names `previous`, else the first: empty frames share their first seq with the next one."""
    return next((placed for placed in candidates if placed.frame.previous == previous), candidates[0])


class _ObjectReader:
    """The whole frames of one object, and damage for every byte that belongs to none; runs, where `scan` finds them."""

    def __init__(
        self, pieces: Iterator[bytes], key: str, symbol: str, damages: list[Damage], scan: Scan | None
    ) -> None:
        self._pieces = pieces
        self._scan = scan
        self._idle = 0
        """Frames to look at by themselves before the next try to find a run."""
        self._vain = 0
        self._key = key
        self._symbol = symbol
        self._damages = damages
        self._buffer = bytearray()
        self._offset = 0
        """Of the buffer's first byte in the uncompressed object."""
        self._lost = False
        """Whether the reader is looking for the next magic."""
        self._enough = len(damages) + MAX_DAMAGES

    def __iter__(self) -> Iterator[PlacedFrame | Run]:
        for piece in self._uncompressed():
            self._buffer += piece
            yield from self._split(final=False)
            if len(self._damages) >= self._enough:
                found = f"{MAX_DAMAGES} damages before: the rest of the object was left unread"
                self._damages.append(Damage("bad_header", self._symbol, self._key, self._offset, "frames", found))
                return
        yield from self._split(final=True)

    def _uncompressed(self) -> Iterator[bytes]:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        fed = 0
        try:
            for chunk in self._pieces:
                for start in range(0, len(chunk), _FEED):
                    pending = chunk[start : start + _FEED]
                    fed += len(pending)
                    while pending:
                        if inflater.eof:  # gzip files may be concatenated
                            inflater = zlib.decompressobj(_GZIP_WINDOW)
                        yield inflater.decompress(pending, _PIECE)
                        pending = inflater.unconsumed_tail or inflater.unused_data
        except zlib.error as error:
            self._note_gzip(str(error))
            return
        yield inflater.flush()
        if not inflater.eof:
            self._note_gzip(f"end of object after {fed} compressed bytes")

    def _note_gzip(self, found: str) -> None:
        offset = self._offset + len(self._buffer)
        self._damages.append(Damage("bad_gzip", self._symbol, self._key, offset, "a complete gzip file", found))

    def _split(self, *, final: bool) -> Iterator[PlacedFrame | Run]:
        """Cut whole frames off the buffer; with `final` nothing more will come and the rest must be explained."""
        position = 0
        while position < len(self._buffer) and len(self._damages) < self._enough:
            if self._lost:
                found = self._buffer.find(MAGIC, position)
                if found < 0:
                    keep = 0 if final else len(MAGIC) - 1
                    position = max(position, len(self._buffer) - keep)
                    break
                position, self._lost = found, False
            run, position = self._run(position)
            if run is not None:
                yield run
                continue
            try:
                size = self._complete(position, final=final)
                if not size:
                    break
                raw = bytes(self._buffer[position : position + size])
                frame = decode_frame(raw)
            except FrameError as error:
                position += self._note_frame(error, position)
                continue
            self._rest()
            yield PlacedFrame(frame, raw, self._key, self._offset + position)
            position += size
        del self._buffer[:position]
        self._offset += position

    def _run(self, position: int) -> tuple[Run | None, int]:
        """The run at `position`, if one is looked for and there is one, and where to go on."""
        if self._scan is None or self._idle:
            self._idle -= self._idle > 0
            return None, position
        run, end = self._scan(self._buffer, position)
        if end > position:
            self._vain = 0
        return run, end

    def _rest(self) -> None:
        """A frame had to be looked at by itself: the longer that goes on, the longer until the next try."""
        if not self._idle:
            self._vain = self._idle = min(2 * self._vain + 1, MAX_IDLE)

    def _complete(self, position: int, *, final: bool) -> int:
        """The size of the frame at `position`, 0 if it has to wait for more bytes.

        Raises:
            FrameError: it can never be complete.
        """
        available = len(self._buffer) - position
        if available >= HEADER_SIZE:
            size = frame_size(self._buffer, position)
            if size <= available:
                return size
        if final:
            decode_frame(bytes(self._buffer[position : position + MAX_FRAME]))
        elif not MAGIC.startswith(magic := bytes(self._buffer[position : position + len(MAGIC)])):
            raise FrameError("bad_header", offset=position, expected=f"magic {MAGIC!r}", found=f"{magic!r}")
        return 0

    def _note_frame(self, error: FrameError, position: int) -> int:
        """Record a damaged frame and say how many bytes to go on by: over it if something follows, else a search."""
        kind: DamageKind = msgspec.convert(error.kind, DamageKind)
        damage = Damage(kind, self._symbol, self._key, self._offset + position, error.expected, error.found, error.seq)
        self._damages.append(damage)
        end = position + error.size
        behind = bytes(self._buffer[end : end + len(MAGIC)])
        if error.size and kind != "truncated" and behind in {b"", MAGIC}:
            return error.size
        self._lost = True
        return 1
