"""Approving a real failover: who is asked, what is filed, and what stops it before anything is built."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.execution_time import hitl

from drill.operators.approve import APPROVAL_S, ApproveOperator
from drill.operators.await_loss import AwaitLossOperator
from drill.operators.declare import DeclareOperator
from drill.operators.inventory import InventoryOperator
from drill.operators.register import RegisterOperator
from drill.operators.sabotage import SabotageOperator
from drill.operators.step import Aborted, Wait
from drill.operators.tear_down import TearDownOperator
from drill.triggers.approval import ApprovalTrigger
from drill.triggers.conditions import CONDITIONS
from tests.core import real, worlds

TI = UUID(int=7)
AT = datetime(2026, 11, 20, 12, 0, 1, 250_000, tzinfo=UTC)
MONITOR = {"state": "down", "name": "exchange.aex.example", "at_ns": "2", "first_missed_ns": str(worlds.T0)}


def answered(user: str, choice: str = "Approve") -> dict[str, Any]:
    """What Airflow's API resumes a task with."""
    return {
        "chosen_options": [choice],
        "params_input": {},
        "responded_at": AT,
        "responded_by_user": {"id": user, "name": user},
        "timedout": False,
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every required action that was put."""
    put: list[dict[str, Any]] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **given: put.append(given))
    return put


@pytest.fixture
def failover(fresh: Any, asked: Any) -> Any:
    """A registered failover whose monitor has spoken."""
    fresh.take_lock()
    plan = real.plan()
    registration = worlds.documents()["registration"]
    fresh.file("registration", {**registration, "plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()})
    fresh.file("word-monitor", MONITOR)
    return fresh


@pytest.fixture
def context(context: dict[str, Any]) -> dict[str, Any]:
    return {**context, "ti": SimpleNamespace(id=TI, try_number=1, queued_dttm=None)}


def step(number: int) -> ApproveOperator:
    return ApproveOperator(task_id=("first_approval", "second_approval")[number - 1], number=number)


def test_a_drill_asks_nobody(docket: Any, context: Any, asked: Any) -> None:
    assert "nothing" in step(1).execute(context)
    assert asked == []


def test_a_failover_asks_says_what_it_is_about_and_defers(failover: Any, context: Any, asked: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        step(1).execute(context)
    [question] = asked
    assert question["subject"].startswith("REAL FAILOVER, not a drill: approval 1 of 2")
    assert (question["options"], question["ti_id"]) == (["Approve", "Reject"], TI)
    assert "exchange.aex.example" in question["body"]
    assert "may not be operator" in question["body"]
    trigger = deferred.value.trigger
    assert isinstance(trigger, ApprovalTrigger)
    assert (trigger.ti_id, trigger.timeout_s, deferred.value.method_name) == (str(TI), APPROVAL_S, "resume")


def test_an_answer_is_filed_with_who_and_when(failover: Any, context: Any, events: Any) -> None:
    summary = step(1).resume(context, answered("admin"), then="1000")
    assert summary == {"by": "admin", "answer": "Approve"}
    at = str(int(AT.timestamp()) * 10**9 + 250_000_000)
    filed = {"user_id": "admin", "user": "admin", "answer": "Approve", "asked_ns": "1000", "answered_ns": at}
    assert failover.document("approval-1") == filed
    assert events()[-1] == ("first_approval", "end", 1)


def test_the_triggers_answer_is_the_apis(failover: Any, context: Any) -> None:
    found = {**answered("admin"), "responded_at": AT.isoformat()}
    step(1).resume(context, {"state": "met", "found": found}, then="1000")
    assert failover.document("approval-1")["answered_ns"] == str(int(AT.timestamp()) * 10**9 + 250_000_000)


@pytest.mark.parametrize(
    ("user", "choice", "reason"),
    [
        ("admin", "Reject", "admin answered Reject"),
        ("operator", "Approve", "operator asked for the failover"),
        ("", "Approve", "names nobody"),
    ],
)
def test_what_is_no_approval_stops_the_failover(  # noqa: PLR0917 - three fixtures, three columns
    failover: Any, context: Any, events: Any, user: str, choice: str, reason: str
) -> None:
    with pytest.raises(Aborted, match=reason):
        step(1).resume(context, answered(user, choice), then="1")
    assert reason in failover.aborted()
    assert failover.document("approval-1")["answer"] == choice
    assert events()[-1] == ("first_approval", "abort", 1)


def test_the_same_person_does_not_count_twice(failover: Any, context: Any) -> None:
    step(1).resume(context, answered("admin"), then="1")
    with pytest.raises(Aborted, match="two different people"):
        step(2).resume(context, answered("admin"), then="2")
    with pytest.raises(Aborted):  # nothing after it begins
        DeclareOperator(task_id="declare").execute(context)


def test_two_people_declare(failover: Any, context: Any) -> None:
    step(1).resume(context, answered("admin"), then="1")
    step(2).resume(context, answered("deputy"), then="2")
    declared = DeclareOperator(task_id="declare").execute(context)
    assert declared == {"by_people": ["admin", "deputy"], "assumed_decision_s": 0}


def test_steps_marked_as_done_declare_nothing(failover: Any, context: Any) -> None:
    step(1).resume(context, answered("admin"), then="1")
    with pytest.raises(Aborted, match="1 of 2 people"):
        DeclareOperator(task_id="declare").execute(context)
    assert failover.aborted()


def test_an_answer_that_was_filed_is_not_asked_for_again(failover: Any, context: Any, asked: Any) -> None:
    step(1).resume(context, answered("admin"), then="1")
    assert step(1).execute(context)["by"] == "admin"
    assert asked == []


def test_silence_is_no_approval(failover: Any, context: Any) -> None:
    with pytest.raises(Aborted, match="nobody answered"):
        step(1).resume(context, {"state": "timeout", "text": "after 14400 s"}, then="1")
    assert failover.document("approval-1") is None


def test_a_failover_that_is_stopped_stops_waiting(failover: Any, context: Any) -> None:
    with pytest.raises(Aborted, match="enough"):
        step(1).resume(context, {"state": "aborted", "text": "enough"}, then="1")


# --- the trigger


def detail(**more: Any) -> SimpleNamespace:
    nothing = {"response_received": False, "chosen_options": None, "responded_at": None, "responded_by_user": None}
    return SimpleNamespace(**{**nothing, **more})


def test_the_trigger_comes_back_from_the_database_as_it_was() -> None:
    given: dict[str, Any] = {
        "drill": worlds.DRILL,
        "step": "first_approval",
        "timeout_s": 60,
        "ti_id": str(TI),
        "interval_ms": 1000,
    }
    path, arguments = ApprovalTrigger(**given).serialize()
    assert (path, arguments) == (f"{ApprovalTrigger.__module__}.{ApprovalTrigger.__qualname__}", given)
    assert ApprovalTrigger(**arguments).serialize() == (path, arguments)


async def test_the_trigger_sees_an_answer_of_before_the_deferral(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user = SimpleNamespace(id="admin", name="admin")
    said = [
        detail(),
        detail(response_received=True, chosen_options=["Approve"], responded_at=AT, responded_by_user=user),
    ]
    monkeypatch.setattr(hitl, "get_hitl_detail_content_detail", lambda ti_id: said.pop(0))
    trigger = ApprovalTrigger(drill=worlds.DRILL, step="first_approval", timeout_s=60, ti_id=str(TI))
    waiting, done = [await trigger.look(fresh) for _ in range(2)]
    assert (waiting.done, "REAL FAILOVER" in waiting.text) == (False, True)
    assert done.found["responded_by_user"] == {"id": "admin", "name": "admin"}
    assert (done.done, done.found["responded_at"]) == (True, AT.isoformat())


# --- what a failover leaves out


def test_a_failover_waits_for_the_monitors_present_word_alone(failover: Any) -> None:
    wait = AwaitLossOperator(task_id="loss").start(failover, {})
    assert isinstance(wait, Wait)
    assert wait.condition == "monitor_down"


def test_the_monitor_decides_whether_anything_is_lost(failover: Any) -> None:
    store, since = failover.witness_store(), str(worlds.T0)
    look = CONDITIONS["monitor_down"]
    assert not look(failover, since_ns=since).done
    store.put("words/monitor/1.json", b'{"state": "up", "at_ns": "1"}')
    store.put("words/monitor/latest.json", f'{{"state": "up", "at_ns": "{since}"}}'.encode())
    assert look(failover, since_ns=since).text == "the monitor says up"
    store.put("words/monitor/2.json", b'{"state": "down", "at_ns": "2", "first_missed_ns": "1"}')
    store.put("words/monitor/latest.json", b'{"state": "down", "at_ns": "3"}')
    assert not look(failover, since_ns=since).done, "a monitor that has been silent since says nothing about now"
    store.put("words/monitor/latest.json", f'{{"state": "down", "at_ns": "{since}"}}'.encode())
    found = look(failover, since_ns=since)
    assert (found.done, found.found["monitor"]["at_ns"]) == (True, "2")


def test_an_exchange_that_the_monitor_reaches_is_not_failed_over(failover: Any, context: Any) -> None:
    with pytest.raises(Aborted, match="not lost"):
        AwaitLossOperator(task_id="loss").resume(
            context, {"state": "timeout", "text": "after 30 s: the monitor says up"}, "gone"
        )
    assert "the monitor says up" in failover.aborted()


@pytest.mark.parametrize("kind", [SabotageOperator, TearDownOperator, InventoryOperator])
def test_nothing_is_sabotaged_or_torn_down(failover: Any, kind: Any, ordered: Any) -> None:
    assert "nothing" in kind(task_id=kind.phase).start(failover, {})
    assert [ordered(verb) for verb in ("sabotage", "restore", "close")] == [None, None, None]


def test_a_failover_that_is_over_frees_the_lock(failover: Any, holder: Any) -> None:
    InventoryOperator(task_id="inventory").start(failover, {})
    assert holder() is None


def test_nobody_is_armed_for_a_failover(fresh: Any, context: Any, ordered: Any) -> None:
    RegisterOperator(task_id="register").execute({**context, "params": {"purpose": "failover"}})
    plan = fresh.plan()
    assert (plan.real, plan.requester, ordered("arm")) == (True, "operator", None)


def test_nobody_stands_in_for_a_requester_whom_airflow_does_not_know(fresh: Any, context: Any) -> None:
    context["dag_run"].triggering_user_name = None
    with pytest.raises(Exception, match="named person"):
        RegisterOperator(task_id="register").execute({**context, "params": {"purpose": "failover"}})
