"""The one trigger of every wait: met, overdue, aborted or broken, never earlier than the scheduler can take it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from drill.triggers import condition, conditions
from drill.triggers.condition import SETTLE_NS, ConditionTrigger
from drill.triggers.state import State
from tests.core import worlds

SECOND = worlds.SECOND
ARGUMENTS: dict[str, Any] = {
    "drill": worlds.DRILL,
    "step": "drain",
    "condition": "looked_at",
    "arguments": {"word": "canary"},
    "timeout_s": 60,
    "interval_ms": 500,
    "heeds_abort": True,
}


class Clock:
    """Time that passes only where somebody sleeps; `looks` says when the condition was asked."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND
        self.looks: list[float] = []

    def mono_ns(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    @property
    def elapsed_s(self) -> float:
        return (self.now - 1_000 * SECOND) / SECOND


@pytest.fixture
def time(monkeypatch) -> Clock:
    clock = Clock()

    async def here(function: Any, *arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    monkeypatch.setattr(condition, "clock", clock)
    monkeypatch.setattr(condition, "asyncio", SimpleNamespace(sleep=clock.sleep, to_thread=here))
    return clock


@pytest.fixture
def wait(fresh, time, monkeypatch):
    """Run the trigger on a condition and return its one event."""

    async def run(look: Callable[[float], State], **changes: Any) -> Any:
        def looked_at(docket: Any, **arguments: Any) -> State:
            assert docket is fresh
            assert arguments == {"word": "canary"}
            time.looks.append(time.elapsed_s)
            return look(time.elapsed_s)

        monkeypatch.setitem(conditions.CONDITIONS, "looked_at", looked_at)
        trigger = ConditionTrigger(**{**ARGUMENTS, **changes})
        fresh.take_lock()
        monkeypatch.setattr(trigger, "_open", lambda: fresh)
        (event,) = [event.payload async for event in trigger.run()]
        return event

    return run


def test_a_trigger_comes_back_from_the_database_as_it_was():
    path, arguments = ConditionTrigger(**ARGUMENTS).serialize()
    assert path == f"{ConditionTrigger.__module__}.{ConditionTrigger.__qualname__}"
    assert arguments == ARGUMENTS
    assert ConditionTrigger(**arguments).serialize() == (path, arguments)


async def test_a_condition_that_holds_ends_the_wait_with_what_was_found(wait, time):
    event = await wait(lambda at: State(done=at >= 5, text="", found={"at": at}))
    assert event == {"state": "met", "found": {"at": 5.0}}
    assert time.looks == [half / 2 for half in range(11)]


@pytest.mark.parametrize("done_after_s", [0, 0.5, 1.5])
async def test_no_wait_ends_before_the_scheduler_knows_of_the_deferral(wait, time, done_after_s):
    event = await wait(lambda at: State(done=at >= done_after_s, text=""))
    assert event["state"] == "met"
    assert time.looks[-1] == done_after_s
    assert time.elapsed_s == SETTLE_NS / SECOND


async def test_a_wait_that_lasted_longer_is_not_made_longer_still(wait, time):
    await wait(lambda at: State(done=at >= 30, text=""))
    assert time.elapsed_s == 30


async def test_an_overdue_wait_says_how_far_things_were(wait, time):
    event = await wait(lambda at: State(done=False, text=f"{int(at)}/100 symbols"))
    assert event == {"state": "timeout", "text": "after 60 s: 59/100 symbols"}
    assert time.elapsed_s == 60


async def test_an_abort_ends_the_wait_with_its_reason(fresh, wait, time):
    def look(at: float) -> State:
        if at == 10:
            fresh.abort("enough")
        return State(done=False, text="")

    assert await wait(look) == {"state": "aborted", "text": "enough"}
    assert 10 < time.elapsed_s <= 12  # asked for less often than the condition


async def test_an_abort_from_before_the_wait_settles_too(fresh, wait, time):
    fresh.abort("enough")
    assert (await wait(lambda _: State(done=True, text="")))["state"] == "aborted"
    assert time.looks == []
    assert time.elapsed_s == SETTLE_NS / SECOND


async def test_teardown_waits_on_although_the_drill_was_aborted(fresh, wait):
    fresh.abort("enough")
    assert (await wait(lambda at: State(done=at >= 3, text=""), heeds_abort=False))["state"] == "met"


async def test_a_look_that_breaks_becomes_the_steps_failure_not_a_silent_retry(wait, time):
    def look(at: float) -> State:
        if at >= 1:
            raise OSError("no route\nto host")
        return State(done=False, text="")

    assert await wait(look) == {"state": "error", "text": "OSError: no route to host"}
    assert time.elapsed_s == SETTLE_NS / SECOND


async def test_progress_is_told_when_it_changed_and_at_most_once_a_second(fresh, wait):
    await wait(lambda at: State(done=at >= 6, text=f"{int(at) // 3}/3 streams"))
    told = [(event.name, event.step, event.by, event.data.get("text")) for event in fresh.evidence().events]
    assert told == [
        ("progress", "drain", "triggerer", "0/3 streams"),
        ("progress", "drain", "triggerer", "1/3 streams"),
        ("met", "drain", "triggerer", None),
    ]


async def test_progress_that_never_rests_is_thinned_out(fresh, wait):
    await wait(lambda at: State(done=at >= 10, text=f"{at}"))
    assert sum(event.name == "progress" for event in fresh.evidence().events) <= 10


async def test_a_long_wait_keeps_the_drills_lock(wait, time, fresh, monkeypatch):
    kept: list[float] = []
    monkeypatch.setattr(fresh, "keep_lock", lambda: kept.append(time.elapsed_s))
    await wait(lambda at: State(done=at >= 40, text="waiting"))
    assert kept == [0, 15, 30]


async def test_a_wait_whose_drill_lost_its_lock_ends(wait, fresh, monkeypatch):
    monkeypatch.setattr(fresh, "keep_lock", lambda: "the drill lock was lost; it is held by another")
    event = await wait(lambda at: pytest.fail("nothing is looked at any more"))
    assert event == {"state": "aborted", "text": "the drill lock was lost; it is held by another"}
