"""Ack captures: what each member knows was sent, acknowledged and filled, on its own disk.

One append-only file per member, `<member:05d>.bin`, of 64-byte little-endian records. The file is evidence: it is
written from socket bytes only, never from anything the engine or the journal says about itself.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Iterable
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

    @property
    def records(self) -> int:
        """Number of whole records in the extent."""
        return self.size // RECORD.size


@dataclass(frozen=True, slots=True)
class Packed:
    """One gzipped extent, with the digest of what it unpacks to."""

    member: int
    content: bytes
    sha256: str
    records: int


class Capture:
    """One member's file. Records collect in `pending` (the hot path appends to it) until `flush`."""

    __slots__ = ("_file", "_size", "member", "path", "pending")

    def __init__(self, member: int, folder: Path) -> None:
        """Open for append; a torn last record (the writer was killed in mid-write) is cut off first."""
        folder.mkdir(parents=True, exist_ok=True)
        self.member = member
        self.path = folder / f"{member:05d}.bin"
        self.pending = bytearray()
        self._file: BinaryIO = self.path.open("ab", buffering=0)
        size = self._file.tell()
        self._size = size - size % RECORD.size
        if self._size != size:
            self._file.truncate(self._size)

    def flush(self) -> None:
        """Write what is pending; a partial write keeps the rest pending, so that no record is lost or torn."""
        while self.pending:
            written = self._file.write(self.pending)
            self._size += written
            del self.pending[:written]

    def extent(self) -> Extent:
        """All records up to now, flushed."""
        self.flush()
        return Extent(self.member, self.path, self._size)

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

    def close(self) -> None:
        """Close each file."""
        for capture in self.by_member.values():
            capture.close()


def pack(extent: Extent) -> Packed:
    """Read the extent and gzip it (mtime 0: equal records give equal bytes)."""
    digest = hashlib.sha256()
    parts: list[bytes] = []
    left = extent.size
    with extent.path.open("rb") as source:
        while left and (part := source.read(min(left, COPY_BYTES))):
            digest.update(part)
            parts.append(part)
            left -= len(part)
    if left:
        raise OSError(f"capture {extent.path} is {left} bytes shorter than it was when the cut was taken")
    content = gzip.compress(b"".join(parts), compresslevel=GZIP_LEVEL, mtime=0)
    return Packed(extent.member, content, digest.hexdigest(), extent.records)
