"""The catalogue is whole, and `observe` reads from a record whether a fault was caught: nothing less is enough."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from drill.core import faults
from drill.core.evidence import Evidence
from drill.core.faults import CATALOGUE, observe
from drill.core.faults.figures import FIGURES
from drill.core.phases import PHASES
from drill.core.verdict import ORDER, Verdict, judge
from tests.core import real, worlds


def test_the_catalogue_has_every_fault_of_the_method_in_its_order() -> None:
    assert [fault.id for fault in CATALOGUE] == [f"F{number:02}" for number in range(1, 29)]


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.id)
def test_each_entry_names_phases_outcomes_and_figures_that_there_are(fault: Any) -> None:
    assert fault.phase in PHASES
    assert fault.seen_in in PHASES
    assert PHASES.index(fault.phase) <= PHASES.index(fault.seen_in), "nothing is seen before it was done"
    assert fault.verdict in ORDER
    assert not fault.figure or fault.figure in FIGURES
    assert fault.rule or fault.verdict == "PASS"
    assert fault.rule or fault.figure, "a fault that must pass must be counted somewhere"


def test_the_injector_is_due_in_the_phase_of_its_faults_and_operators_act_by_themselves() -> None:
    assert faults.due(("F01", "F19", "F11", "F02", "F23"), "sabotage") == ("F01", "F02")
    assert faults.due(("F01", "F11"), "build") == ("F11",)
    assert not any(faults.due(("F19", "F23", "F24"), phase) for phase in PHASES)


def damaged(**changes: Any) -> Evidence:
    """A drill with F01 that was caught: MSFT misses seq 5 to 6; the members had been acknowledged of all ten."""
    evidence = worlds.changed()
    plan = worlds.plan(faults="F01")
    registration = evidence.documents["registration"]
    registration.update(plan=msgspec.to_builtins(plan), plan_sha256=plan.sha256())
    row = evidence.documents["recovered"]["symbols"]["MSFT"]
    damage = {"kind": "gap", "expected": "seq 5", "found": "seq 7", "object": "symbol=MSFT/c.gz"}
    row.update(status="damaged", seq=4, damages=[damage])
    evidence.documents["validation"]["contiguous"]["MSFT"] = 4
    evidence.documents["validation"].update(lost=6)
    evidence.documents["word-fault-sabotage"] = {"applied": ["F01"], "failed": {}, "at_ns": "1"}
    account = {"fault": "F01", "symbol": "MSFT", "object": "symbol=MSFT/b.gz", "first_seq": 5, "last_seq": 6}
    evidence.documents["word-reveal"]["faults"] = [account]
    evidence.documents.update(changes)
    return evidence


def seen(evidence: Evidence) -> tuple[Verdict, Any]:
    verdict = judge(evidence)
    return verdict, observe("F01", evidence, verdict)


def test_a_fault_is_caught_where_verdict_rule_symbol_and_gap_agree() -> None:
    verdict, observed = seen(damaged())
    assert verdict.outcome == "FAIL"
    assert observed.missing == ()
    assert observed.caught
    assert observed.expected == "FAIL F-INTEGRITY"


def test_a_fault_that_nobody_reveals_is_not_caught() -> None:
    evidence = damaged()
    del evidence.documents["word-reveal"]["faults"]
    assert not seen(evidence)[1].caught
    assert not seen(evidence)[1].injected


@pytest.mark.parametrize(
    ("field", "value", "lacks"),
    [
        ("symbol", "AAPL", "F-INTEGRITY naming symbol AAPL"),
        ("first_seq", 4, "a gap: expected seq 4, found seq 7"),
        ("last_seq", 7, "a gap: expected seq 5, found seq 8"),
    ],
)
def test_red_for_another_reason_is_not_caught(field: str, value: Any, lacks: str) -> None:
    evidence = damaged()
    evidence.documents["word-reveal"]["faults"][0][field] = value
    observed = seen(evidence)[1]
    assert not observed.caught
    assert lacks in observed.missing


def test_a_green_drill_has_not_caught_it() -> None:
    evidence = worlds.changed()
    evidence.documents["word-reveal"]["faults"] = damaged().documents["word-reveal"]["faults"]
    observed = seen(evidence)[1]
    assert observed.missing[0] == "verdict FAIL, found PASS"
    assert "rule F-INTEGRITY" in observed.missing


def test_the_true_loss_is_what_members_were_acknowledged_of_and_never_none() -> None:
    evidence = damaged()
    verdict = judge(evidence)
    account = {"symbol": "MSFT", "first_seq": 5}
    assert verdict.recovery_point is not None
    assert FIGURES["true_loss"](account, evidence, verdict) == ""
    assert FIGURES["true_loss"]({**account, "first_seq": 7}, evidence, verdict) == "4 orders lost, found 6"
    evidence.documents["acked-seqs"]["acked"]["MSFT"] = {}
    assert "0 orders lost" in FIGURES["true_loss"](account, evidence, judge(evidence))


REJECTED = {"approver": "admin", "user": "deputy", "answer": "Reject"}


def rejected(**changes: Any) -> Any:
    """What is observed of a failover that the second of two people rejected."""
    reached = ("register", "preflight", "loss", "first_approval", "second_approval")
    events = [one for one in worlds.healthy().events if one.step in reached]
    events[-1] = msgspec.structs.replace(events[-1], name="abort", data={"reason": "deputy answered Reject"})
    kept = ("registration", "preflight", "word-monitor", "approval-1")
    found = {name: one for name, one in real.documents().items() if name in kept}
    found["approval-2"] = real.approval("deputy", "Reject")
    evidence = Evidence(documents=found | changes, events=tuple(events))
    return observe("F24", evidence, judge(evidence), REJECTED)


def test_a_rejected_failover_is_caught_by_the_name_of_who_rejected_it() -> None:
    observed = rejected()
    assert (observed.caught, observed.missing) == (True, ())
    assert (observed.expected, observed.phase) == ("ABORTED A-APPROVAL", "second_approval")


@pytest.mark.parametrize(
    ("second", "lacks"),
    [
        (real.approval("admin", "Reject"), "A-APPROVAL naming user deputy"),
        (real.approval("deputy"), "rule A-APPROVAL"),
    ],
    ids=["somebody else rejected it", "nobody rejected it"],
)
def test_a_failover_that_ended_otherwise_is_not_caught(second: Any, lacks: str) -> None:
    observed = rejected(**{"approval-2": second})
    assert lacks in observed.missing
    assert any(missing.startswith("the answers") for missing in observed.missing)


def test_a_failover_that_went_on_over_a_rejection_is_not_caught() -> None:
    evidence = real.changed(approval_2=real.approval("deputy", "Reject"))
    observed = observe("F24", evidence, judge(evidence), REJECTED)
    assert "verdict ABORTED, found INVALID" in observed.missing
    assert "a failover that stopped, found phase declare" in observed.missing


def with_fault(fault: str, **word: Any) -> Evidence:
    evidence = worlds.changed()
    plan = worlds.plan(faults=fault)
    evidence.documents["registration"].update(plan=msgspec.to_builtins(plan), plan_sha256=plan.sha256())
    if word:
        evidence.documents["word-fault-sabotage"] = {"applied": [], "failed": {}, "at_ns": "1", **word}
    return evidence


def test_a_fault_that_was_asked_for_and_not_injected_makes_the_drill_invalid() -> None:
    for evidence, text in (
        (with_fault("F03"), "F03 was asked for and not injected: nobody says why"),
        (with_fault("F03", failed={"F03": "no object"}), "F03 was asked for and not injected: no object"),
    ):
        verdict = judge(evidence)
        assert (verdict.outcome, verdict.rulings[0].rule, verdict.rulings[0].text) == ("INVALID", "I-FAULT", text)
    assert judge(with_fault("F03", applied=["F03"])).outcome == "PASS"
    assert judge(with_fault("F19")).outcome == "PASS", "a person's act is on record elsewhere"


def test_evidence_that_the_store_refused_makes_the_drill_invalid_and_is_named() -> None:
    evidence = worlds.changed(preflight=None)
    failed = [event for event in evidence.events if not (event.step == "preflight" and event.name == "end")]
    begun = next(event for event in failed if event.step == "preflight")
    data = {"reason": "evidence raw/preflight.json could not be written", "unwritten": "raw/preflight.json"}
    refused = msgspec.structs.replace(begun, name="fail", at_ns=str(begun.at + 1), data=data)
    verdict = judge(worlds.replaced(evidence, [*failed, refused]))
    assert verdict.outcome == "INVALID"
    assert [ruling.text for ruling in verdict.rulings if ruling.rule == "I-EVIDENCE"] == [
        "evidence could not be written: raw/preflight.json (phase preflight)"
    ]


def test_evidence_that_was_written_at_the_second_try_is_no_finding() -> None:
    evidence = worlds.changed()
    begun = next(event for event in evidence.events if (event.step, event.name) == ("preflight", "begin"))
    refused = msgspec.structs.replace(begun, name="fail", at_ns=str(begun.at + 1), data={"unwritten": "raw/a.json"})
    verdict = judge(worlds.replaced(evidence, [*evidence.events, refused]))
    assert not [ruling for ruling in verdict.rulings if ruling.rule == "I-EVIDENCE"]


def test_a_second_opinion_that_differs_fails_the_drill_and_names_the_side() -> None:
    text = "MSFT: first at seq 10, in an order after seq 5: journal and oracle say aa, the primary wrote bb"
    agrees = {"wrong_side": "", "text": "AAPL: the oracle agrees"}
    evidence = worlds.changed(oracle={"symbols": {"AAPL": agrees, "MSFT": {"wrong_side": "primary", "text": text}}})
    verdict = judge(evidence)
    assert (verdict.outcome, [ruling.text for ruling in verdict.rulings]) == ("FAIL", [text])


def test_a_missed_objective_names_the_phase_that_took_longest() -> None:
    evidence = worlds.changed()
    plan = worlds.plan(rto_objective_s=901)
    evidence.documents["registration"].update(plan=msgspec.to_builtins(plan), plan_sha256=plan.sha256())
    [text] = [ruling.text for ruling in judge(evidence).rulings if ruling.rule == "F-RTO"]
    assert re.search(r"allowed, most of it in phase [a-z_]+, [\d.]+ s of work$", text)
