"""The only place of this package that reads time."""

from __future__ import annotations

import time


def wall_ns() -> int:
    """UTC as nanoseconds since 1970."""
    return time.time_ns()


def steady_ns() -> int:
    """A monotonic clock in nanoseconds, for ages and deadlines."""
    return time.monotonic_ns()


def utc(at_ns: int) -> time.struct_time:
    """The UTC calendar fields of a wall time."""
    return time.gmtime(at_ns / 1e9)
