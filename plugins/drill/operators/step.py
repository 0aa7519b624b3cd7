"""A step of the drill: what all verbs share. It records begin, end and failure, and waits by a trigger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from drill import blast_radius
from drill.aws.evidence_store import UnwrittenError
from drill.aws.sessions import connection_session
from drill.core import faults
from drill.core.plan import drill_id_of
from drill.docket import Docket
from drill.settings import Settings
from drill.triggers.condition import ConditionTrigger

FAULTED = "faulted"
FAULT_S = 60


@dataclass(frozen=True, slots=True)
class Wait:
    """What a step waits for: a condition of drill.triggers.conditions, its arguments, and for how long (seconds)."""

    condition: str
    timeout_s: int
    arguments: dict[str, Any] = field(default_factory=dict)
    then: str = ""  # handed back to `proceed`, for steps that wait more than once


class RedResult(AirflowFailException):
    """The step found what a drill is there to find. It fails at once: a second try must not paint it green."""


class BrokenWait(RuntimeError):
    """The condition could not be looked at; the world may be better at the next attempt."""


class Aborted(RedResult):
    """The drill was asked to stop, or has lost its lock; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"aborted: {reason}")
        self.reason = reason


class Step(BaseOperator):
    """Base of every verb. Subclasses say what to do in `start`, and in `proceed` what to do after each wait.

    Both return either a Wait or the summary that the `end` event records. `phase` is the report's name of the step.
    """

    phase = ""
    heeds_abort = True  # teardown and what follows run after an abort too
    holds_lock = True  # register takes the lock, so it has none to renew when it begins

    def start(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:
        """Begin the step; idempotent, since a retry begins again."""
        raise NotImplementedError

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> Wait | dict[str, Any]:
        """Go on after a wait was met; `found` is what the condition saw."""
        raise NotImplementedError(f"{self.phase}: nothing to do after {then or 'a wait'} with {sorted(found)}")

    def execute(self, context: Any) -> Any:
        """Airflow's entry: record the beginning, start, then wait or end."""
        docket, attempt = self._open(context)
        docket.event(self.phase, "begin", attempt=attempt, queued=_queued(context))
        return self._guarded(docket, attempt, lambda: self._begun(docket, context))

    def resume(self, context: Any, event: dict[str, Any], then: str) -> Any:
        """Airflow's entry after a wait."""
        docket, attempt = self._open(context)
        docket.event(self.phase, "resume", attempt=attempt)
        return self._guarded(docket, attempt, lambda: self._after(docket, event, then, context))

    def heed(self, docket: Docket) -> None:
        """Stop here if the drill is to stop, or hurts production, and renew its lock: long work calls this midway.

        Raises Aborted.
        """
        reason = docket.aborted() or docket.keep_lock()
        if reason is None and self.heeds_abort:
            reason = blast_radius.look(docket)
        if reason is not None and self.heeds_abort:
            raise Aborted(reason)

    def heeds(self, docket: Docket, then: str) -> bool:  # noqa: ARG002 - for overriding
        """Whether an abort ends the wait for `then`."""
        return self.heeds_abort

    def stopped(self, docket: Docket) -> None:
        """Undo what must not stay as it is when an abort has ended a wait; by default nothing."""

    def _after(self, docket: Docket, event: dict[str, Any], then: str, context: Any) -> Wait | dict[str, Any]:
        if event["state"] == "aborted":
            self.stopped(docket)
            raise Aborted(event["text"])
        if event["state"] == "error":
            raise BrokenWait(event["text"])
        if then == FAULTED:
            self._label(docket, event.get("found") or _silent(docket, self.phase, event["text"]))
            return self.start(docket, context)
        if event["state"] == "timeout":
            return self.overdue(docket, then, event["text"])
        return self.proceed(docket, then, event["found"])

    def overdue(self, docket: Docket, then: str, text: str) -> Wait | dict[str, Any]:  # noqa: ARG002 - for overriding
        """What a wait that was not met means: by default the step fails."""
        raise RedResult(text)

    def _begun(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:
        if self.holds_lock:
            self.heed(docket)
        return self._fault(docket) or self.start(docket, context)

    def _fault(self, docket: Docket) -> Wait | None:
        """Have the faults that the plan asks for in this phase injected first; once, whatever is tried again."""
        registration = docket.document("registration") if self.holds_lock else None
        due = faults.due(docket.plan().faults, self.phase) if registration else ()
        if not due or docket.document(f"word-fault-{self.phase}") is not None:
            return None
        docket.inject(self.phase, due)
        return Wait("word_said", FAULT_S, {"word": f"fault-{self.phase}"}, then=FAULTED)

    def _label(self, docket: Docket, word: dict[str, Any]) -> None:
        """From here on everybody who reads the record knows that this drill is one with faults."""
        docket.file(f"word-fault-{self.phase}", word)
        told = [*word["applied"], *(f"{name} failed: {why}" for name, why in word["failed"].items())]
        docket.event(self.phase, "note", text=f"faults on request: {', '.join(told)}")

    def _guarded(self, docket: Docket, attempt: int, action: Any) -> Any:
        try:
            outcome = action()
        except Aborted as stopped:
            docket.event(self.phase, "abort", attempt=attempt, reason=stopped.reason)
            raise  # recorded as what it is, not as a failure too
        except UnwrittenError as unwritten:
            docket.event(self.phase, "fail", attempt=attempt, reason=_one_line(unwritten), unwritten=unwritten.name)
            raise
        except Exception as error:
            docket.event(self.phase, "fail", attempt=attempt, reason=_one_line(error))
            raise
        if isinstance(outcome, Wait):
            self._wait(docket, outcome)
        docket.event(self.phase, "end", attempt=attempt, **outcome)
        return outcome

    def _wait(self, docket: Docket, wait: Wait) -> None:
        self.defer(
            trigger=ConditionTrigger(
                drill=docket.drill,
                step=self.phase,
                condition=wait.condition,
                arguments=wait.arguments,
                timeout_s=wait.timeout_s,
                heeds_abort=self.heeds(docket, wait.then),
            ),
            method_name="resume",
            kwargs={"then": wait.then},
        )

    def _open(self, context: Any) -> tuple[Docket, int]:
        drill = drill_id_of(context["dag_run"].run_id)
        attempt = int(context["ti"].try_number)
        return Docket(drill, Settings(), connection_session, attempt=attempt), attempt


def _silent(docket: Docket, phase: str, text: str) -> dict[str, Any]:
    """What to file of an injector that did not answer."""
    return {"applied": [], "failed": dict.fromkeys(faults.due(docket.plan().faults, phase), text)}


def _queued(context: Any) -> str:
    moment = getattr(context["ti"], "queued_dttm", None)
    return moment.isoformat() if moment else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
