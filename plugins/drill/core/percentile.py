"""One way to take a percentile, everywhere."""

from __future__ import annotations

from collections.abc import Sequence


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """The percentile by nearest rank, always an observed value: with n = 100, p99 is the 99th of the ordered values."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
