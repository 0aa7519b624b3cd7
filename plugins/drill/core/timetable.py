"""The timetable of the weekly drill: one place for the DAG that starts it and for the watch that misses it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from drill.core.timeline import SECOND_NS


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """Once a week on `weekday` (0 is Monday) at `hour`:00 of `zone`, the exchange's time zone."""

    weekday: int
    hour: int
    zone: str

    @property
    def cron(self) -> str:
        """The same for Airflow's timetable, whose week begins on Sunday."""
        return f"0 {self.hour} * * {(self.weekday + 1) % 7}"

    def last_ns(self, now_ns: int) -> int:
        """The newest moment that is not after `now_ns`; nanoseconds UTC.

        The wall clock decides: over a change to summer time two moments are 167 hours apart.
        """
        zone = ZoneInfo(self.zone)
        now = datetime.fromtimestamp(now_ns // SECOND_NS, UTC)
        local = now.astimezone(zone)
        day = local.date() - timedelta(days=(local.weekday() - self.weekday) % 7)
        moment = datetime(day.year, day.month, day.day, self.hour, tzinfo=zone)
        if moment.astimezone(UTC) > now:
            day -= timedelta(days=7)
            moment = datetime(day.year, day.month, day.day, self.hour, tzinfo=zone)
        return int(moment.timestamp()) * SECOND_NS


WEEKLY = Weekly(weekday=5, hour=9, zone="America/New_York")
"""Saturday: the exchange is closed, and a person has the weekend to look."""
