"""The weekly moment: the wall clock of the exchange decides, whatever summer time does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from drill.core.timetable import WEEKLY, Weekly
from tests.core.worlds import SECOND

HOUR = timedelta(hours=1)


def by_walking_back(weekly: Weekly, now_ns: int) -> int:
    """The naive oracle: step back hour by hour until the wall clock shows the moment."""
    at = datetime.fromtimestamp(now_ns // SECOND, UTC).replace(minute=0, second=0)
    while True:
        local = at.astimezone(ZoneInfo(weekly.zone))
        if (local.weekday(), local.hour) == (weekly.weekday, weekly.hour):
            return int(at.timestamp()) * SECOND
        at -= HOUR


@given(st.integers(1_750_000_000, 1_850_000_000))
def test_the_last_moment_is_the_one_that_walking_back_finds(now_s: int) -> None:
    assert WEEKLY.last_ns(now_s * SECOND) == by_walking_back(WEEKLY, now_s * SECOND)


def test_summer_time_moves_the_moment_in_utc_and_not_on_the_wall() -> None:
    summer, winter = (
        WEEKLY.last_ns(int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) * SECOND) for month in (8, 12)
    )
    assert datetime.fromtimestamp(summer // SECOND, UTC).hour == 13
    assert datetime.fromtimestamp(winter // SECOND, UTC).hour == 14


def test_cron_counts_its_days_from_sunday() -> None:
    assert WEEKLY.cron == "0 9 * * 6"
    assert Weekly(weekday=6, hour=0, zone="UTC").cron == "0 0 * * 0"
