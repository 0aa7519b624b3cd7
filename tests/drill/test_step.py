"""What all verbs share: begin, end, fail and abort are recorded, waits deferred, a red result is not tried again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from drill.aws.evidence_store import UnwrittenError
from drill.core import faults
from drill.docket import Docket
from drill.operators.step import RedResult, Step, Wait
from tests.core import worlds

WAIT = Wait("word_said", 60, {"word": "canary"}, then="said")


class Scripted(Step):
    """Starts and proceeds as it is told."""

    phase = "drain"

    script: dict[str, Any]
    heard: list[Any]

    def start(self, docket: Any, context: Any) -> Any:
        return self._act("start")

    def proceed(self, docket: Any, then: str, found: dict[str, Any]) -> Any:
        self.heard.append((then, found))
        return self._act("proceed")

    def _act(self, what: str) -> Any:
        outcome = self.script[what]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def scripted(*, heeds_abort: bool = True, **script: Any) -> Scripted:
    step = Scripted(task_id="drain")
    step.script, step.heard, step.heeds_abort = script, [], heeds_abort
    return step


def met(**found: Any) -> dict[str, Any]:
    return {"state": "met", "found": found}


def last(docket: Any) -> Any:
    return docket.evidence().events[-1]


def test_a_step_without_a_wait_begins_and_ends_with_its_summary(docket, context, events):
    assert scripted(start={"streams": 3}).execute(context) == {"streams": 3}
    assert events() == [("drain", "begin", 1), ("drain", "end", 1)]
    assert last(docket).data == {"streams": 3}


def test_a_wait_is_deferred_as_data(docket, context, events):
    with pytest.raises(TaskDeferred) as deferred:
        scripted(start=WAIT).execute(context)
    path, arguments = deferred.value.trigger.serialize()
    assert path == "drill.triggers.condition.ConditionTrigger"
    assert arguments == {
        "drill": worlds.DRILL,
        "step": "drain",
        "condition": "word_said",
        "arguments": {"word": "canary"},
        "timeout_s": 60,
        "interval_ms": 250,
        "heeds_abort": True,
    }
    assert (deferred.value.method_name, deferred.value.kwargs) == ("resume", {"then": "said"})
    assert events() == [("drain", "begin", 1)]


def test_a_wait_that_was_met_goes_on_with_what_was_found(docket, context, events):
    step = scripted(proceed={"applied": 1})
    assert step.resume(context, met(applied=1), "said") == {"applied": 1}
    assert step.heard == [("said", {"applied": 1})]
    assert events() == [("drain", "resume", 1), ("drain", "end", 1)]


def test_a_step_may_wait_again(docket, context, events):
    with pytest.raises(TaskDeferred):
        scripted(proceed=WAIT).resume(context, met(), "first")
    assert events() == [("drain", "resume", 1)]


def test_a_wait_that_was_not_met_is_red_and_says_how_far_things_were(docket, context, events):
    with pytest.raises(RedResult, match="after 60 s: 2/3 streams delivered"):
        scripted().resume(context, {"state": "timeout", "text": "after 60 s: 2/3 streams delivered"}, "")
    assert events() == [("drain", "resume", 1), ("drain", "fail", 1)]
    assert last(docket).data == {"reason": "after 60 s: 2/3 streams delivered"}


def test_a_wait_that_broke_is_a_failure_that_may_be_tried_again(docket, context, events):
    with pytest.raises(RuntimeError, match="StorageError: no route") as broken:
        scripted().resume(context, {"state": "error", "text": "StorageError: no route"}, "")
    assert not isinstance(broken.value, AirflowFailException)
    assert events() == [("drain", "resume", 1), ("drain", "fail", 1)]


def test_a_red_result_is_final_for_airflow():
    assert issubclass(RedResult, AirflowFailException)


def test_a_failure_is_recorded_in_one_line_and_raised_again(docket, context, events):
    with pytest.raises(ValueError, match="two"):
        scripted(start=ValueError("two\n  lines")).execute(context)
    assert events() == [("drain", "begin", 1), ("drain", "fail", 1)]
    assert last(docket).data == {"reason": "two lines"}


def test_a_failure_without_words_is_recorded_by_its_name(docket, context):
    with pytest.raises(KeyError):
        scripted(start=KeyError()).execute(context)
    assert last(docket).data == {"reason": "KeyError"}


def test_every_event_of_a_retry_has_the_retrys_number(docket, context, events):
    context["ti"] = SimpleNamespace(try_number=2, queued_dttm=None)
    scripted(start={}).execute(context)
    with pytest.raises(ValueError, match="again"):
        scripted(start=ValueError("again")).execute(context)
    docket.abort("enough")
    with pytest.raises(RedResult):
        scripted().execute(context)
    assert {attempt for _, _, attempt in events()} == {2}
    assert [name for _, name, _ in events()] == ["begin", "end", "begin", "fail", "begin", "abort"]


def test_an_abort_stops_a_step_before_it_starts(docket, context, events):
    docket.abort("stopped by the operator")
    with pytest.raises(RedResult, match="aborted: stopped by the operator"):
        scripted(start=AssertionError("must not start")).execute(context)
    assert events() == [("drain", "begin", 1), ("drain", "abort", 1)]


def test_an_abort_ends_a_wait(docket, context, events):
    with pytest.raises(RedResult, match="aborted: enough"):
        scripted().resume(context, {"state": "aborted", "text": "enough"}, "")
    assert events() == [("drain", "resume", 1), ("drain", "abort", 1)]


def test_teardown_runs_after_an_abort(docket, context, events):
    docket.abort("enough")
    assert scripted(start={}, heeds_abort=False).execute(context) == {}
    with pytest.raises(TaskDeferred) as deferred:
        scripted(start=WAIT, heeds_abort=False).execute(context)
    assert deferred.value.trigger.heeds_abort is False


def test_a_run_of_the_user_interface_has_one_id_too(docket, context, account, settings):
    context["dag_run"] = SimpleNamespace(run_id="manual__2026-11-20T09:00:00+00:00", dag_id="dr_drill")
    docket.free_lock()
    step = scripted(start={})
    step.holds_lock = False
    step.execute(context)
    (name,) = {key.split("/")[1] for key in account.s3.keys(settings.evidence_bucket)} - {worlds.DRILL}
    assert name.startswith("drill-")
    assert len(name) == len("drill-") + 8


def test_when_it_was_queued_is_told(docket, context):
    context["ti"].queued_dttm = SimpleNamespace(isoformat=lambda: "2026-11-20T09:00:00+00:00")
    scripted(start={}).execute(context)
    assert docket.evidence().events[0].data == {"queued": "2026-11-20T09:00:00+00:00"}


class Witness:
    """An injector that answers what a test tells it."""

    def __init__(self, docket: Any) -> None:
        self.docket = docket

    def ordered(self) -> Any:
        store = self.docket.witness_store()
        key = f"orders/{worlds.DRILL}/inject-drain.json"
        return json.loads(store.get(key)) if store.exists(key) else None


def with_faults(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """The registered plan asks for these; F01 to F10 belong to the sabotage, so one is moved here."""
    plan = worlds.plan(faults=",".join(names))
    monkeypatch.setattr(Docket, "plan", lambda _: plan)
    monkeypatch.setattr(faults, "due", lambda given, phase: tuple(given) if phase == "drain" else ())


def test_a_step_has_its_faults_injected_before_it_starts_and_says_so(docket, context, events, monkeypatch):
    with_faults(monkeypatch, "F03")
    step = scripted(start={"streams": 3})
    with pytest.raises(TaskDeferred) as deferred:
        step.execute(context)
    assert deferred.value.trigger.serialize()[1]["arguments"] == {"word": "fault-drain"}
    ordered = Witness(docket).ordered()
    assert (ordered["faults"], ordered["phase"], ordered["site"]) == (["F03"], "drain", docket.plan().site)
    word = {"applied": ["F03"], "failed": {}, "at_ns": "7"}
    assert step.resume(context, met(**word), deferred.value.kwargs["then"]) == {"streams": 3}
    assert docket.document("word-fault-drain") == word
    assert events() == [("drain", "begin", 1), ("drain", "resume", 1), ("drain", "note", 1), ("drain", "end", 1)]
    assert [event.data["text"] for event in docket.evidence().events if event.name == "note"] == [
        "faults on request: F03"
    ]


def test_a_retry_does_not_have_them_injected_again(docket, context, events, monkeypatch):
    with_faults(monkeypatch, "F03")
    docket.file("word-fault-drain", {"applied": ["F03"], "failed": {}, "at_ns": "7"})
    assert scripted(start={}).execute(context) == {}
    assert Witness(docket).ordered() is None


def test_an_injector_that_is_silent_does_not_hold_the_drill_up_but_is_on_record(docket, context, monkeypatch):
    with_faults(monkeypatch, "F03")
    silent = {"state": "timeout", "text": "after 60 s: waiting for the word fault-drain"}
    assert scripted(start={"streams": 3}).resume(context, silent, "faulted") == {"streams": 3}
    assert docket.document("word-fault-drain")["failed"] == {"F03": silent["text"]}


def test_a_document_that_cannot_be_written_is_named_in_the_failure(docket, context):
    unwritten = UnwrittenError("raw/drain.json", OSError("denied"))
    with pytest.raises(UnwrittenError):
        scripted(start=unwritten).execute(context)
    assert last(docket).data["unwritten"] == "raw/drain.json"
