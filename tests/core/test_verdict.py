"""The verdict as a specification: which defect leads to which outcome, by which rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drill.core.evidence import OWED
from drill.core.verdict import ORDER, contiguous, judge, spoken_duration
from tests.core import worlds

SECOND = worlds.SECOND


def rules(verdict: Any) -> set[str]:
    return {ruling.rule for ruling in verdict.rulings}


def with_checks(*checks: dict[str, Any], declared: int | None = None) -> dict[str, Any]:
    document = worlds.documents()["validation"]
    kept = [check for check in document["checks"] if check["symbol"] not in {new["symbol"] for new in checks}]
    return {**document, "checks": [*kept, *checks], "declared": declared or document["declared"]}


def test_a_healthy_drill_passes_and_says_so_in_one_sentence():
    verdict = judge(worlds.healthy())
    assert (verdict.outcome, verdict.rulings) == ("PASS", ())
    assert verdict.sentence == (
        "Could AEX have reopened within two hours? Yes: 16 min 01 s after the loss, worst symbol MSFT. "
        "No acknowledged order was lost."
    )
    assert (verdict.control, verdict.symbols_ok, verdict.teardown) == ("caught", 3, "clean")


def test_the_headline_is_impact_to_resumption_plus_the_assumed_decision():
    times = judge(worlds.healthy()).times
    t0 = worlds.T0 - 100 + 10  # the last acknowledgement came before the kill
    assert times.impact_ns == worlds.T0 + 60 * SECOND + 3 - t0 + 900 * SECOND
    assert times.technical_ns == 45 * SECOND
    assert times.assumed_ns == 900 * SECOND


BLIND = {**worlds.documents()["inventory"], "blind": ["firehose:ListDeliveryStreams"]}
SHORT = {
    **worlds.documents()["acked-dr"]["performance"],
    "windows": [{"start_ns": "1", "offered": 10, "acknowledged": 10}],
}
DEFECTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "F01 journal object missing": (
        {"validation": with_checks(worlds.check("MSFT", passed=False))},
        "FAIL",
        "F-CHECK",
    ),
    "control missed": ({"validation": with_checks(worlds.check("ZZT2"))}, "INVALID", "I-CONTROL"),
    "control never revealed": ({"word_reveal": None}, "INVALID", "I-CONTROL"),
    "fewer evaluated than declared": ({"validation": with_checks(declared=7)}, "INVALID", "I-DECLARED"),
    "a check not evaluated": (
        {"validation": with_checks(worlds.check("MSFT", evaluated=False, passed=False))},
        "INVALID",
        "I-DECLARED",
    ),
    "two opinions differ": (
        {"validation": {**worlds.documents()["validation"], "acknowledged": 29}},
        "INVALID",
        "I-DISAGREE",
    ),
    "the DR role may too much": (
        {"isolation": {"attempts": [{"action": "s3:PutObject", "resource": "journal", "denied": False}]}},
        "INVALID",
        "I-ISOLATION",
    ),
    "isolation never tried": ({"isolation": {"attempts": []}}, "INVALID", "I-ISOLATION"),
    "a host's clock is off": (
        {"engines": {"at_ns": "1", "engines": [{"address": "a", "offset_ns": str(30 * SECOND)}]}},
        "INVALID",
        "I-CLOCK",
    ),
    "orphans": (
        {"inventory": {"at_ns": "1", "orphans": [{"service": "sqs", "id": "q"}]}},
        "FAIL",
        "F-TEARDOWN",
    ),
    "a canary failed": (
        {"word_canary": {"symbols": {**worlds.documents()["word-canary"]["symbols"], "MSFT": {"error": "timeout"}}}},
        "FAIL",
        "F-RESUME",
    ),
    "slow at the DR site": (
        {
            "acked_dr": {
                **worlds.documents()["acked-dr"],
                "performance": {**worlds.documents()["acked-dr"]["performance"], "p99_us": 600_000},
            }
        },
        "FAIL",
        "F-PERFORMANCE",
    ),
    "a member stayed away": (
        {"acked_dr": {**worlds.documents()["acked-dr"], "first_ack_by_member": {}}},
        "FAIL",
        "F-RESUME",
    ),
    "the inventory was blind": ({"inventory": BLIND}, "FAIL", "F-TEARDOWN"),
    "members held their orders back": (
        {"acked_dr": {**worlds.documents()["acked-dr"], "performance": SHORT}},
        "FAIL",
        "F-PERFORMANCE",
    ),
    "only the engine noticed the sabotage": (
        {
            "validation": with_checks(
                worlds.check("ZZT2"), {**worlds.check("ZZT2", passed=False), "suite": "books"}, declared=7
            )
        },
        "INVALID",
        "I-CONTROL",
    ),
    "a test symbol nobody touched is red": (
        {"validation": with_checks(worlds.check("ZZT1", passed=False))},
        "INVALID",
        "I-CONTROL",
    ),
    "a fault was not injected": ({"word_sabotage": {"applied": 0, "unsupported": ["F09"]}}, "INVALID", "I-FAULT"),
    "the saboteur failed": ({"word_sabotage": {"error": "nothing to hit", "at_ns": "1"}}, "INVALID", "I-FAULT"),
    "no clock was compared": ({"engines": {"at_ns": "1", "engines": []}}, "INVALID", "I-CLOCK"),
    "objective missed on a symbol": (
        {"objectives": {"checks": [worlds.check("MSFT", passed=False, name="recovery time")]}},
        "FAIL",
        "F-OBJECTIVE",
    ),
}


@pytest.mark.parametrize(("changes", "outcome", "rule"), DEFECTS.values(), ids=DEFECTS.keys())
def test_each_defect_has_its_rule(changes, outcome, rule):
    verdict = judge(worlds.changed(**changes))
    assert (verdict.outcome, rule in rules(verdict)) == (outcome, True), verdict.rulings


def test_who_fails_in_time_is_told_by_what():
    verdict = judge(worlds.changed(inventory={"at_ns": "1", "orphans": [{"service": "sqs", "id": "q"}]}))
    assert verdict.sentence == (
        "Could AEX have reopened within two hours? No: 16 min 01 s after the loss, worst symbol MSFT, "
        "and the drill failed: left behind: q (1). No acknowledged order was lost."
    )


def test_lost_orders_are_counted_from_the_captures_and_fail():
    recovered = worlds.documents()["recovered"]
    recovered["symbols"]["MSFT"] |= {"seq": 7, "status": "damaged", "damages": [
        {"kind": "gap", "symbol": "MSFT", "object": "o", "offset": 0, "expected": "seq 8", "found": "seq 11", "seq": 8}
    ]}  # fmt: skip
    verdict = judge(worlds.changed(recovered=recovered, validation=with_checks(worlds.check("MSFT", passed=False))))
    assert verdict.outcome == "INVALID"  # GX counted none lost: two opinions
    assert verdict.recovery_point is not None
    assert verdict.recovery_point.lost_orders == 3
    assert [(row.symbol, row.seq) for row in verdict.recovery_point.lost] == [("MSFT", 8), ("MSFT", 9), ("MSFT", 10)]
    agreed = with_checks(worlds.check("MSFT", passed=False)) | {"lost": 3}
    verdict = judge(worlds.changed(recovered=recovered, validation=agreed))
    assert verdict.outcome == "FAIL"
    assert {"F-RPO", "F-CHECK", "F-INTEGRITY"} <= rules(verdict)
    assert "3 acknowledged orders were lost" in verdict.sentence


def test_without_captures_the_recovery_point_is_unknown_never_zero():
    verdict = judge(worlds.changed(acked_seqs=None))
    assert verdict.recovery_point is None
    assert "F-RPO" in rules(verdict)
    assert "unknown" in verdict.sentence or verdict.outcome == "INVALID"


def test_a_late_recovery_fails_with_the_figure():
    registration = worlds.documents()["registration"]
    late = worlds.plan(rto_objective_s=60)
    registration |= {"plan": msgspec.to_builtins(late), "plan_sha256": late.sha256()}
    verdict = judge(worlds.changed(registration=registration))
    assert verdict.outcome == "FAIL"
    assert "F-RTO" in rules(verdict)


def test_a_plan_changed_after_registration_is_invalid():
    registration = worlds.documents()["registration"]
    registration["plan"]["rto_objective_s"] = 86_400
    verdict = judge(worlds.changed(registration=registration))
    assert (verdict.outcome, "I-PLAN" in rules(verdict)) == ("INVALID", True)


def test_a_subset_is_partial():
    registration = worlds.documents()["registration"]
    part = worlds.plan(symbols="AAPL,MSFT")
    registration |= {"plan": msgspec.to_builtins(part), "plan_sha256": part.sha256()}
    validation = worlds.documents()["validation"] | {"acknowledged": 20}
    verdict = judge(worlds.changed(registration=registration, validation=validation))
    assert (verdict.outcome, rules(verdict)) == ("PARTIAL", {"P-SCOPE"})


def test_a_replay_without_the_compiled_engine_is_an_observation_that_says_why():
    recovered = worlds.documents()["recovered"]
    recovered["symbols"]["AAPL"] |= {"engine": "reference", "fallback": "ModuleNotFoundError: numba"}
    verdict = judge(worlds.changed(recovered=recovered))
    assert (verdict.outcome, rules(verdict)) == ("PASS_WITH_OBSERVATIONS", {"O-ENGINE"})
    assert verdict.rulings[0].text.endswith("the first AAPL: ModuleNotFoundError: numba")


def test_a_retried_step_is_an_observation_with_its_time():
    evidence = worlds.healthy()
    events = list(evidence.events)
    begin = next(event for event in events if event.step == "drain" and event.name == "begin")
    events.append(msgspec.structs.replace(begin, attempt=2, at_ns=str(begin.at + SECOND)))
    verdict = judge(worlds.replaced(evidence, sorted(events, key=lambda e: e.at)))
    assert (verdict.outcome, rules(verdict)) == ("PASS_WITH_OBSERVATIONS", {"O-RETRY"})


def test_a_step_marked_as_done_by_hand_is_invalid():
    evidence = worlds.healthy()
    events = [event for event in evidence.events if not (event.step == "validate" and event.name == "end")]
    verdict = judge(worlds.replaced(evidence, events))
    assert verdict.outcome == "INVALID"
    assert "I-STEP" in rules(verdict)


def test_a_last_step_that_nobody_ran_is_invalid():
    evidence = worlds.healthy()
    events = [event for event in evidence.events if event.step != "objectives"]
    verdict = judge(worlds.replaced(evidence, events))
    assert (verdict.outcome, "I-STEP" in rules(verdict)) == ("INVALID", True)


def test_a_step_that_failed_after_it_had_ended_has_failed():
    evidence = worlds.healthy()
    end = next(event for event in evidence.events if event.step == "validate" and event.name == "end")
    late = msgspec.structs.replace(end, name="fail", attempt=2, at_ns=str(end.at + 1), data={"reason": "red now"})
    verdict = judge(worlds.replaced(evidence, sorted([*evidence.events, late], key=lambda e: e.at)))
    assert verdict.outcome in {"FAIL", "INVALID"}
    assert "F-PHASE" in rules(verdict)


def test_an_aborted_drill_is_aborted_and_claims_nothing():
    evidence = worlds.healthy()
    begin = evidence.events[20]
    stop = msgspec.structs.replace(begin, name="abort", data={"reason": "stopped by the operator"})
    verdict = judge(worlds.replaced(evidence, [*evidence.events, stop]))
    assert verdict.outcome == "ABORTED"
    assert "cannot say" in verdict.sentence


def test_a_rejected_drill_needs_no_plan():
    event = msgspec.structs.replace(worlds.healthy().events[0], name="reject", data={"reason": "another drill runs"})
    verdict = judge(worlds.replaced(worlds.changed(registration=None), [event]))
    assert (verdict.outcome, verdict.control, verdict.teardown) == ("REJECTED", "not_run", "clean")


@given(name=st.sampled_from(sorted({name for names in OWED.values() for name in names})))
def test_removing_any_owed_document_never_leaves_a_pass(name):
    assert judge(worlds.changed(**{name.replace("-", "_"): None})).outcome not in {"PASS", "PASS_WITH_OBSERVATIONS"}


@given(first=st.sampled_from(sorted(DEFECTS)), second=st.sampled_from(sorted(DEFECTS)))
def test_a_second_defect_never_improves_the_verdict(first, second):
    one, two = DEFECTS[first][0], DEFECTS[second][0]
    assume(not set(one) & set(two))
    alone, both = judge(worlds.changed(**one)), judge(worlds.changed(**one, **two))
    assert ORDER.index(both.outcome) <= ORDER.index(alone.outcome)


def test_the_lower_of_two_readings_counts_as_recovered():
    validation = worlds.documents()["validation"]
    validation["contiguous"]["MSFT"] = 4
    assert (contiguous(worlds.changed(validation=validation)) or {})["MSFT"] == 4


@pytest.mark.parametrize(
    ("ns", "words"),
    [(4_200_000_000, "4.2 s"), (1421 * SECOND, "23 min 41 s"), (3725 * SECOND, "1 h 02 min 05 s"), (0, "0.0 s")],
)
def test_durations_are_spoken(ns, words):
    assert spoken_duration(ns) == words
