"""A host whose wall clock is 30 s ahead: found by Python at start, where PYTHONPATH names this folder.

Only the wall clock moves; clocks that measure (monotonic, boot time) run as they do on a host that was set wrong.
"""

from __future__ import annotations

import time

AHEAD_S = 30
_time_ns, _time = time.time_ns, time.time  # noqa: TID251 - this is the clock that is wrong


def _fast_ns() -> int:
    return _time_ns() + AHEAD_S * 1_000_000_000


def _fast() -> float:
    return _time() + AHEAD_S


time.time_ns, time.time = _fast_ns, _fast  # noqa: TID251 - as above
