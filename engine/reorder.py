"""Frames that arrived before their turn, and the memory of those that have had it: bounded memory, unbounded disk.

Delivery has no order and repeats itself, so a reader must be able to hold any number of early frames and to recognise
any frame it has already given out. Both kinds of memory are small and recent in a healthy journal and live in
dictionaries; beyond their bounds they move to a private temporary database on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

from engine.codec import Frame, decode_frame
from engine.given import GivenFrames

__all__ = ["PlacedFrame", "ReorderBuffer"]

WINDOW_BYTES: Final = 8 << 20
"""Early frames beyond this many bytes go to disk."""

RECENT_FRAMES: Final = 4096
"""Digests of given-out frames kept in memory before they go to disk."""

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE held (first_seq INTEGER, digest BLOB, object TEXT, at INTEGER, raw BLOB, PRIMARY KEY (first_seq, digest));
"""


class PlacedFrame(msgspec.Struct, frozen=True):
    """A frame and where it was read: object key, and offset in the uncompressed object."""

    frame: Frame
    raw: bytes
    object: str
    offset: int


class ReorderBuffer:
    """Early frames by first seq, and the digests of the frames that were given out."""

    def __init__(self, *, window_bytes: int = WINDOW_BYTES, recent_frames: int = RECENT_FRAMES) -> None:
        """An empty buffer; the database's file has no name and vanishes with it."""
        self._window_bytes = window_bytes
        self._held: dict[int, dict[bytes, PlacedFrame]] = {}
        self._held_bytes = 0
        self._given = GivenFrames(recent=recent_frames)
        self._count = 0
        self._spilled = 0
        self._disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._disk.executescript(_SCHEMA)

    def __len__(self) -> int:
        """How many frames wait for their turn."""
        return self._count

    def close(self) -> None:
        """Give the disk back."""
        self._disk.close()
        self._given.close()

    def remember(self, places: bytes) -> None:
        """Note by their `engine.given.PLACE` records that frames were given out."""
        self._given.add(places)

    def was_given(self, frame: Frame) -> bool:
        """Whether this very frame was given out before."""
        return self._given.has(frame.first_seq, frame.digest)

    def hold(self, placed: PlacedFrame) -> bool:
        """Keep an early frame; False when an equal one is already waiting."""
        frame = placed.frame
        waiting = self._held.get(frame.first_seq, {})
        if frame.digest in waiting or (self._spilled and self._is_spilled(frame)):
            return False
        self._held.setdefault(frame.first_seq, {})[frame.digest] = placed
        self._held_bytes += frame.size
        self._count += 1
        if self._held_bytes > self._window_bytes:
            self._spill()
        return True

    def take(self, first_seq: int, previous: bytes) -> PlacedFrame | None:
        """The waiting frame that begins at `first_seq` and names `previous`, taken out; None when there is none."""
        for placed in self._held.get(first_seq, {}).values():
            if placed.frame.previous == previous:
                self._forget(placed.frame)
                return placed
        if not self._spilled:
            return None
        query = "SELECT raw, object, at FROM held WHERE first_seq = ?"
        for raw, name, offset in self._disk.execute(query, (first_seq,)).fetchall():
            frame = decode_frame(raw)
            if frame.previous == previous:
                self._disk.execute("DELETE FROM held WHERE first_seq = ? AND digest = ?", (first_seq, frame.digest))
                self._spilled -= 1
                self._count -= 1
                return PlacedFrame(frame, raw, name, offset)
        return None

    def leftovers(self) -> Iterator[PlacedFrame]:
        """What still waits, by first seq; nothing is taken out."""
        self._spill()
        for raw, name, offset in self._disk.execute("SELECT raw, object, at FROM held ORDER BY first_seq, digest"):
            yield PlacedFrame(decode_frame(raw), raw, name, offset)

    def _forget(self, frame: Frame) -> None:
        waiting = self._held[frame.first_seq]
        del waiting[frame.digest]
        if not waiting:
            del self._held[frame.first_seq]
        self._held_bytes -= frame.size
        self._count -= 1

    def _is_spilled(self, frame: Frame) -> bool:
        query = "SELECT 1 FROM held WHERE first_seq = ? AND digest = ?"
        return self._disk.execute(query, (frame.first_seq, frame.digest)).fetchone() is not None

    def _spill(self) -> None:
        rows = [
            (seq, digest, placed.object, placed.offset, placed.raw)
            for seq, waiting in self._held.items()
            for digest, placed in waiting.items()
        ]
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT INTO held VALUES (?, ?, ?, ?, ?)", rows)
        self._disk.execute("COMMIT")
        self._spilled += len(rows)
        self._held.clear()
        self._held_bytes = 0
