"""Journals for benchmarks, written as the primary writes: frames with checksum and chain, checkpoints, gzip objects."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.compiled import CompiledVenue
from engine.journal import COMPACTED
from engine.storage import Store
from engine.venue import Venue

__all__ = ["CHECKPOINT_EVERY", "PER_FRAME", "frames", "pack_objects", "row_name", "write_journal"]

PER_FRAME: Final = 25
"""Commands of a group commit: 100 a second and symbol, committed every 250 ms."""

CHECKPOINT_EVERY: Final = 1000
OBJECT_BYTES: Final = 16 << 20
STORED: Final = 0
"""gzip's level of what is large and read often: stored, not deflated."""


def frames(
    symbol: str, words: npt.NDArray[np.int64], *, per_frame: int = PER_FRAME, every: int = CHECKPOINT_EVERY
) -> Iterator[bytes]:
    """The frames of one symbol's flow; every `every` commands the digest of the state goes with them."""
    writer = CompiledVenue(Venue.listed(symbol))
    previous, raw, size = GENESIS, words.tobytes(), 48
    for first in range(0, len(words), per_frame):
        last = min(first + per_frame, len(words))
        marks = []
        if last // every > first // every:
            writer.apply(raw[writer.seq * size : last * size])
            marks.append(Checkpoint(last, writer.digest()))
        image, previous = encode_frame(
            raw[first * size : last * size],
            environment=1,
            epoch=1,
            symbol=symbol,
            first_seq=first + 1,
            previous=previous,
            checkpoints=marks,
        )
        yield image


def pack_objects(images: Iterator[bytes], level: int, object_bytes: int = OBJECT_BYTES) -> Iterator[tuple[str, bytes]]:
    """Rows of frames as gzip objects, and the names that compaction gives them."""
    row, first, next_seq = bytearray(), 1, 1
    for image in images:
        row += image
        next_seq = int.from_bytes(image[20:28], "little") + int.from_bytes(image[28:32], "little")
        if len(row) >= object_bytes:
            yield row_name(first, next_seq - 1), gzip.compress(row, level, mtime=0)
            row.clear()
            first = next_seq
    if row:
        yield row_name(first, next_seq - 1), gzip.compress(row, level, mtime=0)


def row_name(first: int, last: int) -> str:
    """Of a compacted object."""
    return f"{COMPACTED}{first:020}-{last:020}.gz"


def write_journal(
    store: Store,
    symbol: str,
    words: npt.NDArray[np.int64],
    *,
    level: int = STORED,
    on_frame: Callable[[bytes], object] = len,
) -> None:
    """One symbol's journal of epoch 1 in large objects; `on_frame` is given each frame's bytes."""

    def told() -> Iterator[bytes]:
        for image in frames(symbol, words):
            on_frame(image)
            yield image

    for name, content in pack_objects(told(), level):
        store.put(f"epoch=1/symbol={symbol}/{name}", content)
