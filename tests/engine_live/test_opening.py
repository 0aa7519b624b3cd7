from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from engine import clock
from engine import opening as module
from engine.errors import StorageError
from engine.lineage import Link
from engine.listing import SYMBOLS
from engine.opening import Opening
from engine.storage import MemoryStore

FIFTY_TWO = SYMBOLS[:52]


def starts(*symbols: str) -> dict[str, tuple[Link, ...]]:
    return dict.fromkeys(symbols, (Link(1),))


def task(store: Any, name: str, *, site: str = "primary") -> Opening:
    return Opening(store=store, epoch=1, site=site, task=name, pause_s=0.001)


async def test_the_first_task_takes_every_symbol_and_says_who_it_is(monkeypatch: Any) -> None:
    monkeypatch.setattr(clock, "now_ns", lambda: 17)
    store = MemoryStore()
    assert await task(store, "a").take(starts("AAL", "AAPL")) == {}
    lineage = {"lineage": [{"epoch": 1, "start_seq": 0, "start_frame": "00" * 32, "start_digest": ""}]}
    assert {entry.key: json.loads(store.get(entry.key)) for entry in store.list()} == {
        f"epoch=1/{symbol}/opened.json": {"epoch": 1, "site": "primary", "at_ns": "17", "task": "a"} | lineage
        for symbol in ("AAL", "AAPL")
    }


async def test_a_later_task_is_told_who_was_first_and_changes_nothing() -> None:
    store = MemoryStore()
    await task(store, "a").take(starts("AAL"))
    before = store.get("epoch=1/AAL/opened.json")
    held = await task(store, "b", site="dr-1").take(starts("AAL", "AAPL"))
    assert {symbol: (one.task, one.site) for symbol, one in held.items()} == {"AAL": ("a", "primary")}
    assert store.get("epoch=1/AAL/opened.json") == before


async def test_a_put_whose_answer_was_lost_is_still_this_tasks() -> None:
    store = MemoryStore()
    put = store.put

    def lose_the_answer(key: str, data: bytes, *, if_absent: bool = False) -> None:
        put(key, data, if_absent=if_absent)
        store.put = put  # type: ignore[method-assign]
        raise StorageError("put object", where=key, cause="timeout", hint="again")

    store.put = lose_the_answer  # type: ignore[method-assign]
    assert await task(store, "a").take(starts("AAL")) == {}


@pytest.mark.parametrize("record", [b"", b"{}", b"\xff", b'{"task":"a"}'])
async def test_a_record_that_cannot_be_read_is_somebodys(record: bytes) -> None:
    store = MemoryStore()
    store.put("epoch=1/AAL/opened.json", record)
    assert list(await task(store, "a").take(starts("AAL"))) == ["AAL"]


async def test_a_store_that_fails_is_asked_until_it_answers(caplog: Any) -> None:
    class LameStore(MemoryStore):
        failures = 5

        def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
            if self.failures:
                self.failures -= 1
                raise StorageError("put object", where=key, cause="503", hint="again")
            super().put(key, data, if_absent=if_absent)

    store = LameStore()
    assert await task(store, "a").take(starts("AAL")) == {}
    assert store.exists("epoch=1/AAL/opened.json")
    assert caplog.text.count("503") == 1


async def test_of_two_tasks_at_once_each_symbol_goes_to_one() -> None:
    store = MemoryStore()
    lock = threading.Lock()
    put = store.put

    def one_at_a_time(key: str, data: bytes, *, if_absent: bool = False) -> None:
        with lock:
            put(key, data, if_absent=if_absent)

    store.put = one_at_a_time  # type: ignore[method-assign]
    tasks = [task(store, name) for name in "ab"]
    lost_by_a, lost_by_b = await asyncio.gather(*(one.take(starts(*FIFTY_TWO)) for one in tasks))
    assert lost_by_a.keys() ^ lost_by_b.keys() == set(FIFTY_TWO)
    assert not lost_by_a.keys() & lost_by_b.keys()


async def test_symbols_are_taken_side_by_side() -> None:
    """Each put waits until nine others have begun: one after the other, the first would wait for ever."""
    together = threading.Barrier(module.ASKED_AT_ONCE)

    class MeetingStore(MemoryStore):
        def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
            together.wait(20)
            super().put(key, data, if_absent=if_absent)

    assert await task(MeetingStore(), "a").take(starts(*FIFTY_TWO[:50])) == {}
