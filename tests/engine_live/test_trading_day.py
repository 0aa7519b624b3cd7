"""Trading days: the moments of their closes, and what a close does to the orders of the day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import decode_frame
from engine.listing import instrument
from engine.messages import CLOCK_MEMBER, Environment, Kind, Reason, TimeInForce, command_id
from engine.sequencer import Sequencer
from engine.trading_day import NS_PER_S, REAL_DAY_S, Closes, last_close, next_close
from engine.venue import Venue
from engine.wire import Cancelled, unpack

NEW_YORK = ZoneInfo("America/New_York")
MOMENTS = st.integers(1_600_000_000, 2_500_000_000)


def naive_closes(at_s: int) -> tuple[int, int]:
    """Every local hour around the moment, looked at one by one."""
    start = datetime.fromtimestamp(at_s - at_s % 3600, UTC) - timedelta(hours=60)
    hours = [start + timedelta(hours=step) for step in range(120)]
    closes = [int(hour.timestamp()) for hour in hours if hour.astimezone(NEW_YORK).hour == 16]
    return max(close for close in closes if close <= at_s), min(close for close in closes if close > at_s)


@given(MOMENTS)
def test_a_real_day_closes_at_four_in_new_york_whatever_its_clocks_do(at_s: int) -> None:
    assert (last_close(REAL_DAY_S, at_s), next_close(REAL_DAY_S, at_s)) == naive_closes(at_s)


@given(MOMENTS, st.integers(1, 90_000).filter(lambda length: length != REAL_DAY_S))
def test_a_compressed_day_closes_at_the_multiples_of_its_length(at_s: int, day_s: int) -> None:
    last, following = last_close(day_s, at_s), next_close(day_s, at_s)
    assert last <= at_s < following == last + day_s
    assert last % day_s == 0


class Clock:
    def __init__(self) -> None:
        self.s = 1_000_000

    def now_ns(self) -> int:
        return self.s * NS_PER_S


class Held:
    def __init__(self) -> None:
        self.records: list[bytes] = []

    async def put(self, _stream: str, record: bytes) -> None:
        self.records.append(record)


@pytest.fixture
def held() -> Held:
    return Held()


def sequencer_of(held: Held, venue: Venue, released: list[Any], *, seq: int = 0) -> Sequencer:
    return Sequencer(
        instrument=instrument("AAPL"),
        environment=Environment.LIVE,
        epoch=1,
        stream="matching-engine-AAPL",
        venue=venue,
        sink=held,
        outlet=SimpleNamespace(release=released.append),
        checkpoint_every=1000,
        seq=seq,
    )


async def test_a_close_ends_the_orders_of_the_day_once_and_leaves_the_others(held: Held, order: Any) -> None:
    clock = Clock()
    released: list[Any] = []
    closed: list[int] = []
    sequencer = sequencer_of(held, Venue("AAPL"), released)
    closes = Closes([sequencer], day_s=100, on_close=lambda: closed.append(clock.s), now_ns=clock.now_ns)
    sequencer.append(order(tif=int(TimeInForce.DAY)))
    sequencer.append(order(tif=int(TimeInForce.GTC)))
    assert not closes.look()
    clock.s += 100
    assert closes.look()
    clock.s += 1
    assert not closes.look()
    clock.s -= 50
    assert not closes.look()  # the wall clock was set back: what has closed stays closed
    await sequencer.drain()
    (frame,) = [decode_frame(record) for record in held.records]
    first, second, last = frame.unpacked()
    assert [first.kind, second.kind, last.kind] == [Kind.NEW, Kind.NEW, Kind.DAY_END]
    assert last.command_id == command_id(CLOCK_MEMBER, 1_000_100)
    told = [unpack(raw) for batch in released for _, raw in batch.answers if raw[0] == Cancelled.TYPE]
    assert [(one.order_id, one.reason) for one in told if isinstance(one, Cancelled)] == [
        (first.command_id, Reason.DAY_END)
    ]
    assert closed == [1_000_100]


async def test_a_close_that_fell_into_a_stop_is_made_up_for_at_the_opening(held: Held, order: Any) -> None:
    clock, venue = Clock(), Venue("AAPL")
    first = sequencer_of(held, venue, [])
    closes = Closes([first], day_s=100, now_ns=clock.now_ns)
    clock.s += 100
    closes.look()
    first.append(order(tif=int(TimeInForce.DAY)))
    clock.s += 250
    second = sequencer_of(held, venue, [], seq=first.seq)
    Closes([second], day_s=100, now_ns=clock.now_ns)
    assert second.seq == first.seq + 1
    Closes([second], day_s=100, now_ns=clock.now_ns)  # another opening within the day: nothing to make up for
    assert second.seq == first.seq + 1
    await asyncio.gather(first.drain(), second.drain())
    assert venue.mark(CLOCK_MEMBER) == command_id(CLOCK_MEMBER, 1_000_300)


def test_a_symbol_that_never_saw_a_close_keeps_its_orders_at_the_opening(held: Held) -> None:
    sequencer = sequencer_of(held, Venue("AAPL"), [])
    Closes([sequencer], day_s=100, now_ns=Clock().now_ns)
    assert sequencer.seq == 0
