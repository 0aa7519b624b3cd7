"""The one place of the exchange that reads time; everything else is handed a number."""

from __future__ import annotations

import time

__all__ = ["lease_ns", "now_ns"]


def now_ns() -> int:
    """Wall clock, ns since the Unix epoch: stamps commands and answers, measures nothing."""
    return time.time_ns()


def lease_ns() -> int:
    """Clock of promises, ns from an arbitrary origin: never set back, and it runs on while the host is suspended.

    CLOCK_BOOTTIME, not CLOCK_MONOTONIC: the latter stands still in a suspended host, which would wake up
    believing that its lease is fresh (clock_gettime(2)).
    """
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
