"""Journals for benchmarks, written as the primary writes: frames with checksum and chain, checkpoints, gzip objects."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.compiled import CompiledVenue
from engine.storage import Store
from engine.venue import Venue

__all__ = ["PER_FRAME", "frames", "journal_key", "pack_objects", "write_journal"]

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


def pack_objects(images: Iterator[bytes], level: int, object_bytes: int = OBJECT_BYTES) -> Iterator[bytes]:
    """Rows of frames as gzip objects."""
    row = bytearray()
    for image in images:
        row += image
        if len(row) >= object_bytes:
            yield gzip.compress(row, level, mtime=0)
            row.clear()
    if row:
        yield gzip.compress(row, level, mtime=0)


def journal_key(symbol: str, number: int) -> str:
    """Where an object lies in the journal of epoch 1."""
    return f"epoch=1/symbol={symbol}/{number:06}.gz"


def write_journal(store: Store, symbol: str, words: npt.NDArray[np.int64], *, level: int = STORED) -> None:
    """One symbol's journal in large objects."""
    for number, content in enumerate(pack_objects(frames(symbol, words), level)):
        store.put(journal_key(symbol, number), content)
