"""Going home: what is waited for in which order, what is proven before the exchange moves, and how it is undone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from drill.aws import control, fence, routing
from drill.core.plan import Plan
from drill.operators import failback
from drill.operators.failback import FailbackOperator
from drill.operators.step import RedResult, Wait
from drill.site_settings import PRIMARY
from tests.core import worlds

SYMBOLS = [*worlds.LISTING, *worlds.TESTS]


@pytest.fixture
def step() -> FailbackOperator:
    return FailbackOperator(task_id="failback")


@pytest.fixture
def lost(fresh: Any) -> Any:
    """A drill that is to go home, and whose primary was lost."""
    fresh.take_lock()
    registration = worlds.documents()["registration"]
    plan = msgspec.structs.replace(msgspec.convert(registration["plan"], Plan), failback=True)
    fresh.file("registration", {**registration, "plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()})
    fresh.file("word-loss", worlds.documents()["word-loss"])
    return fresh


@pytest.fixture
def calls(monkeypatch: Any) -> list[tuple[Any, ...]]:
    """Every act on fence and names, in order."""
    made: list[tuple[Any, ...]] = []
    monkeypatch.setattr(fence, "deny", lambda _, site: made.append(("deny", site)))
    monkeypatch.setattr(fence, "take_epoch", lambda *given: made.append(("take", given[-1].epoch, given[-1].site)))
    monkeypatch.setattr(routing, "zone_id", lambda *_: "Z")
    monkeypatch.setattr(routing, "cut_over", lambda *_, **__: [made.append(("names",)), "C1"][1:])  # type: ignore[func-returns-value]
    return made


def frozen_rows(**more: Any) -> dict[str, Any]:
    row = {"seq": 7, "digest": "aa", "last_frame": "ff", "asked_ns": "5", "at_ns": "6", "halted": False}
    return {symbol: {**row, "symbol": symbol, **more} for symbol in SYMBOLS}


def home_rows(**more: Any) -> dict[str, Any]:
    return {symbol: {"symbol": symbol, "status": "recovered", "seq": 7, "digest": "aa"} | more for symbol in SYMBOLS}


def told(docket: Any, name: str) -> Any:
    return json.loads(docket.journal().get(name))


def test_where_the_plan_ends_at_the_dr_site_nothing_is_done(docket: Any, step: Any, calls: Any) -> None:
    docket.file("word-loss", worlds.documents()["word-loss"])
    assert "nothing" in step.start(docket, {})
    assert calls == []


def test_a_primary_that_was_never_lost_is_left_alone(lost: Any, step: Any, calls: Any, monkeypatch: Any) -> None:
    read = lost.document
    monkeypatch.setattr(lost, "document", lambda name: None if name == "word-loss" else read(name))
    assert "nothing" in step.start(lost, {})
    assert calls == []


def test_what_was_sabotaged_is_true_again_before_the_exchange_reads_it(lost: Any, step: Any, calls: Any) -> None:
    wait = step.start(lost, {})
    assert (wait.condition, wait.arguments, wait.then) == ("word_said", {"word": "reveal"}, "restored")
    assert lost.witness_store().get(f"orders/{lost.drill}/restore.json")
    late = step.overdue(lost, "restored", "no word reveal in 45 s")
    assert (late.condition, late.then) == ("epoch_drained", "primary drained")


def test_the_lost_primary_is_denied_drained_cleared_and_built_anew(lost: Any, step: Any, calls: Any) -> None:
    step.start(lost, {})
    wait = step.proceed(lost, "restored", {})
    assert (wait.condition, wait.arguments["epoch"], wait.arguments["symbols"]) == ("epoch_drained", 1, SYMBOLS)
    assert calls == [("deny", PRIMARY)]
    following = [step.proceed(lost, then, {}) for then in ("primary drained", "cleared")]
    assert [(one.condition, one.then) for one in following] == [("home_cleared", "cleared"), ("home_up", "built")]


def test_a_site_that_opened_is_frozen_and_its_members_asked(
    lost: Any, step: Any, monkeypatch: Any, ordered: Any
) -> None:
    monkeypatch.setattr(failback, "_opened", lambda _: SYMBOLS)
    wait = step.proceed(lost, "built", {})
    assert (wait.condition, wait.arguments) == ("site_frozen", {"epoch": 2, "symbols": SYMBOLS})
    assert lost.journal().exists("control/epoch=2/freeze.json")
    wait = step.proceed(lost, "frozen", {"at_ns": "9", "symbols": frozen_rows()})
    assert (wait.arguments, ordered("handover")["name"]) == ({"word": "handover-home"}, "home")


def test_a_site_that_never_opened_is_passed_over(lost: Any, step: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(failback, "_opened", lambda _: [])
    wait = step.proceed(lost, "built", {})
    assert (wait.condition, wait.arguments["epoch"]) == ("symbols_recovered", 3)
    assert told(lost, "control/epoch=3/recover.json")["recovery_points"] == {}
    assert not lost.journal().exists("control/epoch=2/freeze.json")


def test_the_primary_recovers_up_to_where_the_site_stopped(lost: Any, step: Any) -> None:
    lost.file("frozen", {"at_ns": "9", "symbols": frozen_rows()})
    wait = step.proceed(lost, "site drained", {})
    assert (wait.condition, wait.arguments["symbols"]) == ("symbols_recovered", SYMBOLS)
    go = told(lost, "control/epoch=3/recover.json")
    assert (go["from_epoch"], go["recovery_points"]) == (2, dict.fromkeys(SYMBOLS, 7))


def test_equal_digests_move_the_exchange_fence_first_names_last(
    lost: Any, step: Any, calls: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(failback, "_opened", lambda _: SYMBOLS)
    lost.file("frozen", {"at_ns": "9", "symbols": frozen_rows()})
    wait = step.proceed(lost, "recovered", {"symbols": home_rows(), "at_ns": "10"})
    assert calls == [("deny", lost.plan().site), ("take", 3, PRIMARY), ("names",)]
    assert lost.journal().exists("control/epoch=3/open.json")
    assert (wait.condition, wait.then) == ("home_open", "open")


@pytest.mark.parametrize("other", [{"digest": "bb"}, {"seq": 6}])
def test_another_state_stops_the_exchange_from_moving_and_thaws_the_site(
    lost: Any, step: Any, calls: Any, other: dict[str, Any]
) -> None:
    control.freeze(lost.home, lost.settings.journal_bucket, 2, drill="d", region="us-west-2")
    lost.file("frozen", {"at_ns": "9", "symbols": frozen_rows()})
    with pytest.raises(RedResult, match=rf"{len(SYMBOLS)} symbols did not come home as they left: {SYMBOLS[0]}"):
        step.proceed(lost, "recovered", {"symbols": home_rows(**other), "at_ns": "10"})
    assert calls == []
    assert not lost.journal().exists("control/epoch=2/freeze.json")


def test_a_symbol_that_had_halted_at_the_site_is_no_reason_to_stay(
    lost: Any, step: Any, calls: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(failback, "_opened", lambda _: SYMBOLS)
    lost.file("frozen", {"at_ns": "9", "symbols": frozen_rows(halted=True, digest="")})
    step.proceed(lost, "recovered", {"symbols": home_rows(), "at_ns": "10"})
    assert ("take", 3, PRIMARY) in calls


def test_a_wait_without_its_end_thaws_the_site(lost: Any, step: Any) -> None:
    control.freeze(lost.home, lost.settings.journal_bucket, 2, drill="d", region="us-west-2")
    with pytest.raises(RedResult):
        step.overdue(lost, "recovered", "after 1800 s: 3/4 symbols rehydrated")
    assert not lost.journal().exists("control/epoch=2/freeze.json")


def test_a_drill_goes_home_whoever_stops_it(lost: Any, step: Any) -> None:
    assert not any(step.heeds(lost, then) for then in ("restored", "frozen", "recovered", "open"))


def test_the_end_files_the_time_line(lost: Any, step: Any) -> None:
    lost.file("frozen", {"at_ns": "9", "symbols": frozen_rows()})
    assert isinstance(step.proceed(lost, "open", {}), Wait)
    assert step.proceed(lost, "back", {})["epoch"] == 3
    document = lost.document("failback")
    assert (document["asked_ns"], document["from_epoch"], document["epoch"]) == ("5", 2, 3)
    assert int(document["open_ns"]) <= int(document["members_ns"])
