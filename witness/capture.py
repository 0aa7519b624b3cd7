"""Ack captures: what each member knows was sent, acknowledged and filled, on its own disk.

One append-only file per member, `<member:05d>.bin`, of 64-byte little-endian records. The file is evidence: it is
written from socket bytes only, never from anything the engine or the journal says about itself.

Where the exchange runs for days, a file may be turned over: `<member:05d>.<n>.bin`, n rising, is written from then on.
The newest two are the capture; a third is there only because a copy of it may be on its way.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

RECORD = struct.Struct("<BBBBHHIIQQqqIBBBBq")
"""kind, status, reason, liquidity (of sent and ack: 1 if repeated), instrument number, fill_no, epoch, open_qty, seq,
id, time_ns, price, qty, command kind, side, type, tif, ack_of_sent_ns (own send time of the command, acks only; 0 in
the answer to a resend)."""
SENT, ACK, FILL, CANCELLED = 1, 2, 3, 4
REPEATED = 1
"""Marks a command that was sent again after its session was lost, and the answer to it."""
COPY_BYTES = 1 << 20
GZIP_LEVEL = 1  # a minute of full flow is 85 MB of records: level 6 costs four times the time for a tenth of the size


@dataclass(frozen=True, slots=True)
class Extent:
    """A member's file up to a moment: its first `size` bytes never change again."""

    member: int
    path: Path
    size: int
    older: tuple[Path, int] | None = None
    """The file before this one and its size, where the capture was turned over."""

    @property
    def parts(self) -> tuple[tuple[Path, int], ...]:
        """The files to read and how much of each, oldest first."""
        return (*((self.older,) if self.older else ()), (self.path, self.size))

    @property
    def records(self) -> int:
        """Number of whole records in the extent."""
        return sum(size for _, size in self.parts) // RECORD.size


@dataclass(frozen=True, slots=True)
class Packed:
    """One gzipped extent, with the digest of what it unpacks to."""

    member: int
    content: bytes
    sha256: str
    records: int


class Capture:
    """One member's file. Records collect in `pending` (the hot path appends to it) until `flush`."""

    __slots__ = ("_file", "_folder", "_older", "_size", "member", "path", "pending")

    def __init__(self, member: int, folder: Path) -> None:
        """Go on with the newest file; a torn last record (the writer was killed in mid-write) is cut off first."""
        folder.mkdir(parents=True, exist_ok=True)
        self.member = member
        self._folder = folder
        self.pending = bytearray()
        files = sorted(folder.glob(f"{member:05d}*.bin"), key=_turn)
        self._older = (files[-2], files[-2].stat().st_size) if len(files) > 1 else None
        self.path = files[-1] if files else folder / f"{member:05d}.bin"
        self._open()

    def _open(self) -> None:
        self._file: BinaryIO = self.path.open("ab", buffering=0)
        size = self._file.tell()
        self._size = size - size % RECORD.size
        if self._size != size:
            self._file.truncate(self._size)

    def turn_over(self) -> None:
        """Go on in a new file; of the older ones two are left, of which the newer one is still part of the capture."""
        self.close()
        files = sorted(self._folder.glob(f"{self.member:05d}*.bin"), key=_turn)
        for spent in files[:-2]:
            spent.unlink()
        self._older = (self.path, self._size)
        self.path = self._folder / f"{self.member:05d}.{_turn(self.path) + 1}.bin"
        self._open()

    def flush(self) -> None:
        """Write what is pending; a partial write keeps the rest pending, so that no record is lost or torn."""
        while self.pending:
            written = self._file.write(self.pending)
            self._size += written
            del self.pending[:written]

    def extent(self) -> Extent:
        """All records up to now, flushed."""
        self.flush()
        return Extent(self.member, self.path, self._size, self._older)

    def close(self) -> None:
        """Flush, sync to disk and close."""
        self.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class Captures:
    """The files of all members of this house."""

    def __init__(self, members: Iterable[int], folder: Path) -> None:
        self.by_member = {member: Capture(member, folder) for member in members}

    def flush(self) -> None:
        """Flush each file."""
        for capture in self.by_member.values():
            capture.flush()

    def freeze(self) -> tuple[Extent, ...]:
        """One consistent cut over all files: nothing is appended between the first extent and the last."""
        return tuple(capture.extent() for capture in self.by_member.values())

    def turn_over(self) -> None:
        """Go on in new files, all at one moment."""
        for capture in self.by_member.values():
            capture.turn_over()

    def close(self) -> None:
        """Close each file."""
        for capture in self.by_member.values():
            capture.close()


def _turn(path: Path) -> int:
    """How often the capture was turned over when the file began: 0 for the first one."""
    parts = path.name.split(".")
    return int(parts[1]) if len(parts) > 2 else 0  # noqa: PLR2004 - member, turn, bin


def pack(extent: Extent) -> Packed:
    """Read the extent and gzip it (mtime 0: equal records give equal bytes)."""
    digest = hashlib.sha256()
    parts: list[bytes] = []
    for path, size in extent.parts:
        for part in _read(path, size):
            digest.update(part)
            parts.append(part)
    content = gzip.compress(b"".join(parts), compresslevel=GZIP_LEVEL, mtime=0)
    return Packed(extent.member, content, digest.hexdigest(), extent.records)


def _read(path: Path, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file. Raises OSError where there are fewer."""
    left = size
    with path.open("rb") as source:
        while left and (part := source.read(min(left, COPY_BYTES))):
            yield part
            left -= len(part)
    if left:
        raise OSError(f"capture {path} is {left} bytes shorter than it was when the cut was taken")
