"""Recovery points: the journal is cut at a command boundary, trading goes on, and a recovery ends exactly there."""

from __future__ import annotations

import asyncio
import gzip
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from engine import clock
from engine.codec import decode_frame
from engine.lineage import LineageReader, Link
from engine.listing import listing
from engine.marks import LATE_NS, Marked, Marks
from engine.messages import Environment, Side
from engine.replay import rebuild
from engine.sequencer import Sequencer, SequencerState
from engine.site import Site
from engine.storage import MemoryStore
from engine.venue import Venue

SYMBOLS = ("AAL", "AAPL")
ORDER = "epoch=1/marks/drill-one.json"
MARKS = "epoch=1/marks/drill-one/AAL.json"


class Exchange:
    """An open site of two symbols whose frames are held by stream."""

    def __init__(self) -> None:
        self.frames: dict[str, list[bytes]] = defaultdict(list)
        self.released: list[Any] = []
        self.control, self.recovered = MemoryStore(), MemoryStore()
        self.site = Site(
            name="primary",
            environment=Environment.LIVE,
            epoch=1,
            build="b" * 64,
            instruments=tuple(listing(SYMBOLS)),
        )
        self.site.open(self._sequencer(listed) for listed in self.site.instruments)
        self.marks = Marks(site=self.site, control=self.control, recovered=self.recovered, poll_s=0.001)

    def __getitem__(self, symbol: str) -> Sequencer:
        return next(one for one in self.site.sequencers.values() if one.instrument.symbol == symbol)

    def order(self, at_ns: int) -> None:
        self.control.put(ORDER, msgspec.json.encode({"drill": "drill-one", "at_ns": str(at_ns)}))

    def marked(self) -> Marked | None:
        return msgspec.json.decode(self.recovered.get(MARKS), type=Marked) if self.recovered.exists(MARKS) else None

    def _sequencer(self, listed: Any) -> Sequencer:
        async def put(stream: str, record: bytes) -> None:
            self.frames[stream].append(record)

        return Sequencer(
            instrument=listed,
            environment=Environment.LIVE,
            epoch=1,
            stream=listed.symbol,
            venue=Venue(listed.symbol),
            sink=SimpleNamespace(put=put),
            outlet=SimpleNamespace(release=self.released.append),
            checkpoint_every=1000,
        )


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - what a thread does to a plain attribute cannot be awaited
        await asyncio.sleep(0.001)


async def test_a_boundary_ends_a_frame_with_a_checkpoint_and_the_frame_leaves_at_once(exchange, order) -> None:
    aal = exchange["AAL"]
    for _ in range(3):
        aal.append(order())
    here = aal.mark()
    aal.append(order())
    await aal.drain()
    first, second = (decode_frame(raw) for raw in exchange.frames["AAL"])
    assert (here.seq, first.checkpoints, first.next_seq) == (3, (here,), 4)
    assert (second.first_seq, second.previous) == (4, first.digest)
    assert len(exchange.released) == 2


async def test_a_quiet_symbol_has_its_boundary_where_it_stands_and_writes_nothing(exchange, order) -> None:
    aal = exchange["AAL"]
    aal.append(order())
    await aal.drain()
    before = list(exchange.frames["AAL"])
    here, again = aal.mark(), aal.mark()
    await aal.drain()
    assert (here, again.seq, exchange.frames["AAL"]) == (again, 1, before)


async def test_a_boundary_on_a_checkpoint_does_not_write_it_twice(exchange, order) -> None:
    aal = exchange["AAL"]
    aal._checkpoint_every = 2
    aal.append(order())
    aal.append(order())
    here = aal.mark()
    await aal.drain()
    assert decode_frame(exchange.frames["AAL"][0]).checkpoints == (here,)


async def test_marks_wait_for_their_moment_and_for_the_journal(exchange, order) -> None:
    running = asyncio.create_task(exchange.marks.keep())
    moment = clock.now_ns() + 30_000_000
    exchange.order(moment)
    exchange["AAL"].append(order())
    await until(lambda: exchange.marked() is not None)
    marked = exchange.marked()
    assert marked is not None
    assert (marked.drill, marked.ordered_ns) == ("drill-one", str(moment))
    for symbol, seq in (("AAL", 1), ("AAPL", 0)):
        mark = marked.symbols[symbol]
        assert (mark.seq, mark.halted) == (seq, False)
        assert moment <= int(mark.at_ns) <= int(mark.committed_ns)
        assert mark.digest == exchange[symbol]._venue.digest().hex()
    exchange["AAL"].append(order())
    await exchange["AAL"].drain()
    assert exchange["AAL"].state == SequencerState.OPEN, "trading goes on"
    running.cancel()


async def test_a_recovery_up_to_the_mark_is_the_book_as_it_stood_there(exchange, order) -> None:
    running = asyncio.create_task(exchange.marks.keep())
    aal = exchange["AAL"]
    for number in range(20):
        aal.append(order(1 + number % 3, Side.SELL if number % 2 else Side.BUY, 100 + number % 4, 5))
    exchange.order(clock.now_ns())
    await until(lambda: exchange.marked() is not None)
    for number in range(20):
        aal.append(order(1 + number % 3, Side.BUY, 101, 5))
        await aal.drain()
    running.cancel()
    marked = exchange.marked()
    assert marked is not None
    point = marked.symbols["AAL"]
    journal = MemoryStore()
    for number, frame in enumerate(exchange.frames["AAL"]):
        journal.put(f"epoch=1/symbol=AAL/{number:02d}.gz", gzip.compress(frame))
    reader = LineageReader(journal, "AAL", (Link(1),), environment=Environment.LIVE, fence_seq=point.seq)
    recovery = rebuild(reader, Venue("AAL"), now_ns=clock.now_ns)
    assert (recovery.status, recovery.seq, recovery.digest.hex()) == ("recovered", point.seq, point.digest)
    assert recovery.checkpoints == 1
    assert recovery.account.refused > 0
    assert aal.seq == 40


async def test_what_halts_before_the_journal_has_it_says_so(exchange, order) -> None:
    exchange["AAPL"].halt("the put was denied")
    running = asyncio.create_task(exchange.marks.keep())
    exchange.order(clock.now_ns())
    await until(lambda: exchange.marked() is not None)
    marked = exchange.marked()
    assert marked is not None
    assert {symbol: mark.halted for symbol, mark in marked.symbols.items()} == {"AAL": False, "AAPL": True}
    running.cancel()


async def test_an_order_of_an_earlier_life_and_a_store_in_trouble_stop_nothing(exchange) -> None:
    exchange.order(clock.now_ns() - LATE_NS - 1)
    exchange.control.put("epoch=1/marks/drill-bad.json", b"no json")
    running = asyncio.create_task(exchange.marks.keep())
    await until(lambda: ORDER in exchange.marks._seen)
    assert exchange.marked() is None
    assert not running.done()
    running.cancel()
