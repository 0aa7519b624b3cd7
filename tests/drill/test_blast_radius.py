"""The blast radius: an exercise that hurts production stops in every step, with the figures; a loss has none."""

from __future__ import annotations

import json

import msgspec
import pytest

from drill import blast_radius
from drill.aws import alarms
from drill.operators.step import Aborted, Step
from tests.core import worlds

REGISTERED = int(worlds.documents()["registration"]["registered_ns"])
TEN = 10 * worlds.SECOND


class Working(Step):
    phase = "build"

    def start(self, docket, context):
        return {}


@pytest.fixture
def raised(monkeypatch):
    standing: list[str] = []
    monkeypatch.setattr(alarms, "raised", lambda *_: list(standing))
    return standing


@pytest.fixture
def members(fresh, account, settings):
    """Say what production's members measured, window by window: 2 before the registration, the rest after it."""

    def say(*p99_ms):
        windows = [
            {"from_ns": str(REGISTERED + (at - 2) * TEN), "to_ns": str(REGISTERED + (at - 1) * TEN), "n": 500,
             "p99_ns": ms * 1_000_000} for at, ms in enumerate(p99_ms)
        ]  # fmt: skip
        body = json.dumps({"windows": windows}).encode()
        account.s3.put_object(Bucket=settings.witness_bucket, Key="words/members/latest.json", Body=body)

    return say


@pytest.fixture
def exercise(fresh, members, raised):
    """An exercise after its preflight: production's p99 was 200 ms, and one alarm stood already."""
    plan = worlds.plan(kind="planned")
    fresh.take_lock()
    registration = worlds.documents()["registration"] | {
        "plan": msgspec.to_builtins(plan),
        "plan_sha256": plan.sha256(),
    }
    fresh.file("registration", registration)
    raised.append("aex-primary-freshness-OLD")
    members(200, 200)
    fresh.file(blast_radius.BASELINE, blast_radius.baseline(fresh))
    return fresh


def test_a_production_that_answers_as_before_lets_it_go_on(exercise, context, members):
    members(200, 200, 210, 220, 230)
    assert blast_radius.look(exercise) is None
    assert Working(task_id="build").execute(context) == {}


def test_a_production_that_slows_down_ends_it_in_every_step(exercise, context, members):
    members(200, 200, 300, 300, 300)
    with pytest.raises(Aborted, match=r"ack p99 rose to 300\.0 ms \(n = 1500, 3 windows"):
        Working(task_id="build").execute(context)
    assert "125 % of that is allowed" in (exercise.aborted() or "")
    members(200, 200, 200, 200, 200)
    with pytest.raises(Aborted, match="rose to"):
        Working(task_id="build").execute(context)


def test_an_alarm_of_production_that_was_not_there_before_ends_it(exercise, raised):
    assert blast_radius.look(exercise) is None
    raised.append("aex-primary-freshness-AAPL")
    assert blast_radius.look(exercise) == (
        "production's alarm aex-primary-freshness-AAPL was raised during the exercise (1)"
    )


def test_teardown_goes_on_however_production_is(exercise, context, members):
    members(200, 200, 900, 900, 900)
    step = Working(task_id="build")
    step.heeds_abort = False
    assert step.execute(context) == {}


def test_a_loss_has_no_production_to_spare(docket, members, raised):
    members(200, 200, 900, 900, 900)
    raised.append("aex-primary-freshness-AAPL")
    assert blast_radius.look(docket) is None
