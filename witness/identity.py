"""Command ids that are never used twice, whatever restarts: `member << 48 | n`, n rising per member.

n starts at the microseconds since 2026-01-01, or above the persisted reservation where the clock was set back.
A member sends far fewer than a million commands a second, so the clock always outruns the counter.
"""

from __future__ import annotations

import os
from pathlib import Path

from witness.clock import EPOCH_2026_NS

MEMBER_SHIFT = 48
RESERVE = 10_000_000
"""Numbers reserved ahead by each write of the floor file (ten seconds of clock)."""


def clock_floor(now_ns: int) -> int:
    """Microseconds since 2026-01-01."""
    return max(1, (now_ns - EPOCH_2026_NS) // 1000)


def first_number(path: Path, now_ns: int) -> int:
    """The first n that this run may use: above every reservation of earlier runs."""
    reserved = int(path.read_text("ascii")) if path.exists() else 0
    return max(clock_floor(now_ns), reserved + 1)


def reserve(path: Path, highest: int) -> None:
    """Persist that numbers up to `highest + RESERVE` may be used; replaces the file atomically."""
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{highest + RESERVE}\n", "ascii")
    os.replace(fresh, path)  # noqa: PTH105 - Path.replace says the same; the atomic rename is the point
