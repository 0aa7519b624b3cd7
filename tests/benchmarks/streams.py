"""Order flow for benchmarks, as packed commands, from a seed: a stock's day, or a wide and sparse book.

Of the commands 43 % rest, 44 % cancel, 5 % replace and 8 % trade at once; one in six of the cancels comes too late.
About `resting` orders rest. Compiled, because a day of the exchange has 234 million commands.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["MIXED", "STREAMS", "WIDE", "Shape", "stream"]

START_NS: Final = 1_480_516_200_000_000_000  # 2016-11-30 14:30 UTC: an opening bell


class Shape(NamedTuple):
    """How many orders rest, in how many price steps on either side of the middle, from how many members."""

    resting: int
    depth: int
    members: int


MIXED: Final = Shape(resting=3_700, depth=60, members=100)
WIDE: Final = Shape(resting=40_000, depth=500_000, members=100)
STREAMS: Final = {"mixed": MIXED, "wide": WIDE}


@njit(cache=True)
def _fill(words, seed, resting, depth, members, start_ns, step_ns):  # noqa: PLR0917
    state = np.uint64(seed * 2 + 1) * np.uint64(0x9E3779B97F4A7C15)
    live = np.zeros(2 * resting + 1024, np.int64)
    numbers = np.zeros(members + 1, np.int64)
    count = 0
    middle = depth + 10_000
    for n in range(words.shape[0]):
        state ^= state >> np.uint64(12)
        state ^= state << np.uint64(25)
        state ^= state >> np.uint64(27)
        draw = state * np.uint64(0x2545F4914F6CDD1D)
        share = np.int64(draw & np.uint64(1023))
        where = np.int64((draw >> np.uint64(10)) & np.uint64(0xFFFFF))
        qty = 1 + np.int64((draw >> np.uint64(30)) & np.uint64(255))
        member = 1 + np.int64((draw >> np.uint64(38)) & np.uint64(0xFFFF)) % members
        side = np.int64((draw >> np.uint64(54)) & np.uint64(1))
        if n % 1000 == 0:
            middle += np.int64((draw >> np.uint64(55)) & np.uint64(3)) - 1 if middle < depth + 11_000 else -500
        words[n, 0] = start_ns + n * step_ns
        target, price, kind, tif = 0, 0, 1, 0
        cancels = 450 if count >= resting else 100
        if count and share < cancels + 51:
            at = where % count
            target = live[at]
            if share < cancels:
                kind = 2
                count -= 1
                live[at] = live[count]
            else:
                kind = 3
            member = target >> 48
        elif count and share < cancels + 51 + 82:
            price = middle + (depth // 16 if side == 0 else -depth // 16)
            tif = 2
            qty = 1 + qty // 8
        else:
            away = 1 + where % depth * (1 + where // depth % 4) // 4
            price = middle - away if side == 0 else middle + away
        numbers[member] += 1
        identity = member << 48 | numbers[member]
        if kind == 1 and tif == 0 and count < live.shape[0]:
            live[count] = identity
            count += 1
        words[n, 1] = identity
        words[n, 2] = target
        words[n, 3] = price
        words[n, 4] = qty | (n % 100) << 32 | kind << 48 | side << 56
        words[n, 5] = tif << 8


def stream(shape: Shape, count: int, seed: int) -> npt.NDArray[np.int64]:
    """`count` commands, six 64-bit words each (`engine.messages.COMMAND`)."""
    words = np.zeros((count, 6), np.int64)
    day_ns = 6 * 3600 * 1_000_000_000 + 1800 * 1_000_000_000
    _fill(words, seed, *shape, START_NS, day_ns // max(count, 1))
    return words
