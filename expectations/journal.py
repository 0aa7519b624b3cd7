"""The validator's own reading of one symbol's journal: every frame becomes a row, whatever state it is in.

Nothing here raises on damaged content. An object that cannot be unpacked, a frame that ends early, a wrong magic: each
leaves its mark in the columns (`gunzipped` short of `size`, `decoded` short of `plain`, crc computed and stored apart)
for the suites to find, and a `Damage` with coordinates for the account.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import google_crc32c
import numpy as np
from blake3 import blake3

from expectations.layout import CHECKPOINT, COMMAND, CRC, FRAME, MAGIC, VERSION

__all__ = ["Account", "Bounds", "Damage", "Journal", "ObjectRow", "Store", "read_journal"]

GENESIS = "00" * 32
GZIP = 31  # zlib's wbits for the gzip container
FEED = 64 << 10


class Entry(Protocol):
    """An object of a store."""

    @property
    def key(self) -> str: ...


class Store(Protocol):
    """What the validator needs of `engine.storage`."""

    def list(self, prefix: str) -> Iterable[Any]: ...  # noqa: D102
    def get(self, key: str) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Damage:
    """One finding of the reader, with coordinates. Kinds as in the engine's journal reader."""

    kind: str
    symbol: str
    object: str
    offset: int
    expected: str
    found: str
    seq: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the frames of one symbol's journal must agree with. `fence` and `point` are inclusive, None: unbounded."""

    symbol: str
    environment: int
    epoch: int
    start_seq: int = 0
    start_frame: str = GENESIS
    fence: int | None = None
    point: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Figures of one symbol's journal, counted without Great Expectations.

    Attributes:
        contiguous_seq: last seq up to which nothing is missing, twice, or off the chain.
        duplicates: equal copies of frames, dropped.
        conflicts: seqs that occur with different content.
        gaps: missing ranges [a, b], both inclusive, between frames (a lost tail leaves none).
        reorder_depth: most places by which a frame arrived (by object key and offset) after its turn.
        refused: a zombie's frames, above the fence.
        last_frame: hex digest of the last frame of the contiguous prefix.
    """

    symbol: str
    objects: int
    bytes: int
    frames: int
    commands: int
    checkpoints: int
    duplicates: int
    conflicts: int
    gaps: tuple[tuple[int, int], ...]
    reorder_depth: int
    refused: int
    contiguous_seq: int
    last_frame: str
    damages: tuple[Damage, ...]


class ObjectRow(NamedTuple):
    """Sizes in bytes: as stored, of whole gzip members, unpacked, and unpacked within decodable frames."""

    object: str
    size: int
    gunzipped: int
    plain: int
    decoded: int


class _Frame(NamedTuple):
    object: str
    offset: int
    version: int
    environment: int
    epoch: int
    symbol: str
    first_seq: int
    commands: int
    checkpoints: int
    payload_stored: int
    payload_expected: int
    previous: str
    crc_stored: int
    crc_computed: int
    digest: str
    payload: bytes

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.commands - 1


@dataclass(slots=True)
class Journal:
    """One symbol's journal as read: rows, commands in seq order (conflicting ones too) and checkpoints.

    `frame_rows` holds columns by name. `last_frame_first_seq` bounds which checkpoints must be there.
    """

    bounds: Bounds
    account: Account
    objects: list[ObjectRow]
    frame_rows: dict[str, list[Any]]
    commands: np.ndarray[Any, Any]
    seqs: np.ndarray[Any, Any]
    objects_of_commands: list[str]
    object_codes: np.ndarray[Any, Any]
    checkpoints: list[tuple[int, str]]
    max_count: int
    last_frame_first_seq: int


@dataclass(slots=True)
class _Reading:
    """What collects while the objects are read."""

    bounds: Bounds
    objects: list[ObjectRow] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    copies: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    damages: list[Damage] = field(default_factory=list)

    def damage(self, kind: str, place: tuple[str, int], expected: object, found: object, seq: int = 0) -> None:
        key, offset = place
        self.damages.append(Damage(kind, self.bounds.symbol, key, offset, str(expected), str(found), seq))


def read_journal(store: Store, bounds: Bounds) -> Journal:
    """Read all objects below `symbol=<S>/` of the epoch's prefix; key order is not trusted, seq is."""
    reading = _Reading(bounds)
    for key in sorted(entry.key for entry in store.list(f"symbol={bounds.symbol}/")):
        _read_object(reading, key, store.get(key))
    return _walk(reading)


def _read_object(reading: _Reading, key: str, content: bytes) -> None:
    plain, gunzipped = _gunzip(content)
    if gunzipped != len(content):
        reading.damage("bad_gzip", (key, gunzipped), len(content), gunzipped)
    decoded = _scan(reading, key, plain)
    reading.objects.append(ObjectRow(key, len(content), gunzipped, len(plain), decoded))


def _gunzip(content: bytes) -> tuple[bytes, int]:
    """Unpack; returns the plain bytes and how many stored bytes are whole gzip members.

    Of a damaged member the part before the damage is kept (to 64 KiB of stored bytes): each frame in it has a checksum
    of its own.
    """
    parts: list[bytes] = []
    done = 0
    while done < len(content):
        member = zlib.decompressobj(GZIP)
        try:
            for at in range(done, len(content), FEED):
                parts.append(member.decompress(content[at : at + FEED]))
                if member.eof:
                    done = min(at + FEED, len(content)) - len(member.unused_data)
                    break
        except zlib.error:
            break
        if not member.eof:
            break
    return b"".join(parts), done


def _scan(reading: _Reading, key: str, plain: bytes) -> int:
    """Collect the frames of an object; returns how many bytes belong to decodable frames.

    After bytes that are no frame it goes on at the next magic: the gap is then named by its true ends.
    """
    offset = decoded = 0
    while 0 <= offset < len(plain):
        frame = _frame_at(reading, key, plain, offset)
        if frame is not None:
            _collect(reading, frame)
        if frame is None or not _fits(reading, frame):
            offset = plain.find(MAGIC, offset + 1)
            continue
        length = FRAME.size + frame.payload_stored + CRC.size
        offset += length
        decoded += length
    return decoded


def _fits(reading: _Reading, frame: _Frame) -> bool:
    expected, stored = frame.payload_expected, frame.payload_stored
    if expected != stored:
        reading.damage("bad_header", (frame.object, frame.offset), expected, stored, frame.first_seq)
    return expected == stored


def _frame_at(reading: _Reading, key: str, plain: bytes, offset: int) -> _Frame | None:
    left = len(plain) - offset
    if left < FRAME.size:
        reading.damage("truncated", (key, offset), FRAME.size, left)
        return None
    magic, version, environment, _, epoch, symbol, first, count, checkpoints, _, length, previous = FRAME.unpack_from(
        plain, offset
    )
    if magic != MAGIC:
        reading.damage("bad_header", (key, offset), MAGIC.decode(), magic.hex())
        return None
    body = offset + FRAME.size
    end = body + length
    if end + CRC.size > len(plain):
        reading.damage("truncated", (key, offset), FRAME.size + length + CRC.size, left, first)
        return None
    crc = CRC.unpack_from(plain, end)[0]
    return _Frame(
        key,
        offset,
        version,
        environment,
        epoch,
        symbol.rstrip(b"\0").decode("ascii", "replace"),
        first,
        count,
        checkpoints,
        length,
        count * COMMAND.itemsize + checkpoints * CHECKPOINT.size,
        previous.hex(),
        crc,
        google_crc32c.value(plain[offset:end]),
        blake3(plain[offset : end + CRC.size]).hexdigest(),
        plain[body:end],
    )


def _collect(reading: _Reading, frame: _Frame) -> None:
    """Drop and count equal copies and a zombie's frames; everything else is kept.

    What production wrote above the recovery point of an exercise is out of scope, and counted nowhere.
    """
    bounds = reading.bounds
    if bounds.fence is not None and frame.first_seq > bounds.fence and _is_sound(frame, bounds):
        reading.refused += 1
        return
    if bounds.point is not None and frame.first_seq > bounds.point and _is_sound(frame, bounds):
        return
    seen = reading.copies.get(frame.digest, 0)
    reading.copies[frame.digest] = seen + 1
    if not seen:
        reading.frames.append(frame)


def _is_sound(frame: _Frame, bounds: Bounds) -> bool:
    """The frame's commands may be believed: they are what was written, by whom and for whom they claim."""
    return (
        frame.crc_stored == frame.crc_computed
        and frame.payload_stored == frame.payload_expected
        and (frame.version, frame.environment, frame.epoch, frame.symbol)
        == (VERSION, bounds.environment, bounds.epoch, bounds.symbol)
    )


def _unsound(reading: _Reading, frame: _Frame) -> None:
    bounds = reading.bounds
    for kind, expected, found in (
        ("checksum", frame.crc_computed, frame.crc_stored),
        ("foreign_symbol", bounds.symbol, frame.symbol),
        ("foreign_environment", bounds.environment, frame.environment),
        ("bad_header", (VERSION, bounds.epoch), (frame.version, frame.epoch)),
    ):
        if expected != found:
            reading.damage(kind, (frame.object, frame.offset), expected, found, frame.first_seq)


def _in_order(frames: list[_Frame], start_frame: str) -> list[_Frame]:
    """By first seq; frames without commands before the frame that starts at the same seq, among themselves by chain."""
    ordered = sorted(frames, key=lambda frame: (frame.first_seq, frame.commands > 0))
    previous = start_frame
    for place, frame in enumerate(ordered):
        if not frame.commands and frame.previous != previous:
            _pull(ordered, place, previous)
        previous = frame.digest
    return ordered


def _pull(ordered: list[_Frame], place: int, previous: str) -> None:
    """Move the empty frame that chains to `previous` to `place`, if the same seq has one."""
    first = ordered[place].first_seq
    for later in range(place + 1, len(ordered)):
        candidate = ordered[later]
        if candidate.first_seq != first or candidate.commands:
            return
        if candidate.previous == previous:
            ordered.insert(place, ordered.pop(later))
            return


ROW_COLUMNS = {
    "object": "object",
    "offset": "offset",
    "version": "version",
    "environment": "environment",
    "epoch": "epoch",
    "frame_symbol": "symbol",
    "first_seq": "first_seq",
    "count": "commands",
    "payload_stored": "payload_stored",
    "payload_expected": "payload_expected",
    "previous_stored": "previous",
    "crc_stored": "crc_stored",
    "crc_computed": "crc_computed",
}


@dataclass(slots=True)
class _Walk:
    """The chain as it is walked: what the next frame must be."""

    reading: _Reading
    expected: int
    previous: str
    contiguous: int
    last_frame: str
    whole: bool = True
    expected_firsts: list[int] = field(default_factory=list)
    expected_previous: list[str] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)

    def step(self, frame: _Frame) -> None:
        expected = self.expected
        if not frame.commands and frame.first_seq == expected - 1:
            expected -= 1  # an empty frame may carry the seq it follows
        self.expected_firsts.append(expected)
        self.expected_previous.append(self.previous)
        self._judge(frame, expected)
        if self.whole:
            self.contiguous, self.last_frame = max(self.contiguous, frame.last_seq), frame.digest
        self.expected = max(self.expected, frame.last_seq + 1)
        self.previous = frame.digest

    def _judge(self, frame: _Frame, expected: int) -> None:
        if frame.first_seq > expected:
            self.gaps.append((expected, frame.first_seq - 1))
            self.reading.damage("gap", (frame.object, frame.offset), expected, frame.first_seq, expected)
            self.whole = False
        elif frame.first_seq < expected:
            self.reading.damage("conflict", (frame.object, frame.offset), expected, frame.first_seq, frame.first_seq)
            self.whole = False
            self.contiguous = min(self.contiguous, frame.first_seq - 1)
        if frame.previous != self.previous:
            self.reading.damage("chain", (frame.object, frame.offset), self.previous, frame.previous, frame.first_seq)
            self.whole = False


def _walk(reading: _Reading) -> Journal:
    bounds = reading.bounds
    sound, unsound = _part(reading)
    ordered = _in_order(sound, bounds.start_frame)
    walk = _Walk(reading, bounds.start_seq + 1, bounds.start_frame, bounds.start_seq, bounds.start_frame)
    for frame in ordered:
        walk.step(frame)
    rows = _rows(ordered + unsound, walk)
    seqs, codes, names = _places(ordered)
    commands = np.frombuffer(
        b"".join([frame.payload[: frame.commands * COMMAND.itemsize] for frame in ordered]), dtype=COMMAND
    )
    return Journal(
        bounds=bounds,
        account=_account(reading, walk, seqs),
        objects=reading.objects,
        frame_rows=rows,
        commands=commands,
        seqs=seqs,
        objects_of_commands=names,
        object_codes=codes,
        checkpoints=_checkpoints(ordered, walk.contiguous),
        max_count=max((frame.commands for frame in ordered), default=0),
        last_frame_first_seq=min(ordered[-1].first_seq, walk.contiguous + 1) if ordered else bounds.start_seq + 1,
    )


def _part(reading: _Reading) -> tuple[list[_Frame], list[_Frame]]:
    sound: list[_Frame] = []
    unsound: list[_Frame] = []
    for frame in reading.frames:
        if _is_sound(frame, reading.bounds):
            sound.append(frame)
        else:
            unsound.append(frame)
            _unsound(reading, frame)
    return sound, unsound


def _rows(frames: list[_Frame], walk: _Walk) -> dict[str, list[Any]]:
    """Columns of the `frames` frame; a frame that is not believed is expected where it says it is."""
    rows: dict[str, list[Any]] = {
        column: [getattr(frame, attribute) for frame in frames] for column, attribute in ROW_COLUMNS.items()
    }
    walked = len(walk.expected_firsts)
    rows["expected_first_seq"] = walk.expected_firsts + rows["first_seq"][walked:]
    rows["previous_computed"] = walk.expected_previous + rows["previous_stored"][walked:]
    rows["copies"] = [walk.reading.copies[frame.digest] for frame in frames]
    return rows


def _places(frames: list[_Frame]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[str]]:
    """Seq and object (as a code into the returned names) of each command."""
    names = sorted({frame.object for frame in frames})
    code_of: Mapping[str, int] = {name: code for code, name in enumerate(names)}
    counts = np.array([frame.commands for frame in frames], dtype=np.int64)
    starts = np.array([frame.first_seq for frame in frames], dtype=np.int64) - (np.cumsum(counts) - counts)
    seqs = np.repeat(starts, counts) + np.arange(int(counts.sum()), dtype=np.int64)
    codes = np.repeat(np.array([code_of[frame.object] for frame in frames], dtype=np.int32), counts)
    return seqs, codes, names


def _checkpoints(frames: list[_Frame], contiguous: int) -> list[tuple[int, str]]:
    """Distinct (seq, digest) of the contiguous prefix, by seq; two digests of one seq give two rows."""
    found = {
        (seq, digest.hex())
        for frame in frames
        for seq, digest in CHECKPOINT.iter_unpack(frame.payload[frame.commands * COMMAND.itemsize :])
        if seq <= contiguous
    }
    return sorted(found, key=itemgetter(0, 1))


def _account(reading: _Reading, walk: _Walk, seqs: np.ndarray[Any, Any]) -> Account:
    point = reading.bounds.point
    return Account(
        symbol=reading.bounds.symbol,
        objects=len(reading.objects),
        bytes=sum(row.size for row in reading.objects),
        frames=len(reading.frames),
        commands=len(seqs),
        checkpoints=sum(frame.checkpoints for frame in reading.frames),
        duplicates=sum(reading.copies.values()) - len(reading.copies),
        conflicts=len(seqs) - len(np.unique(seqs)),
        gaps=tuple(walk.gaps),
        reorder_depth=_reorder_depth(reading.frames),
        refused=reading.refused,
        contiguous_seq=walk.contiguous if point is None else min(walk.contiguous, point),
        last_frame=walk.last_frame,
        damages=tuple(reading.damages),
    )


def _reorder_depth(arrived: list[_Frame]) -> int:
    """Arrival is by object key and offset: what a reader that trusts names would have seen."""
    turns = sorted(range(len(arrived)), key=lambda place: (arrived[place].first_seq, place))
    return max((place - turn for turn, place in enumerate(turns)), default=0)
