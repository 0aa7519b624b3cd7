"""Trading days: when they close, and the close itself.

The exchange trades round the clock, each day of the week; a day ends at its close, and with it every DAY order. A real
day closes at 16:00 in New York, with or without daylight saving. A compressed one (exercises, laptops) has any other
length and closes at the multiples of it, counted from the Unix epoch.

The close is a command of the journal like any other, so recovery ends the same orders at the same seq. Its sender is
the exchange's clock, and its number is the second of the close: the clock's mark is part of the state, so each close
is applied once, whoever comes up in between, and one that fell into a stop is made up for at the opening.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine import clock
from engine.sequencer import Sequencer

__all__ = ["REAL_DAY_S", "Closes", "last_close", "next_close"]

LOG = logging.getLogger(__name__)
REAL_DAY_S: Final = 86_400
NEW_YORK: Final = ZoneInfo("America/New_York")
CLOSE_AT: Final = time(16)
NS_PER_S: Final = 1_000_000_000
LOOK_S: Final = 0.25


def last_close(day_s: int, at_s: int) -> int:
    """The newest close at or before a moment; both in seconds since 1970, UTC."""
    if day_s != REAL_DAY_S:
        return at_s - at_s % day_s
    today = datetime.fromtimestamp(at_s, UTC).astimezone(NEW_YORK).date()
    closes = (_real_close(today - timedelta(days=back)) for back in (0, 1))
    return next(close for close in closes if close <= at_s)


def next_close(day_s: int, at_s: int) -> int:
    """The first close after a moment; both in seconds since 1970, UTC."""
    if day_s != REAL_DAY_S:
        return at_s - at_s % day_s + day_s
    today = datetime.fromtimestamp(at_s, UTC).astimezone(NEW_YORK).date()
    closes = (_real_close(today + timedelta(days=ahead)) for ahead in (0, 1))
    return next(close for close in closes if close > at_s)


def _real_close(day: date) -> int:
    return int(datetime.combine(day, CLOSE_AT, NEW_YORK).timestamp())


class Closes:
    """One task's closes: at each, every symbol ends its day, and is due for a snapshot."""

    def __init__(
        self,
        sequencers: Iterable[Sequencer],
        *,
        day_s: int,
        on_close: Callable[[], None] = lambda: None,
        now_ns: Callable[[], int] = clock.now_ns,
    ) -> None:
        """`on_close` is called after each close."""
        self._sequencers = tuple(sequencers)
        self._day_s = day_s
        self._on_close = on_close
        self._now_ns = now_ns
        self._done_s = last_close(day_s, now_ns() // NS_PER_S)
        for sequencer in self._sequencers:
            sequencer.make_up_close(self._done_s)

    def look(self) -> bool:
        """End the day if its close has come; says whether it did."""
        close_s = last_close(self._day_s, self._now_ns() // NS_PER_S)
        if close_s <= self._done_s:  # also where the wall clock was set back
            return False
        self._done_s = close_s
        for sequencer in self._sequencers:
            sequencer.end_day(close_s)
        self._on_close()
        LOG.info("the day closed at %s UTC", datetime.fromtimestamp(close_s, UTC).isoformat(timespec="seconds"))
        return True

    async def keep(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)
