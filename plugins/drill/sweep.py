"""The sweeper: closes drills that died without an outcome. Their sites go, and they get the ABORTED report they owe.

An operator who sets a run to failed in Airflow ends its tasks at once, and Airflow then runs none of those that come
after any failure; a scheduler that is gone for good runs none either. What such a drill left is found by its lease,
which nobody renews any more, not by what Airflow remembers. The same steps that a run ends with are then carried out
here, one after the other, their waits polled in place.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Final

from drill import clock
from drill.aws import drill_lock
from drill.aws.drill_lock import LockHeldError
from drill.core.ledger import MISSING, RUNNING, Entry
from drill.core.phases import SWEPT
from drill.docket import Docket, Sessions
from drill.ledger import Ledger
from drill.operators.inventory import InventoryOperator
from drill.operators.judge import JudgeOperator
from drill.operators.report import ReportOperator
from drill.operators.seal import SealOperator
from drill.operators.step import Step, Wait
from drill.operators.tear_down import TearDownOperator
from drill.settings import Settings
from drill.triggers.conditions import CONDITIONS

CLOSING: Final = (TearDownOperator, InventoryOperator, JudgeOperator, ReportOperator, SealOperator)
"""What a run ends with, in its order."""
FIRST_ATTEMPT: Final = SWEPT
"""Of the sweeper's own events and documents, one more for each sweep that was cut short: nothing is written over."""
_OURS = re.compile(r"-abort-1\d\d\.json$")
DIED: Final = "its run ended without an outcome"
SILENT_NS: Final = 300_000_000_000
"""A drill without a lease (its last steps need none) is dead when nothing was heard of it for this long."""
POLL_S: Final = 0.5
Tell = Callable[[str], object]


class SweepError(RuntimeError):
    """A dead drill could not be closed; the message names the step and why. The next sweep tries again."""


def sweep(settings: Settings, sessions: Sessions, tell: Tell) -> list[str]:
    """Close every dead drill; returns their ids. `tell` is called with each, once its outcome is filed.

    While another drill runs nothing is closed: names and fence are its own then. Raises SweepError.
    """
    closed = []
    for entry in dead(settings, sessions):
        try:
            close(Docket(entry.drill, settings, sessions), DIED)
        except LockHeldError:
            break
        closed.append(entry.drill)
        tell(entry.drill)
    return closed


def dead(settings: Settings, sessions: Sessions) -> Iterator[Entry]:
    """Registered drills without an outcome that nobody keeps alive, oldest first."""
    home, now_ns = sessions(settings.dr_region), clock.now_ns()
    held = drill_lock.standing(home, settings.journal_bucket, settings.dr_region)
    for entry in reversed(Ledger(settings, sessions).entries()):
        if entry.outcome not in {RUNNING, MISSING} or entry.began_ns is None:
            continue
        if held is not None and held.lease.drill == entry.drill:
            if not held.lease.lasts(now_ns):
                yield entry
        elif entry.heard_ns is None or now_ns - entry.heard_ns > SILENT_NS:
            yield entry


def close(docket: Docket, reason: str) -> None:
    """Take the lock in the drill's place, note why it ended, and carry out what a run ends with.

    Who asked it to stop before, and why, is what counts. Raises LockHeldError while a drill runs, SweepError where no
    outcome could be filed.
    """
    settings = docket.settings
    lock = (docket.home, settings.journal_bucket, settings.dr_region)
    holder = f"sweep-of-{docket.drill}"
    drill_lock.take(*lock, holder)
    try:
        docket.attempt = FIRST_ATTEMPT + sum(bool(_OURS.search(name)) for name in docket.names())
        told = f"{docket.aborted() or reason}; closed late"
        docket.event("sweep", "abort", attempt=docket.attempt, by="sweeper", reason=told)
        failures = [failure for step in CLOSING if (failure := _carry_out(step, docket, lock, holder)) is not None]
        if docket.outcome() is None:
            raise SweepError(f"drill {docket.drill}: no outcome could be filed: {'; '.join(failures)}")
    finally:
        drill_lock.release(*lock, holder)


def _carry_out(kind: type[Step], docket: Docket, lock: tuple[object, str, str], holder: str) -> str | None:
    """One step to its end; the text of its failure, which stops none of those behind it (as in the run)."""
    step = kind(task_id=kind.phase)
    docket.event(step.phase, "begin", attempt=docket.attempt, by="sweeper")
    try:
        outcome = step.start(docket, {})
        while isinstance(outcome, Wait):
            outcome = _waited(step, docket, outcome, lambda: drill_lock.renew(*lock, holder))
    except Exception as error:  # noqa: BLE001 - recorded; the report must be filed whatever the teardown met
        text = " ".join(str(error).split()) or type(error).__name__
        docket.event(step.phase, "fail", attempt=docket.attempt, by="sweeper", reason=text)
        return f"{step.phase}: {text}"
    docket.event(step.phase, "end", attempt=docket.attempt, by="sweeper", **outcome)
    return None


def _waited(step: Step, docket: Docket, wait: Wait, renew: Callable[[], object]) -> Wait | dict[str, object]:
    """Poll the condition that the step waits for, as the trigger would."""
    began = renewed = clock.mono_ns()
    while True:
        state = CONDITIONS[wait.condition](docket, **wait.arguments)
        now = clock.mono_ns()
        if state.done:
            return step.proceed(docket, wait.then, state.found)
        if now - began > wait.timeout_s * 1_000_000_000:
            return step.overdue(docket, wait.then, f"after {wait.timeout_s} s: {state.text}")
        if now - renewed > drill_lock.RENEW_NS:
            renewed = now
            renew()
        time.sleep(POLL_S)
