"""The one place of this package that reads a clock.

Wall-clock moments are integers of nanoseconds since 1970-01-01 UTC; durations come from the monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
EPOCH_2026_NS = 1_767_225_600 * SECOND_NS
"""2026-01-01T00:00:00Z: command ids count microseconds from here (48 bits last until 2034)."""
SPIN_NS = 2 * MILLISECOND_NS
NAP_SECONDS = 0.25


def now_ns() -> int:
    """Wall clock, ns since 1970 UTC."""
    return time.time_ns()


def monotonic_ns() -> int:
    """Monotonic clock, ns from an arbitrary origin."""
    return time.monotonic_ns()


def nap(seconds: float) -> None:
    """Block this thread (pollers and retries, never the event loop)."""
    time.sleep(seconds)


def wait_until(moment_ns: int, *, cancelled: Callable[[], bool]) -> bool:
    """Block until the wall clock shows `moment_ns`; False as soon as `cancelled()` says so.

    Sleeps in short naps (the wall clock may be stepped meanwhile) and spins over the last two milliseconds, so that the
    moment is met within some tens of microseconds on an idle host.
    """
    while (left_ns := moment_ns - time.time_ns()) > 0:
        if cancelled():
            return False
        if left_ns > SPIN_NS:
            time.sleep(min(NAP_SECONDS, (left_ns - SPIN_NS) / SECOND_NS))
    return not cancelled()
