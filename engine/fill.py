"""A fill on file: what a replay writes down of every trade, and expectations read."""

from __future__ import annotations

import struct
from typing import Final

from engine.messages import FillTuple

__all__ = ["FILL", "fill_records"]

FILL: Final = struct.Struct("<QHQQqIB")
"""seq of the taking command, number from 0 within it, maker, taker, price, qty, flags (canary 1)."""


def fill_records(seq: int, canary: int, fills: tuple[FillTuple, ...]) -> bytes:
    """The records of one command's fills; `canary` is 1 where they happened in the canary book, else 0."""
    return b"".join(
        FILL.pack(seq, number, maker, taker, price, qty, canary)
        for number, (maker, taker, price, qty) in enumerate(fills)
    )
