"""The frames that a reader has given out, so that a repetition is known: in memory the newest, on disk the others.

They are given out in order of seq, so they lie sorted: one record each, found by bisection.
"""

from __future__ import annotations

import os
import struct
import tempfile
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

__all__ = ["PLACE", "GivenFrames"]

PLACE: Final = struct.Struct("<Q32s")
"""first seq, digest of the frame."""


class GivenFrames:
    """Which frames were given out; memory is bounded by `recent` records and one run's."""

    def __init__(self, *, recent: int) -> None:
        """None so far; the file has no name and vanishes with this object."""
        self._recent = recent * PLACE.size
        self._newest = bytearray()
        self._file = tempfile.TemporaryFile(prefix="given-")  # noqa: SIM115 - closed by `close`
        self._flushed = 0

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def add(self, places: bytes) -> None:
        """Note frames by their `PLACE` records; seqs never fall."""
        self._newest += places
        if len(self._newest) >= 2 * self._recent:
            old = len(self._newest) - self._recent
            self._file.write(self._newest[:old])
            self._file.flush()
            self._flushed += old
            del self._newest[:old]

    def has(self, first_seq: int, digest: bytes) -> bool:
        """Whether that very frame was given out."""
        return self._among(len(self._newest), self._recall, first_seq, digest) or self._among(
            self._flushed, self._reread, first_seq, digest
        )

    def _recall(self, at: int) -> bytes:
        return bytes(self._newest[at : at + PLACE.size])

    def _reread(self, at: int) -> bytes:
        return os.pread(self._file.fileno(), PLACE.size, at)

    @staticmethod
    def _among(size: int, read: Callable[[int], bytes], first_seq: int, digest: bytes) -> bool:
        count = size // PLACE.size
        place = bisect_left(range(count), first_seq, key=lambda n: PLACE.unpack(read(n * PLACE.size))[0])
        while place < count:  # frames without commands share their first seq with the next
            seq, known = PLACE.unpack(read(place * PLACE.size))
            if seq != first_seq:
                return False
            if known == digest:
                return True
            place += 1
        return False
