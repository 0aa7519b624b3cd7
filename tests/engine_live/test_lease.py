from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from engine.errors import StorageError
from engine.lease import Lease
from engine.storage import MemoryStore

SECOND = 1_000_000_000


class Clock:
    """A clock that stands where the test puts it."""

    def __init__(self) -> None:
        self.now_ns = SECOND

    def __call__(self) -> int:
        return self.now_ns


class BrokenStore:
    """A store that answers nothing but errors."""

    def list(self, prefix: str) -> Any:
        raise StorageError("list objects", where=prefix, cause="503", hint="wait")


@pytest.fixture
def read_ns() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    one = MemoryStore("control")
    for key in ("epoch=1.json", "epoch=2.json", "epoch=2/recover.json"):
        one.put(key, b"{}")
    return one


@pytest.fixture
def lease(store: Any, read_ns: Any) -> Lease:
    return Lease(store=store, epoch=2, limit_s=5.0, read_ns=read_ns)


async def test_it_is_held_while_no_higher_epoch_exists(lease: Any) -> None:
    assert not lease.held()
    assert await lease.confirm()
    assert lease.held()


async def test_a_higher_epoch_ends_it_for_good(lease: Any, store: Any, read_ns: Any) -> None:
    await lease.confirm()
    store.put("epoch=10.json", b"{}")
    read_ns.now_ns += SECOND
    assert not await lease.confirm()
    store.delete("epoch=10.json")
    read_ns.now_ns += SECOND
    assert not await lease.confirm()
    assert "epoch 10" in lease.lost_because


async def test_files_inside_a_higher_epochs_folder_do_not_take_the_epoch(lease: Any, store: Any) -> None:
    store.put("epoch=3/recover.json", b"{}")
    assert await lease.confirm()


async def test_it_ends_five_seconds_after_the_last_confirmation(lease: Any, read_ns: Any) -> None:
    await lease.confirm()
    read_ns.now_ns += 5 * SECOND
    assert lease.held()
    read_ns.now_ns += 1
    assert not lease.held()
    assert "not confirmed" in lease.lost_because


async def test_a_late_confirmation_does_not_bring_it_back(lease: Any, read_ns: Any) -> None:
    await lease.confirm()
    read_ns.now_ns += 6 * SECOND
    assert not await lease.confirm()


async def test_a_clock_that_stands_still_confirms_nothing(lease: Any) -> None:
    await lease.confirm()
    assert not await lease.confirm()
    assert "stands still" in lease.lost_because


async def test_a_store_that_fails_does_not_end_it_before_the_limit(lease: Any, read_ns: Any) -> None:
    await lease.confirm()
    lease._store = BrokenStore()
    read_ns.now_ns += SECOND
    assert await lease.confirm()
    read_ns.now_ns += 5 * SECOND
    assert not await lease.confirm()


async def test_the_confirmation_counts_from_the_question_not_from_the_answer(store: Any, read_ns: Any) -> None:
    class SlowStore:
        def list(self, prefix: str) -> Any:
            read_ns.now_ns += 6 * SECOND
            return store.list(prefix)

    lease = Lease(store=SlowStore(), epoch=2, limit_s=5.0, read_ns=read_ns)
    assert not await lease.confirm()


async def test_the_loss_is_noticed_while_the_store_never_answers(read_ns: Any, store: Any) -> None:
    asked, answer = threading.Event(), threading.Event()

    class SilentStore:
        def list(self, prefix: str) -> Any:
            asked.set()
            answer.wait()
            return store.list(prefix)

    lease = Lease(store=store, epoch=2, every_s=0.001, limit_s=5.0, read_ns=read_ns)
    await lease.confirm()
    read_ns.now_ns += SECOND
    lease._store = SilentStore()
    reasons: list[str] = []
    keeping = asyncio.create_task(lease.keep(reasons.append))
    await asyncio.to_thread(asked.wait)
    read_ns.now_ns += 6 * SECOND
    await keeping
    answer.set()
    assert len(reasons) == 1
    assert "not confirmed" in reasons[0]


async def test_it_is_obtained_once_the_store_answers(read_ns: Any, store: Any) -> None:
    class LateStore:
        asked = 0

        def list(self, prefix: str) -> Any:
            self.asked += 1
            read_ns.now_ns += 1
            if self.asked == 1:
                return BrokenStore().list(prefix)
            return store.list(prefix)

    lease = Lease(store=LateStore(), epoch=2, every_s=0.0, limit_s=5.0, read_ns=read_ns)
    assert await lease.obtain()
