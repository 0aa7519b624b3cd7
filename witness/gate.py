"""When a member may try an address again: with jitter, at most half a second later, and never all at once.

While an address refuses, one scout at a time tries it; the first success lets everybody in.
"""

from __future__ import annotations

import random

from witness.clock import MILLISECOND_NS

BACKOFF_LEAST_NS, BACKOFF_MOST_NS = 100 * MILLISECOND_NS, 500 * MILLISECOND_NS


class Gate:
    """The state of one address as its would-be customers see it."""

    __slots__ = ("_next_ns", "_random", "is_open", "scouting")

    def __init__(self, chance: random.Random) -> None:
        self._random = chance
        self._next_ns = 0
        self.is_open = False
        self.scouting = False

    def admits(self, now_ns: int) -> bool:
        """Whether one more attempt may start now (monotonic ns); a closed gate lets a single scout through."""
        if self.is_open:
            return True
        if self.scouting or now_ns < self._next_ns:
            return False
        self.scouting = True
        return True

    def succeeded(self) -> None:
        """Somebody was let in."""
        self.is_open, self.scouting = True, False

    def failed(self, now_ns: int) -> None:
        """An attempt failed, or a session was lost: wait a little."""
        self.is_open = self.scouting = False
        self._next_ns = now_ns + self._random.randint(BACKOFF_LEAST_NS, BACKOFF_MOST_NS)
