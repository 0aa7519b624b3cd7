"""Waiting for a condition: asked again and again until there is something to see, and never longer than said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["NotInTime", "until"]

PAUSE_S: Final = 0.5
Seen = TypeVar("Seen")


class NotInTime(SystemExit):
    """What did not come about; a driver that does not catch it ends with this line and status 1."""


def until(look: Callable[[], Seen | None], within_s: float, what: str, *, pause_s: float = PAUSE_S) -> Seen:
    """What `look` sees, as soon as that is true. Raises NotInTime when the time is over."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within_s:g} s: {what}")
        time.sleep(pause_s)  # the condition is another process's: nothing here could wake us
    return seen
