"""Approvals of a real failover: who answered what, and whether that lets it go on.

Pure: the steps ask it before they act, the verdict asks it again from the evidence. A person counts once, whatever they
are called: two answers are one person's where the id or the name is the same, letter case and blanks aside.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from drill.core.evidence import Evidence
from drill.core.plan import Plan

APPROVE, REJECT = "Approve", "Reject"
OPTIONS = (APPROVE, REJECT)
STEPS = ("first_approval", "second_approval")
"""The steps that ask, in their order; each files `approval-<number>`."""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's answer. Nanoseconds UTC as digits: asked by the drill's clock, answered by Airflow's."""

    user_id: str
    user: str
    answer: str  # Approve | Reject
    asked_ns: str
    answered_ns: str


def name(number: int) -> str:
    """The document of approval `number`, from 1."""
    return f"approval-{number}"


def filed(evidence: Evidence) -> tuple[Approval, ...]:
    """The answers that were filed, in the order in which they were asked for."""
    documents = (evidence.get(name(number)) for number in range(1, len(STEPS) + 1))
    return tuple(msgspec.convert(one, Approval) for one in documents if one is not None)


def refusal(plan: Plan, answers: Sequence[Approval]) -> str | None:
    """Why these answers stop the failover, or None where they do not; too few of them stop nothing yet."""
    for place, answer in enumerate(answers):
        if answer.answer != APPROVE:
            return f"{answer.user or 'nobody'} answered {answer.answer}: the failover is not approved"
        if not (answer.user and answer.user_id):
            return "an approval names nobody, so nobody has approved"
        if not plan.requester_approves and _same_name(answer.user, plan.requester):
            return f"{answer.user} asked for the failover, and policy lets somebody else approve it"
        twice = [one for one in answers[:place] if _same_person(one, answer)]
        if twice:
            return f"{answer.user} approved twice: two different people are needed"
    return None


def shortfall(plan: Plan, answers: Sequence[Approval]) -> str | None:
    """Why the failover may not be declared: what `refusal` says, or that people are missing."""
    refused = refusal(plan, answers)
    if refused is None and len(answers) < plan.approvers:
        return f"{len(answers)} of {plan.approvers} people have approved"
    return refused


def _same_person(one: Approval, other: Approval) -> bool:
    return _same_name(one.user_id, other.user_id) or _same_name(one.user, other.user)


def _same_name(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
