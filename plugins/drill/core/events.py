"""Events: what was observed, by whom and when. They are the raw material of every figure in the report."""

from __future__ import annotations

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, written once by whoever observed it.

    `at_ns` is UTC nanoseconds of the observer's clock, as a string in JSON (canonical JSON stops at 2^53);
    `mono_ns` the observer's monotonic clock (differences within one process only).
    """

    drill: str
    step: str
    name: str  # begin | met | resume | end | fail | abort | reject | progress | note
    at_ns: str
    mono_ns: str
    by: str
    attempt: int
    data: dict[str, Any]

    @property
    def at(self) -> int:
        """UTC nanoseconds as an integer."""
        return int(self.at_ns)

    @property
    def key(self) -> str:
        """The artifact's name inside the drill's folder: sorts by time, one object per event."""
        return f"events/{self.at_ns}-{self.step}-{self.name}-{self.attempt}.json"
