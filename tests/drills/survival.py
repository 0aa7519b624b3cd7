"""What may become of a drill under which a process of the platform was killed: a pure judgement of what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drill.core.phases import JUDGED
from drill.core.verdict import GREEN

RETRIED = "O-RETRY"
BROKEN_BY_A_KILL = frozenset(
    {"F-ACCESS", "F-BUILD", "F-PHASE", "F-RTO", "F-RESUME", "F-PERFORMANCE", "F-OBJECTIVE", "F-FAILBACK"}
)
"""What a process that is missing for a while may break: a step, the time, the flow. Never an order, never a book."""
UNKNOWN_LOSS = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """One drill after the kill.

    Attributes:
        phase: under way as the process was killed; empty: nothing was killed.
        kill: the process's name among the victims.
        outcome: as it was filed; empty: none was.
        rulings: (rule, outcome, text) of the filed verdict.
        retried: steps that Airflow tried more than once.
        report: whether a report was filed.
        verified: what `python -m drill verify` objects to; empty: authentic.
        left: what the drill left in the account, by name.
    """

    phase: str
    kill: str
    outcome: str
    rulings: tuple[tuple[str, str, str], ...] = ()
    retried: tuple[str, ...] = ()
    report: bool = True
    verified: str = ""
    left: tuple[str, ...] = ()


def objections(found: Found) -> Iterator[str]:
    """Why this drill did not survive the kill; nothing where it did."""
    if not found.phase:
        yield "nothing was killed"
    if not found.outcome:
        yield "no outcome"
        return
    if not found.report:
        yield "no report"
    if found.verified:
        yield f"not authentic: {found.verified}"
    if found.left:
        yield f"left behind: {', '.join(found.left[:3])} ({len(found.left)})"
    yield from _of_the_outcome(found)


def _of_the_outcome(found: Found) -> Iterator[str]:
    spoken = {rule for rule, _, _ in found.rulings}
    if found.outcome == "FAIL":
        yield from (
            f"a kill cannot explain {rule}: {text}"
            for rule, outcome, text in found.rulings
            if outcome == "FAIL" and rule not in BROKEN_BY_A_KILL and UNKNOWN_LOSS not in text
        )
    elif found.outcome in GREEN:
        again = [step for step in found.retried if step in JUDGED]
        if again and RETRIED not in spoken:
            yield f"{found.outcome}, and nothing on record of the second try of {', '.join(again)}"
    elif found.outcome != "ABORTED":
        yield f"ended {found.outcome}"
