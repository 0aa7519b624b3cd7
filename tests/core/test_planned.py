"""The verdict on a planned exercise: its own moment, budgets, evidence and rules, beside those of any drill."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core.evidence import Evidence
from drill.core.verdict import judge, recovered_point
from tests.core import worlds

POINT = 8
SYMBOLS = (*worlds.LISTING, *worlds.TESTS)
DIGEST = "d" * 64


def exercise(**changes):
    """A planned exercise in which everything went well; documents replaced (`_` for `-`), None removes one."""
    documents = copy.deepcopy(worlds.documents())
    plan = worlds.plan(kind="planned")
    documents["registration"] |= {"plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()}
    del documents["word-loss"], documents["word-monitor"]
    documents["mark"] = {
        "ordered_ns": str(worlds.T0),
        "symbols": {symbol: {"seq": POINT, "digest": DIGEST, "halted": False} for symbol in SYMBOLS},
    }
    for row in documents["recovered"]["symbols"].values():
        row |= {"seq": POINT, "digest": DIGEST}
    documents["recovered"]["symbols"]["ZZT2"]["damages"] = [{"kind": "gap"}]
    documents["validation"] |= {"contiguous": dict.fromkeys(SYMBOLS, POINT), "acknowledged": POINT * 3}
    window = {"from_ns": "0", "to_ns": "1", "n": 5000}
    documents["production"] = {"before": {**window, "p99_us": 270_000}, "during": {**window, "p99_us": 300_000}}
    names = {"aapl.aex.example": "engines-00.primary.aex.internal"}
    documents["names-before"] = {"names": names}
    documents["production-before"] = {"windows": [], "alarms": []}
    documents["names"] = {"before": names, "after": dict(names)}
    for name, document in changes.items():
        documents[name.replace("_", "-")] = document
    return Evidence(
        documents={name: document for name, document in documents.items() if document is not None},
        events=worlds.healthy().events,
    )


def ruled(evidence):
    verdict = judge(evidence)
    return verdict.outcome, [(ruling.rule, ruling.text) for ruling in verdict.rulings]


def test_an_exercise_that_went_well_passes():
    verdict = judge(exercise())
    assert (verdict.outcome, verdict.rulings) == ("PASS", ())
    assert "after the registered moment, production trading on" in verdict.sentence


def test_its_time_runs_from_the_registered_moment_with_both_budgets_added():
    evidence = exercise()
    verdict = judge(evidence)
    assert verdict.marks.t0_impact == worlds.T0
    assert verdict.marks.t1_detected is None
    assert verdict.times.assumed_ns == (60 + 900) * worlds.SECOND
    assert verdict.marks.t11_resumed is not None
    assert verdict.times.impact_ns == verdict.marks.t11_resumed - worlds.T0 + verdict.times.assumed_ns
    loss = judge(worlds.healthy())
    assert loss.times.assumed_ns == 900 * worlds.SECOND


def test_what_was_acknowledged_above_the_recovery_point_is_out_of_scope():
    evidence = exercise()
    point = recovered_point(evidence)
    assert point is not None
    assert (point.acknowledged, point.lost_orders) == (POINT * 3, 0)


@given(st.integers(1, 10), st.integers(1, 10))
def test_lost_is_what_was_acknowledged_up_to_the_point_and_not_recovered(point, recovered):
    """A naive twin: ten acknowledged commands a symbol."""
    evidence = exercise()
    for symbol in worlds.LISTING:
        evidence.documents["mark"]["symbols"][symbol]["seq"] = point
        evidence.documents["recovered"]["symbols"][symbol]["seq"] = recovered
        evidence.documents["validation"]["contiguous"][symbol] = recovered
    found = recovered_point(evidence)
    assert found is not None
    assert found.acknowledged == 3 * point
    assert found.lost_orders == 3 * len([seq for seq in range(1, point + 1) if seq > recovered])


def interval(p99_us, n=5000):
    return {"from_ns": "0", "to_ns": "1", "n": n, "p99_us": p99_us}


def moved(symbol, **row):
    recovered = copy.deepcopy(exercise().get("recovered"))
    recovered["symbols"][symbol] |= row
    return recovered


WRONG: dict[str, tuple[dict[str, Any], str, tuple[str, str]]] = {
    "production was disturbed": (
        {"production": {"before": interval(270_000), "during": interval(337_501)}},
        "ABORTED",
        ("A-IMPACT", "during the exercise"),
    ),
    "production's latency is unknown": (
        {"production": {"before": interval(None, 0), "during": interval(300_000)}},
        "INVALID",
        ("I-IMPACT", "cannot be compared"),
    ),
    "nobody measured production": ({"production": None}, "INVALID", ("I-EVIDENCE", "production (phase full_load)")),
    "no point was marked": ({"mark": None}, "INVALID", ("I-EVIDENCE", "mark (phase loss)")),
    "nobody looked at the names": ({"names": None}, "INVALID", ("I-EVIDENCE", "names (phase tear_down)")),
    "a name of production moved": (
        {"names": {"before": {"a": "primary"}, "after": {"a": "dr-abcdef"}}},
        "INVALID",
        ("I-ISOLATION", "a pointed to primary and now to dr-abcdef"),
    ),
    "a name of production is gone": (
        {"names": {"before": {"a": "primary"}, "after": {}}},
        "INVALID",
        ("I-ISOLATION", "production's names moved"),
    ),
    "a book is older than its point": (
        {"recovered": moved("AAPL", seq=POINT - 1), "validation": exercise().get("validation") | {"lost": 1}},
        "FAIL",
        ("F-INTEGRITY", f"AAPL: recovered to seq {POINT - 1}, the recovery point is {POINT}"),
    ),
    "a book is newer than its point": (
        {"recovered": moved("AAPL", seq=POINT + 1)},
        "FAIL",
        ("F-INTEGRITY", f"AAPL: recovered to seq {POINT + 1}"),
    ),
    "a book is another one": (
        {"recovered": moved("MSFT", digest="e" * 64)},
        "FAIL",
        ("F-INTEGRITY", f"MSFT: at seq {POINT} production's digest is another"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_an_exercise_decides_and_is_said(name):
    changes, outcome, (rule, text) = WRONG[name]
    found, rulings = ruled(exercise(**changes))
    assert found == outcome
    assert any(rule == spoken and text in said for spoken, said in rulings), rulings


@pytest.mark.parametrize("phase", ["loss", "fence", "members_back", "full_load"])
def test_a_step_of_an_exercise_that_an_operator_marked_as_done_is_found(phase):
    """F23: Airflow would go on as if it had run; its signed events are missing."""
    evidence = exercise()
    kept = tuple(event for event in evidence.events if event.step != phase)
    outcome, rulings = ruled(Evidence(documents=evidence.documents, events=kept))
    assert outcome == "INVALID"
    assert any(rule == "I-STEP" and phase in text for rule, text in rulings)


def test_a_loss_owes_none_of_it():
    assert judge(worlds.healthy()).outcome == "PASS"
