from __future__ import annotations

import asyncio
import functools
import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from engine import folders as module
from engine import lineage
from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.errors import StorageError
from engine.fill import FILL
from engine.journal import JournalReader
from engine.listing import listing
from engine.messages import Environment, Side
from engine.rehydration import Rehydration, genesis, largest_first
from engine.site import Site, SiteState
from engine.storage import FileStore, MemoryStore
from engine.venue import Venue
from tests.engine.written_journal import written

SYMBOLS = ("AAL", "AAPL")
FOLDERS = module.FolderAddresses(journal="journal", lineage="recovered", recovered="recovered", snapshots="snapshots")


class Stores:
    """Control, journal and results of a drill whose primary traded two commands in each symbol."""

    def __init__(self, order: Any) -> None:
        self.control, self.journal, self.recovered = (MemoryStore(name) for name in ("control", "journal", "recovered"))
        self.snapshots = MemoryStore("snapshots")
        self.venues = {symbol: Venue(symbol) for symbol in SYMBOLS}
        self.frames: dict[str, bytes] = {}
        for symbol, venue in self.venues.items():
            commands = [order(1, Side.SELL, 101, 10), order(2, Side.BUY, 101, 4)]
            for seq, command in enumerate(commands, start=1):
                venue.apply(seq, command)
            frame, self.frames[symbol] = encode_frame(
                [command.pack() for command in commands],
                environment=Environment.LIVE,
                epoch=1,
                symbol=symbol,
                first_seq=1,
                previous=GENESIS,
                checkpoints=[Checkpoint(2, venue.digest())],
            )
            self.journal.put(f"epoch=1/symbol={symbol}/object.gz", gzip.compress(frame))

    def open(self, uri: str) -> Any:
        return {"journal": self.journal, "recovered": self.recovered, "snapshots": self.snapshots}[uri]

    def result(self, symbol: str) -> dict[str, Any]:
        return dict(json.loads(self.recovered.get(f"epoch=2/{symbol}/result.json")))


@pytest.fixture
def stores(order: Any, monkeypatch: Any) -> Any:
    one = Stores(order)
    monkeypatch.setattr(module, "open_store", one.open)
    return one


@pytest.fixture
def site() -> Site:
    return Site(
        name="dr-1", environment=Environment.DRILL, epoch=2, build="b" * 64, instruments=tuple(listing(SYMBOLS))
    )


def start(site: Any, stores: Any) -> Any:
    rehydration = Rehydration(site=site, control=stores.control, folders=FOLDERS, poll_s=0.001)
    return asyncio.create_task(rehydration.run())


def give(stores: Any, name: str) -> None:
    stores.control.put(f"epoch=2/{name}", b'{"from_epoch":1,"drill":"d"}')


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - what a thread does to a plain attribute cannot be awaited
        await asyncio.sleep(0.001)


async def test_nothing_happens_before_the_go_ahead_of_this_epoch(site: Any, stores: Any) -> None:
    stores.control.put("epoch=3/recover.json", b"{}")
    running = start(site, stores)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), 0.03)
    assert site.state is SiteState.EMPTY
    running.cancel()


async def test_an_exercise_recovers_the_markets_journal_and_waits_to_open(site: Any, stores: Any) -> None:
    give(stores, "recover.json")
    running = start(site, stores)
    await until(lambda: site.state is SiteState.RECOVERED)
    assert not running.done()
    give(stores, "open.json")
    for rehydrated in await running:
        symbol = rehydrated.instrument.symbol
        assert rehydrated.venue.digest() == stores.venues[symbol].digest()
        assert rehydrated.last_frame == stores.frames[symbol]
        assert stores.result(symbol)["status"] == "recovered"


async def test_doing_it_again_writes_the_same_and_nothing_more(site: Any, stores: Any) -> None:
    give(stores, "recover.json")
    give(stores, "open.json")
    await start(site, stores)
    times = ("started_ns", "finished_ns")
    keys = [entry.key for entry in stores.recovered.list()]
    first = {symbol: stores.result(symbol) for symbol in SYMBOLS}
    await start(site, stores)
    again = {symbol: stores.result(symbol) for symbol in SYMBOLS}
    assert [entry.key for entry in stores.recovered.list()] == keys
    assert [{**one, times[0]: 0, times[1]: 0} for one in first.values()] == [
        {**one, times[0]: 0, times[1]: 0} for one in again.values()
    ]


async def test_a_symbol_whose_journal_cannot_be_read_does_not_stop_the_others(
    site: Any, stores: Any, monkeypatch: Any
) -> None:
    reading = stores.journal.list

    def refuse(prefix: str = "") -> Any:
        if "AAL/" in prefix:
            raise StorageError("list objects", where=prefix, cause="403", hint="role")
        return reading(prefix)

    monkeypatch.setattr(stores.journal, "list", refuse)
    give(stores, "recover.json")
    give(stores, "open.json")
    rehydrated = await start(site, stores)
    assert [one.instrument.symbol for one in rehydrated] == ["AAPL"]
    assert site.describe()["symbols"]["AAL"]["state"] == "damaged"
    unread, read = stores.result("AAL"), stores.result("AAPL")
    assert "403" in unread.pop("error")
    assert unread.keys() == read.keys()
    shared = ("symbol", "status", "from_epoch", "epoch", "engine", "fallback", "build", "damages")
    known = {name: unread[name] for name in shared}
    assert known == {**{name: read[name] for name in known}, "symbol": "AAL", "status": "damaged"}
    assert 0 < unread["started_ns"] <= unread["finished_ns"]
    assert {unread["digest"], unread["last_frame"]} == {"00" * 32}
    assert (unread["snapshot"], unread["rejected"], unread["twin"], unread["rehydrate"]) == (None, [], None, "genesis")
    told = {"started_ns", "finished_ns", "digest", "last_frame", "snapshot", "rejected", "twin", "rehydrate"}
    assert {unread[name] for name in unread.keys() - known.keys() - told} == {0}


def test_the_largest_journal_is_begun_first_and_one_that_cannot_be_listed_stops_nobody(monkeypatch: Any) -> None:
    store = MemoryStore()
    for symbol, objects in (("AAL", 1), ("AAPL", 3), ("MSFT", 2)):
        for number in range(objects):
            store.put(f"epoch=7/symbol={symbol}/{number}.gz", bytes(100))
    store.put("epoch=8/symbol=AAL/0.gz", bytes(9000))
    instruments = listing(("AAL", "AAPL", "MSFT"))
    assert [one.symbol for one in largest_first(store, 7, instruments)] == ["AAPL", "MSFT", "AAL"]

    def refuse(prefix: str = "") -> Any:
        raise StorageError("list objects", where=prefix, cause="403", hint="role")

    monkeypatch.setattr(store, "list", refuse)
    assert [one.symbol for one in largest_first(store, 7, instruments)] == ["AAL", "AAPL", "MSFT"]


async def test_a_checkpoint_that_disagrees_keeps_the_symbol_closed(site: Any, stores: Any) -> None:
    command = stores.venues["AAL"]
    frame, _ = encode_frame(
        [], environment=1, epoch=1, symbol="AAL", first_seq=1, checkpoints=[Checkpoint(0, command.digest())]
    )
    stores.journal.put("epoch=1/symbol=AAL/object.gz", gzip.compress(frame))
    give(stores, "recover.json")
    give(stores, "open.json")
    assert [one.instrument.symbol for one in await start(site, stores)] == ["AAPL"]
    assert stores.result("AAL")["disagreements"] == 1


async def test_a_halted_site_stays_halted_through_a_recovery(site: Any, stores: Any) -> None:
    site.halt("lease lost")
    give(stores, "recover.json")
    give(stores, "open.json")
    await start(site, stores)
    site.open([])
    assert (site.state, site.is_open()) == (SiteState.HALTED, False)


PER_OBJECT = 20


def journal_of_trades(pairs: int, order: Any) -> MemoryStore:
    """A journal whose every second command trades and empties the book: it grows, the state does not."""
    flow = [order(1, side, 100, 1) for _ in range(pairs) for side in (Side.SELL, Side.BUY)]
    frames, _ = written(flow, per_frame=100, checkpoint_every=1000)
    journal = MemoryStore()
    for start in range(0, len(frames), PER_OBJECT):
        content = gzip.compress(b"".join(frames[start : start + PER_OBJECT]), 1, mtime=0)
        journal.put(f"epoch=1/symbol=AAL/{start:06}.gz", content)
    return journal


@pytest.fixture
def peak_of_a_rehydration(order: Any, site: Site, tmp_path: Path, monkeypatch: Any) -> Any:
    """Bytes that were allocated at one time, beyond the journal itself."""
    # The reader's memory of given-out frames ends at a fixed number; a small one shows the plateau in a small journal.
    reader = functools.partial(JournalReader, window_bytes=64 << 10, recent_frames=16)
    monkeypatch.setattr(lineage, "JournalReader", reader)

    async def measure(pairs: int) -> int:
        stores = {"journal": journal_of_trades(pairs, order), "recovered": FileStore(tmp_path / str(pairs))}
        stores["snapshots"] = MemoryStore()
        monkeypatch.setattr(module, "open_store", stores.__getitem__)
        control = MemoryStore()
        for name in ("recover", "open"):
            control.put(f"epoch=2/{name}.json", b'{"from_epoch":1}')
        rehydration = Rehydration(site=site, control=control, folders=FOLDERS, poll_s=0.001)
        tracemalloc.start()
        try:
            one, _ = await rehydration.run()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert one.venue.seq == 2 * pairs
        assert (tmp_path / f"{pairs}/epoch=2/AAL/fills.bin").stat().st_size == pairs * FILL.size
        return peak

    return measure


async def test_memory_does_not_grow_with_the_journal_nor_with_its_fills(peak_of_a_rehydration: Any) -> None:
    await peak_of_a_rehydration(10)  # what is imported and cached once
    short, long = await peak_of_a_rehydration(20_000), await peak_of_a_rehydration(200_000)
    assert long < 1.5 * short, f"{short} bytes for 20,000 trades, {long} for 200,000"


def test_genesis_is_empty() -> None:
    one = genesis(listing(["AAL"])[0])
    assert (one.venue.seq, one.last_frame) == (0, GENESIS)
