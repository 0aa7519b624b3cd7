"""A real failover: what its plan may ask for, who may approve it, and a verdict that is never PASS."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drill.core import approvals
from drill.core.approvals import Approval, refusal, shortfall
from drill.core.bad_plan import BadPlan
from drill.core.evidence.raw import OWED_REAL
from drill.core.verdict import DONE, GREEN, ORDER, judge
from tests.core import real, worlds
from tests.core.test_verdict import rules, with_checks

PEOPLE = ("admin", "deputy", "operator", "Admin ", "")


def approved(*users: str, **more: str) -> tuple[Approval, ...]:
    return tuple(msgspec.convert(real.approval(user, **more), Approval) for user in users)


# --- the plan


def test_a_failover_asks_two_people_assumes_nothing_and_stays_where_it_is() -> None:
    plan = real.plan()
    assert (plan.real, plan.approvers, plan.assumed_s, plan.failback, plan.blind) == (True, 2, 0, False, False)
    assert (plan.nonce_sha256, plan.symbols, plan.environment) == ("", worlds.LISTING, "LIVE")


def test_a_drill_asks_nobody() -> None:
    plan = worlds.plan()
    assert (plan.real, plan.approvers, plan.assumed_decision_s) == (False, 0, 900)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"preset": "loss"}, "preset"),
        ({"kind": "planned"}, "kind"),
        ({"symbols": "AAPL"}, "symbols"),
        ({"faults": "F01"}, "faults"),
        ({"nonce": worlds.NONCE}, "nonce"),
        ({"failback": True}, "failback"),
        ({"requester": ""}, "purpose"),
    ],
)
def test_a_failover_takes_nothing_of_a_drill(params: Any, named: str) -> None:
    with pytest.raises(BadPlan, match=f"'{named}'"):
        real.plan(**params)


# --- the approvals


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (approved("admin"), None),
        (approved("admin", "deputy"), None),
        (approved("admin", "admin"), "approved twice"),
        (approved("admin", "ADMIN "), "approved twice"),
        (approved("operator"), "asked for the failover"),
        (approved("admin", " Operator"), "asked for the failover"),
        (approved("admin", answer="Reject"), "answered Reject"),
        (approved(""), "names nobody"),
    ],
    ids=lambda given: given if isinstance(given, str) else "-",
)
def test_who_may_approve(answers: Any, reason: str | None) -> None:
    found = refusal(real.plan(), answers)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_where_policy_says_so_the_requester_is_one_of_the_two() -> None:
    plan = real.plan(requester_approves=True)
    assert refusal(plan, approved("operator", "admin")) is None
    assert "twice" in (refusal(plan, approved("operator", "operator")) or "")


def test_one_person_under_two_names_is_one_person() -> None:
    answers = (*approved("admin", user_id="7"), *approved("deputy", user_id="7"))
    assert "twice" in (refusal(real.plan(), answers) or "")


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(approvals.OPTIONS)), max_size=3))
def test_nothing_is_declared_but_by_two_different_people_who_said_yes(given_: list[tuple[str, str]]) -> None:
    answers = tuple(approved(user, answer=answer)[0] for user, answer in given_)
    if shortfall(real.plan(), answers) is None:
        people = {user.strip().casefold() for user, answer in given_ if answer == "Approve"}
        assert len(people - {"", "operator"}) >= 2
        assert all(answer == "Approve" for _, answer in given_)


# --- the verdict


def test_a_failover_in_which_all_went_well_is_a_failover_and_never_a_pass() -> None:
    verdict = judge(real.changed())
    assert (verdict.outcome, rules(verdict)) == ("FAILOVER", {"R-FAILOVER"})
    assert (verdict.control, verdict.teardown, verdict.times.assumed_ns) == ("not_run", "not_run", 0)
    assert verdict.sentence == (
        "Did AEX reopen within two hours? Yes: 1 min 01 s after its last acknowledged order, worst symbol MSFT. "
        "No acknowledged order was lost."
    )


def test_an_observation_of_a_failover_stands_beside_its_outcome() -> None:
    verdict = judge(real.changed(restarts={"tasks": [{"service": "engines", "reason": "x"}]}))
    assert (verdict.outcome, "O-RESTART" in rules(verdict)) == ("FAILOVER", True)


DEFECTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "the same person twice": ({"approval_2": real.approval("admin")}, "INVALID", "I-APPROVAL"),
    "a rejection that was passed over": ({"approval_1": real.approval("admin", "Reject")}, "INVALID", "I-APPROVAL"),
    "approved by who asked for it": ({"approval_1": real.approval("operator")}, "INVALID", "I-APPROVAL"),
    "approved by one": ({"approval_2": None}, "INVALID", "I-APPROVAL"),
    "approved by nobody": ({"approval_1": None, "approval_2": None}, "INVALID", "I-APPROVAL"),
    "a book differs": ({"validation": with_checks(worlds.check("MSFT", passed=False))}, "FAIL", "F-CHECK"),
    "the DR role may too much": (
        {"isolation": {"attempts": [{"action": "s3:PutObject", "resource": "journal", "denied": False}]}},
        "INVALID",
        "I-ISOLATION",
    ),
    "a canary failed": (
        {"word_canary": {"symbols": {**worlds.documents()["word-canary"]["symbols"], "MSFT": {"error": "timeout"}}}},
        "FAIL",
        "F-RESUME",
    ),
}


@pytest.mark.parametrize(("changes", "outcome", "rule"), DEFECTS.values(), ids=DEFECTS.keys())
def test_each_defect_has_its_rule(changes: Any, outcome: str, rule: str) -> None:
    verdict = judge(real.changed(**changes))
    assert (verdict.outcome, rule in rules(verdict)) == (outcome, True), verdict.rulings


@given(first=st.sampled_from(sorted(DEFECTS)), second=st.sampled_from(sorted(DEFECTS)))
def test_a_second_defect_never_improves_the_verdict(first: str, second: str) -> None:
    one, two = DEFECTS[first][0], DEFECTS[second][0]
    assume(not set(one) & set(two))
    alone, both = judge(real.changed(**one)), judge(real.changed(**one, **two))
    assert ORDER.index(both.outcome) <= ORDER.index(alone.outcome)


@given(name=st.sampled_from(sorted({name for names in OWED_REAL.values() for name in names})))
def test_removing_any_owed_document_never_leaves_a_good_end(name: str) -> None:
    assert judge(real.changed(**{name.replace("-", "_"): None})).outcome not in {*GREEN, *DONE}


def test_a_rejection_that_was_heeded_is_aborted_with_its_reason() -> None:
    reached = ("register", "preflight", "loss", "first_approval")
    events = [one for one in worlds.healthy().events if one.step in reached]
    kept = ("registration", "preflight", "word-monitor")
    documents = {name: one for name, one in real.documents().items() if name in kept}
    documents["approval-1"] = real.approval("admin", "Reject")
    evidence = msgspec.structs.replace(real.changed(), documents=documents, events=tuple(events[:-1]))
    verdict = judge(evidence)
    assert (verdict.outcome, "A-APPROVAL" in rules(verdict)) == ("ABORTED", True)
    assert verdict.sentence == "Did AEX reopen within two hours? This failover cannot say: it was aborted."
