"""The platform's only clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ns() -> int:
    """UTC nanoseconds since the epoch."""
    return time.time_ns()


def mono_ns() -> int:
    """Monotonic nanoseconds: differences within one process only."""
    return time.monotonic_ns()


def utc(ns: int) -> datetime:
    """UTC nanoseconds as a datetime, for names and labels (whole seconds)."""
    return datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)
