from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine import clock
from engine import sequencer as module
from engine.codec import GENESIS, decode_frame
from engine.firehose import FirehoseDeniedError, FirehoseError
from engine.listing import instrument
from engine.messages import Environment, Side, Status
from engine.sequencer import Sequencer
from engine.venue import Venue
from engine.wire import Ack, Fill, Print, Quote, unpack


class Sink:
    """Durable memory: puts wait for `gate`, then raise what `script` says, else are held."""

    def __init__(self) -> None:
        self.attempts: list[bytes] = []
        self.held: list[bytes] = []
        self.script: list[Exception] = []
        self.always: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.most_under_way = 0

    async def put(self, stream: str, record: bytes) -> None:
        assert stream == "matching-engine-AAPL"
        self.attempts.append(record)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.always or self.script:
            raise self.always or self.script.pop(0)
        self.held.append(record)


@pytest.fixture
def sink() -> Any:
    return Sink()


@pytest.fixture
def released() -> Any:
    return []


@pytest.fixture
def make(sink: Any, released: Any) -> Any:
    def build(**more: Any) -> Any:
        settings = {"checkpoint_every": 1000, "halt_after_s": 10.0} | more
        return Sequencer(
            instrument=instrument("AAPL"),
            environment=Environment.LIVE,
            epoch=1,
            stream="matching-engine-AAPL",
            venue=Venue("AAPL"),
            sink=sink,
            outlet=SimpleNamespace(release=released.append),
            **settings,
        )

    return build


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.0)


async def test_nothing_is_released_before_the_put_is_confirmed(make: Any, sink: Any, released: Any, order: Any) -> None:
    sequencer = make()
    sink.gate.clear()
    sequencer.append(order())
    flight = sequencer.commit()
    await asyncio.wait([flight], timeout=0.02)
    assert (released, sequencer.committed_seq) == ([], 0)
    sink.gate.set()
    await flight
    assert [batch.last_seq for batch in released] == [1]
    assert sequencer.committed_seq == 1


async def test_a_failed_put_is_repeated_with_the_same_bytes(make: Any, sink: Any, released: Any, order: Any) -> None:
    sequencer = make()
    sink.script = [FirehoseError("503"), FirehoseError("reset")]
    sequencer.append(order())
    await sequencer.drain()
    assert len(sink.attempts) == 3
    assert len(set(sink.attempts)) == 1
    assert (len(released), sequencer.retries) == (1, 2)


async def test_access_denied_halts_at_once_and_releases_nothing(
    make: Any, sink: Any, released: Any, order: Any
) -> None:
    sequencer = make()
    sink.script = [FirehoseDeniedError("fence")]
    sequencer.append(order())
    await sequencer.drain()
    assert (len(sink.attempts), released, sequencer.state) == (1, [], "halted")
    sequencer.append(order())
    await sequencer.drain()
    assert (len(sink.attempts), sequencer.seq) == (1, 1)


async def test_a_put_that_keeps_failing_halts_when_the_limit_has_passed(
    make: Any, sink: Any, released: Any, order: Any, monkeypatch: Any
) -> None:
    now = iter(range(0, 10**12, 10**9))
    monkeypatch.setattr(clock, "lease_ns", lambda: next(now))
    sequencer = make(halt_after_s=5.0)
    sink.always = FirehoseError("503")
    sequencer.append(order())
    await sequencer.drain()
    assert (len(sink.attempts), released, sequencer.state) == (5, [], "halted")


async def test_one_frame_is_in_flight_and_the_next_waits_for_it(
    make: Any, sink: Any, released: Any, order: Any
) -> None:
    sequencer = make()
    sink.gate.clear()
    sequencer.append(order())
    first = sequencer.commit()
    sequencer.append(order())
    assert sequencer.commit() is first
    sink.gate.set()
    await sequencer.drain()
    assert [(batch.first_seq, batch.last_seq) for batch in released] == [(1, 1), (2, 2)]
    assert sink.most_under_way == 1


async def test_frames_are_gapless_and_chained_and_carry_the_checkpoints(make: Any, sink: Any, order: Any) -> None:
    sequencer = make(checkpoint_every=2)
    for count in (1, 3, 2):
        for _ in range(count):
            sequencer.append(order())
        await sequencer.drain()
    frames = [decode_frame(raw) for raw in sink.held]
    assert [(frame.first_seq, frame.count) for frame in frames] == [(1, 1), (2, 3), (5, 2)]
    assert [frame.previous for frame in frames] == [GENESIS, frames[0].digest, frames[1].digest]
    assert [mark.seq for frame in frames for mark in frame.checkpoints] == [2, 4, 6]
    twin = Venue("AAPL")
    digests = {}
    for seq, command in enumerate((one for frame in frames for one in frame.unpacked()), start=1):
        twin.apply(seq, command)
        digests[seq] = twin.digest()
    assert all(digests[mark.seq] == mark.digest for frame in frames for mark in frame.checkpoints)


async def test_a_trade_is_acknowledged_filled_to_both_sides_printed_and_quoted(
    make: Any, released: Any, order: Any
) -> None:
    sequencer = make()
    maker = order(1, Side.SELL, 101, 10)
    taker = order(2, Side.BUY, 101, 4)
    sequencer.append(maker)
    sequencer.append(taker)
    await sequencer.drain()
    (batch,) = released
    answers = [(member, unpack(raw)) for member, raw in batch.answers]
    acks = [(member, one.seq, one.command_id, one.status, one.open_qty) for member, one in answers if type(one) is Ack]
    assert acks == [(1, 1, maker.command_id, Status.OPEN, 10), (2, 2, taker.command_id, Status.FILLED, 0)]
    fills = [(member, one.seq, one.order_id, one.qty, one.liquidity) for member, one in answers if type(one) is Fill]
    assert fills == [(1, 2, maker.command_id, 4, 1), (2, 2, taker.command_id, 4, 2)]
    assert [unpack(raw) for raw in batch.prints] == [Print(2, 1, 2, 101, 4, 0)]
    assert unpack(batch.quote) == Quote(2, 1, 2, 0, 0, 101, 6)


async def test_a_resend_is_answered_behind_the_first_answer_and_is_no_part_of_the_journal(
    make: Any, sink: Any, released: Any, order: Any
) -> None:
    sequencer = make()
    maker, taker = order(1, Side.SELL, 101, 10), order(2, Side.BUY, 101, 4)
    sink.gate.clear()
    for command in (maker, taker):
        sequencer.append(command)
    flight = sequencer.commit()
    sequencer.append(taker)
    await asyncio.wait([flight], timeout=0.02)
    assert released == [], "what is not durable is not answered again either"
    sink.gate.set()
    await sequencer.drain()
    first, again = ([(member, unpack(raw)) for member, raw in batch.answers] for batch in released)
    own = [(member, one) for member, one in first if member == 2]
    assert again == own, "acknowledgement and own fill, to the last field"
    assert (len(sink.held), sequencer.seq, sequencer.committed_seq) == (1, 2, 2)


async def test_nothing_is_journalled_for_a_session_that_leaves_nothing_behind(
    make: Any, sink: Any, released: Any, order: Any
) -> None:
    sequencer = make()
    sequencer.append(order(1))
    sequencer.cancel_for(2)
    assert sequencer.seq == 1
    sequencer.cancel_for(1)
    sequencer.cancel_for(1)
    await sequencer.drain()
    assert sequencer.seq == 2
    (batch,) = released
    answers = [unpack(raw) for member, raw in batch.answers if member == 1]
    assert [type(one).__name__ for one in answers] == ["Ack", "Cancelled"]


async def test_time_stamps_never_go_back_even_if_the_wall_clock_does(
    make: Any, sink: Any, order: Any, monkeypatch: Any
) -> None:
    wall = iter((100, 90, 110))
    monkeypatch.setattr(clock, "now_ns", lambda: next(wall))
    sequencer = make()
    for _ in range(3):
        sequencer.append(order())
    await sequencer.drain()
    assert [command.ts_ns for command in decode_frame(sink.held[0]).unpacked()] == [100, 100, 110]


async def test_a_batch_too_large_for_a_record_becomes_several_frames(
    make: Any, sink: Any, released: Any, order: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "MAX_PAYLOAD_BYTES", 96)
    sequencer = make()
    for _ in range(5):
        sequencer.append(order())
    await sequencer.drain()
    assert [decode_frame(raw).count for raw in sink.held] == [2, 2, 1]
    assert [batch.last_seq for batch in released] == [2, 4, 5]


async def test_a_halt_while_a_frame_is_in_flight_releases_nothing(
    make: Any, sink: Any, released: Any, order: Any
) -> None:
    sequencer = make()
    sink.gate.clear()
    sequencer.append(order())
    flight = sequencer.commit()
    sequencer.halt("lease lost")
    sink.gate.set()
    await flight
    assert released == []


async def test_a_denied_put_is_told_to_the_site_and_a_failing_one_is_not(make: Any, sink: Any, order: Any) -> None:
    told: list[str] = []
    failing = make(halt_after_s=0.0, on_fence=told.append)
    sink.script = [FirehoseError("503")]
    failing.append(order())
    await failing.drain()
    assert (failing.state, told) == ("halted", [])
    fenced = make(on_fence=told.append)
    sink.script = [FirehoseDeniedError("fence")]
    fenced.append(order())
    await fenced.drain()
    assert told == ["fence"]


async def test_a_state_that_breaks_halts_and_what_broke_it_is_not_journalled(make: Any, sink: Any, order: Any) -> None:
    sequencer = make()
    sequencer.append(order())
    sequencer._venue.seq = 7
    sequencer.append(order())
    await sequencer.drain()
    assert (sequencer.state, sequencer.seq, sink.attempts) == ("halted", 1, [])
