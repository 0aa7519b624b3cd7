"""The sweeper: dead drills are closed with teardown and report, living ones are left alone, and each is told once."""

from __future__ import annotations

import json

import pytest

from drill.aws import fence, routing
from drill.aws.drill_lock import LockHeldError
from drill.core.verdict import judge
from drill.operators.register import RegisterOperator
from drill.operators.step import Aborted, Step
from drill.sweep import SILENT_NS, close, dead, sweep
from drill.triggers import conditions
from drill.triggers.state import State
from tests.core import worlds

REVEAL = worlds.documents()["word-reveal"]


@pytest.fixture
def met(monkeypatch):
    """Every wait is met at its first look; production's names and fence are given back."""
    looked: list[str] = []

    def answer(name, found):
        def look(_docket, **_arguments):
            looked.append(name)
            return State(done=True, text="", found=found)

        monkeypatch.setitem(conditions.CONDITIONS, name, look)

    answer("word_said", REVEAL)
    answer("site_gone", {})
    monkeypatch.setattr(fence, "lift", lambda *_: looked.append("lift"))
    monkeypatch.setattr(routing, "zone_id", lambda *_: "Z1")
    monkeypatch.setattr(routing, "cut_over", lambda *_, **__: looked.append("names"))
    return looked


def swept(docket, settings, account):
    told: list[str] = []
    assert sweep(settings, account.session, told.append) == told
    return told


def test_a_drill_whose_run_was_set_to_failed_is_torn_down_and_ends_aborted(  # noqa: PLR0917 - fixtures
    docket, settings, account, clock, met, holder
):
    docket.event("build", "begin")
    clock.pass_s(121)
    assert swept(docket, settings, account) == [worlds.DRILL]
    assert {"word_said", "site_gone"} <= set(met)
    outcome = json.loads(docket.find("outcome.json") or b"{}")
    assert outcome["outcome"] == "ABORTED"
    assert docket.find("report.html") is not None
    verdict = judge(docket.evidence())
    assert [ruling.text for ruling in verdict.rulings if ruling.rule == "A-ABORT"] == [
        "stopped: its run ended without an outcome; closed late"
    ]
    assert holder() is None, "the lock is free for the next drill"


def test_who_stopped_it_and_why_is_kept(docket, settings, account, clock, met):
    docket.abort("the market is nervous")
    clock.pass_s(121)
    swept(docket, settings, account)
    assert "the market is nervous" in judge(docket.evidence()).rulings[0].text


def test_a_drill_that_lives_is_left_alone(docket, settings, account, clock, met):
    clock.pass_s(100)
    docket.keep_lock()
    clock.pass_s(100)
    assert swept(docket, settings, account) == []
    assert docket.outcome() is None


def test_the_last_steps_of_a_run_need_no_lease_and_are_not_disturbed(docket, settings, account, clock, met):
    docket.free_lock()
    docket.event("verdict", "begin")
    clock.pass_s(SILENT_NS // worlds.SECOND - 10)
    assert swept(docket, settings, account) == []
    clock.pass_s(20)
    assert swept(docket, settings, account) == [worlds.DRILL]


def test_it_is_closed_and_told_once(docket, settings, account, clock, met):
    clock.pass_s(121)
    assert swept(docket, settings, account) == [worlds.DRILL]
    clock.pass_s(1000)
    assert swept(docket, settings, account) == []


def test_while_another_drill_runs_nothing_is_closed(docket, settings, account, clock, met, stranger):  # noqa: PLR0917
    clock.pass_s(400)
    stranger.take_lock()
    assert [entry.drill for entry in dead(settings, account.session)] == [worlds.DRILL]
    assert swept(docket, settings, account) == []
    with pytest.raises(LockHeldError):
        close(docket, "died")
    assert met == []


def test_a_teardown_that_fails_is_in_the_report_that_follows(docket, settings, account, clock, met, monkeypatch):  # noqa: PLR0917
    failed = State(done=True, text="failed", found={"failed": "stack aex-dr-abcdef-network: Vpc: in use"})
    monkeypatch.setitem(conditions.CONDITIONS, "site_gone", lambda *_, **__: failed)
    clock.pass_s(121)
    assert swept(docket, settings, account) == [worlds.DRILL]
    assert docket.outcome() == "ABORTED"
    phase = docket.evidence().phase("tear_down")
    assert (phase.status, phase.reason) == ("failed", "stack aex-dr-abcdef-network: Vpc: in use")


def test_a_step_of_the_dead_run_that_wakes_up_finds_the_lock_lost(docket, context, clock, met, settings, account):  # noqa: PLR0917
    class Late(Step):
        phase = "drain"

    clock.pass_s(121)
    swept(docket, settings, account)
    with pytest.raises(Aborted, match="the drill lock was lost"):
        Late(task_id="drain").execute(context)
    assert docket.outcome() == "ABORTED"


def test_a_drill_that_starts_during_a_sweep_is_refused_and_says_why(fresh, context, stranger, met, settings):
    stranger.take_lock()
    stranger.free_lock()
    from drill.aws import drill_lock  # noqa: PLC0415

    drill_lock.take(fresh.home, settings.journal_bucket, "us-west-2", "sweep-of-drill-old")
    with pytest.raises(Exception, match="sweep-of-drill-old"):
        RegisterOperator(task_id="register").execute(context)
