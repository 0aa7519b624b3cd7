"""The freeze: what was taken is journalled and answered, nothing more is taken, and the site says where it stands."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from engine.codec import decode_frame
from engine.freezing import Freezing, Frozen
from engine.listing import listing
from engine.messages import Environment, Side
from engine.sequencer import Sequencer
from engine.site import Site, SiteState
from engine.storage import MemoryStore
from engine.venue import Venue

ORDER = "epoch=2/freeze.json"


class Exchange:
    """An open site of two symbols whose frames are held in memory, and its follower of the order."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.released: list[Any] = []
        self.snapshots: list[Any] = []
        self.dropped: list[str] = []
        self.control, self.recovered = MemoryStore(), MemoryStore()
        instruments = tuple(listing(("AAL", "AAPL")))
        self.site = Site(name="dr-1", environment=Environment.LIVE, epoch=2, build="b", instruments=instruments)
        self.site.open(self._sequencer(listed) for listed in instruments)
        self.aal, self.aapl = (self.site.sequencers[listed.number] for listed in instruments)
        self.freezing = Freezing(
            site=self.site,
            control=self.control,
            recovered=self.recovered,
            drop_sessions=self.dropped.append,
            poll_s=0.001,
        )

    def _sequencer(self, listed: Any) -> Sequencer:
        async def put(_: str, record: bytes) -> None:
            await asyncio.sleep(0)
            self.frames.append(record)

        return Sequencer(
            instrument=listed,
            environment=Environment.LIVE,
            epoch=2,
            stream=f"matching-engine-{listed.symbol}-e2",
            venue=Venue(listed.symbol),
            sink=SimpleNamespace(put=put),
            outlet=SimpleNamespace(release=self.released.append),
            checkpoint_every=1000,
            on_snapshot=self.snapshots.append,
        )

    def frozen(self, symbol: str) -> Frozen:
        return msgspec.json.decode(self.recovered.get(f"epoch=2/{symbol}/frozen.json"), type=Frozen)


@pytest.fixture
async def exchange() -> Any:
    one = Exchange()
    running = asyncio.create_task(one.freezing.keep())
    yield one
    running.cancel()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a state that sets no event
            await asyncio.sleep(0.001)


async def test_a_frozen_site_has_journalled_all_that_it_took_and_says_where_it_stands(
    exchange: Any, order: Any
) -> None:
    for side in (Side.SELL, Side.BUY):
        exchange.aal.append(order(1, side, 100, 5))
    exchange.control.put(ORDER, b"{}")
    await until(lambda: exchange.recovered.exists("epoch=2/AAPL/frozen.json"))
    frame = decode_frame(exchange.frames[-1])
    told = exchange.frozen("AAL")
    assert (told.seq, told.last_frame, told.halted) == (2, frame.digest.hex(), False)
    assert [(mark.seq, mark.digest.hex()) for mark in frame.checkpoints] == [(2, told.digest)]
    assert [(one.seq, one.last_frame) for one in exchange.snapshots] == [(2, frame.digest)]
    assert len(exchange.released) == 1, "the last answers left before the sessions ended"
    assert (exchange.site.state, exchange.site.is_open(), len(exchange.dropped)) == (SiteState.FROZEN, False, 1)
    assert (exchange.frozen("AAPL").seq, exchange.frozen("AAPL").digest) == (0, Venue("AAPL").digest().hex())


async def test_a_frozen_site_takes_nothing_and_answers_nothing(exchange: Any, order: Any) -> None:
    exchange.control.put(ORDER, b"{}")
    await until(lambda: exchange.site.state is SiteState.FROZEN)
    exchange.aal.append(order(1, Side.BUY, 100, 5))
    await exchange.aal.drain()
    assert (exchange.aal.seq, exchange.frames, exchange.released) == (0, [], [])


async def test_a_thawed_site_trades_on_from_where_it_stopped(exchange: Any, order: Any) -> None:
    exchange.aal.append(order(1, Side.BUY, 100, 5))
    exchange.control.put(ORDER, b"{}")
    await until(lambda: exchange.site.state is SiteState.FROZEN)
    exchange.control.delete(ORDER)
    await until(exchange.site.is_open)
    exchange.aal.append(order(1, Side.BUY, 101, 5))
    await exchange.aal.drain()
    frames = [decode_frame(raw) for raw in exchange.frames]
    assert [frame.first_seq for frame in frames] == [1, 2]
    assert frames[1].previous == frames[0].digest


async def test_a_symbol_that_had_halted_has_no_state_to_show(exchange: Any, order: Any) -> None:
    exchange.aal.append(order(1, Side.BUY, 100, 5))
    exchange.aal.halt("its stream was gone")
    exchange.control.put(ORDER, b"{}")
    await until(lambda: exchange.recovered.exists("epoch=2/AAPL/frozen.json"))
    assert (exchange.frozen("AAL").halted, exchange.frozen("AAL").digest, exchange.frozen("AAL").seq) == (True, "", 0)
    assert exchange.frozen("AAPL").halted is False
