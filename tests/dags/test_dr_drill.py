"""The drill's DAGs: the order of the steps, what runs after a failure, the form, the timetable, the cost of parsing."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.task.trigger_rule import TriggerRule
from airflow.timetables import trigger

from drill.airflow_api import DAG as TRIGGERED
from drill.core.phases import DEPENDS_ON, HOME, PHASES
from drill.core.plan import KNOWN_PARAMETERS
from drill.core.presets import PRESETS
from tests.core import worlds
from tests.drill.airflow_home import ROOT

ALWAYS = ["failback", "tear_down", "inventory", "verdict", "report", "seal", "notify", "gate"]
AFTER = {
    "register": set(),
    "preflight": {"register"},
    "loss": {"preflight"},
    "first_approval": {"loss"},
    "second_approval": {"first_approval"},
    "declare": {"loss", "second_approval"},
    "build": {"declare"},
    "fence": {"declare"},
    "captures": {"declare"},
    "drain": {"build", "fence"},
    "sabotage": {"drain"},
    "rehydrate": {"sabotage"},
    "validate": {"rehydrate", "captures"},
    "cut_over": {"validate"},
    "members_back": {"cut_over"},
    "canaries": {"members_back"},
    "full_load": {"canaries"},
    "objectives": {"full_load"},
    # Not only the last step: a failure of one branch must not take down what another one is still building.
    "failback": {"objectives", "build", "fence", "captures", "drain", "sabotage", "rehydrate", "validate"},
    "tear_down": {"failback"},
    "inventory": {"tear_down"},
    "verdict": {"inventory"},
    "report": {"verdict"},
    "seal": {"report"},
    "notify": {"seal"},
    "gate": {"notify"},
}
HEAVY = ("boto3", "botocore", "great_expectations", "pandas", "troposphere", "altair", "numpy")


@pytest.fixture(params=["dr_drill", "dr_drill_weekly"])
def dag(request, dagbag) -> Any:
    return dagbag.dags[request.param]


def test_both_dags_are_there_and_nothing_failed_to_import(dagbag):
    assert dagbag.import_errors == {}
    assert {"dr_drill", "dr_drill_weekly"} <= set(dagbag.dags)
    assert TRIGGERED in dagbag.dags


def test_parsing_imports_nothing_heavy_and_says_nothing(tmp_path):
    code = (
        "import runpy, sys; runpy.run_path('dags/dr_drill.py'); "
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    parsed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
    )  # fmt: skip
    assert parsed.stdout.split() == []


def test_steps_run_in_their_order(dag):
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == AFTER


def test_the_report_knows_every_step_by_its_name_and_its_predecessors(dag):
    assert set(PHASES) == set(AFTER) - {"seal", "report", "notify", "gate"}
    assert {name: set(parents) for name, parents in DEPENDS_ON.items()} == {
        name: parents for name, parents in AFTER.items() if parents and name not in ALWAYS
    }
    for task in dag.tasks:
        if task.task_id not in {"notify", "gate"}:
            assert task.phase == task.task_id


def test_teardown_and_what_follows_run_after_any_failure_and_nothing_else_does(dag):
    rules = {task.task_id: task.trigger_rule for task in dag.tasks}
    assert [name for name, rule in rules.items() if rule == TriggerRule.ALL_DONE] == ALWAYS
    assert {rule for name, rule in rules.items() if name not in ALWAYS} == {TriggerRule.ALL_SUCCESS}


def test_teardown_waits_for_every_step_whatever_became_of_the_branches(dag):
    assert dag.get_task("tear_down").get_flat_relative_ids(upstream=True) == set(AFTER) - set(ALWAYS) | {"failback"}


def test_the_gate_alone_decides_the_runs_colour(dag):
    assert [task.task_id for task in dag.tasks if not task.downstream_task_ids] == ["gate"]


def test_a_step_is_tried_twice_a_registration_and_a_verdict_once(dag):
    retries = {task.task_id: task.retries for task in dag.tasks}
    assert {name for name, count in retries.items() if count == 0} == {"register", "gate"}
    assert set(retries.values()) == {0, 1}


def test_a_second_drill_may_start_so_that_it_is_rejected_with_a_report(dag):
    assert dag.max_active_runs == 2
    assert dag.catchup is False


def test_a_run_that_passes_the_objective_of_the_form_raises_an_alert(dag):
    (alert,) = dag.deadline
    assert alert.interval.total_seconds() == 7200 == dag.params["rto_objective_s"]
    assert alert.callback.path == "drill.deadline.objective_passed"


def test_the_watch_looks_every_five_minutes_one_at_a_time(dagbag):
    watch = dagbag.dags["dr_watch"]
    assert [task.task_id for task in watch.tasks] == ["watch"]
    assert (watch.timetable.expression, watch.catchup, watch.max_active_runs) == ("*/5 * * * *", False, 1)


# --- the form


def test_the_form_has_every_parameter_of_a_plan_and_no_other(dag):
    assert set(dag.params) == KNOWN_PARAMETERS
    dag.params.validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("symbols", 7),
        ("region", "Mars"),
        ("region", ""),
        ("rto_objective_s", 0),
        ("rto_objective_s", -1),
        ("rto_objective_s", "2 h"),
        ("rto_objective_s", 1.5),
        ("rpo_objective_orders", -1),
        ("window_s", 9),
        ("load_s", 4),
        ("seed", -1),
        ("seed", None),
        ("preset", "huge"),
        ("kind", "lost"),
        ("impact_percent", 99),
        ("faults", ["F01"]),
        ("nonce", 12),
    ],
)
def test_the_form_refuses_what_is_malformed(dag, name, value):
    with pytest.raises(ParamValidationError):
        copy.deepcopy(dag.params)[name] = value


# --- the timetable


def test_only_the_weekly_drill_has_a_timetable_and_leaves_production_alone(dagbag):
    on_demand, weekly = dagbag.dags["dr_drill"], dagbag.dags["dr_drill_weekly"]
    assert (on_demand.schedule, on_demand.is_paused_upon_creation) == (None, False)
    assert weekly.is_paused_upon_creation is False
    assert weekly.start_date is None
    plan = worlds.plan(**{name: value for name, value in weekly.params.dump().items() if value not in (None, "")})
    assert (plan.kind, plan.preset, plan.symbols) == ("planned", "weekly", worlds.LISTING)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_of_the_form_is_a_plan_and_the_form_has_every_preset(dagbag, preset):
    params = copy.deepcopy(dagbag.dags["dr_drill"].params)
    params["preset"] = preset
    given = {name: value for name, value in params.dump().items() if value not in (None, "")}
    assert worlds.plan(**given).preset == preset
    assert set(params.get_param("preset").schema["enum"]) == {None, *PRESETS}


@pytest.mark.parametrize("booted", ["2026-11-21T13:59", "2026-11-21T14:01", "2026-11-21T18:03", "2026-11-22T06:00"])
def test_the_weekly_drill_keeps_the_exchanges_time_and_does_not_fire_on_first_boot(dagbag, monkeypatch, booted):
    """Airflow's `run_immediately=False` starts what is a tenth of the period late: 16.8 hours of Saturday."""
    booted = datetime.fromisoformat(booted).replace(tzinfo=UTC)
    monkeypatch.setattr(trigger, "utcnow", lambda: booted)
    restored = DagSerialization.from_dict(DagSerialization.to_dict(dagbag.dags["dr_drill_weekly"]))
    coming = restored.next_dagrun_info(last_automated_run_info=None)
    opening = datetime(2026, 11, 21, 9, tzinfo=ZoneInfo("America/New_York"))
    assert coming.run_after == (opening if booted < opening else opening + timedelta(days=7))


def test_a_dag_comes_back_from_the_database_as_it_was(dag):
    again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert again.dag_id == dag.dag_id
    assert {task.task_id: task.upstream_task_ids for task in again.tasks} == AFTER
    assert {task.task_id: task.trigger_rule for task in again.tasks} == {
        task.task_id: task.trigger_rule for task in dag.tasks
    }
    assert set(again.params) == set(dag.params)
    assert again.max_active_runs == dag.max_active_runs


# --- the way home


def test_the_way_home_has_its_own_order_and_clears_up_after_any_failure(dagbag):
    dag = dagbag.dags["dr_failback"]
    order = ["register", "preflight", "failback", "canaries", "tear_down", "inventory", "verdict", "report", "seal"]
    chain = [*order, "notify", "gate"]
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        name: {before} if before else set() for before, name in zip(["", *chain], chain, strict=False)
    }
    always = {task.task_id for task in dag.tasks if task.trigger_rule == TriggerRule.ALL_DONE}
    assert always == set(chain[4:])
    assert set(order[:6]) == set(HOME)
    assert (dag.schedule, dag.is_paused_upon_creation, list(dag.params)) == (None, False, ["rto_objective_s"])
