"""first_approval, second_approval: two different people say that a real failover may go on. A drill asks nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.execution_time import hitl

from drill import clock
from drill.core import approvals
from drill.core.approvals import Approval
from drill.docket import Docket
from drill.operators.step import Aborted, Step, Wait
from drill.triggers.approval import ApprovalTrigger

APPROVAL_S = 14_400
"""How long one person is waited for; then the failover ends ABORTED, and nothing was built."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ApproveOperator(Step, HITLOperator):
    """One required action of Airflow: whoever may answer it is asked once, and the answer is evidence.

    The provider's operator parks its task where nobody looks after the drill. This one defers instead: while it waits
    for a person its trigger keeps the drill lock and heeds an abort. Airflow's API resumes a deferred task as it does a
    parked one, with the answer itself as the event.
    """

    def __init__(self, *, number: int, **kwargs: Any) -> None:
        """`number` of the approval, from 1."""
        subject = f"REAL FAILOVER, not a drill: approval {number} of {len(approvals.STEPS)}, {{{{ run_id }}}}"
        super().__init__(subject=subject, options=list(approvals.OPTIONS), **kwargs)
        self.number = number
        self.phase = self.task_id

    def start(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:
        """Ask, in a real failover; an answer that an earlier attempt has filed is not asked for again."""
        plan = docket.plan()
        if not plan.real:
            return {"nothing": "is asked in a drill"}
        if docket.document(approvals.name(self.number)) is not None:
            return self._heard(docket)
        self.body = _question(docket)
        hitl.upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=self.options,
            subject=self.subject,
            body=self.body,
            defaults=None,
            multiple=False,
            params=self.serialized_params,
            assigned_users=None,
        )
        return Wait("answered", APPROVAL_S, {"ti_id": str(context["ti"].id)}, then=str(clock.now_ns()))

    def resume(self, context: Any, event: dict[str, Any], then: str) -> Any:
        """Airflow's API resumes with the bare answer, the trigger with a state around it."""
        told = event if "state" in event else {"state": "met", "found": event}
        return super().resume(context, told, then)

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:
        """File who answered what, and when; `then` is when the question was put."""
        user, chosen = found["responded_by_user"] or {}, found["chosen_options"]
        answer = Approval(
            user_id=str(user.get("id", "")),
            user=str(user.get("name", "")),
            answer=chosen[0] if len(chosen) == 1 else "",
            asked_ns=then,
            answered_ns=str(_ns(found["responded_at"])),
        )
        docket.file(approvals.name(self.number), msgspec.to_builtins(answer))
        return self._heard(docket)

    def overdue(self, docket: Docket, then: str, text: str) -> dict[str, Any]:  # noqa: ARG002
        """Nobody answered: that is no approval."""
        return _stop(docket, f"approval {self.number} of {len(approvals.STEPS)}: nobody answered ({text})")

    def _heard(self, docket: Docket) -> dict[str, Any]:
        answers = filed(docket)
        refused = approvals.refusal(docket.plan(), answers)
        if refused is not None:
            return _stop(docket, refused)
        return {"by": answers[-1].user, "answer": answers[-1].answer}

    def _wait(self, docket: Docket, wait: Wait) -> None:
        self.defer(
            trigger=ApprovalTrigger(
                drill=docket.drill, step=self.phase, timeout_s=wait.timeout_s, ti_id=wait.arguments["ti_id"]
            ),
            method_name="resume",
            kwargs={"then": wait.then},
        )


def filed(docket: Docket) -> tuple[Approval, ...]:
    """The answers so far, in their order."""
    documents = [docket.document(approvals.name(number)) for number in range(1, len(approvals.STEPS) + 1)]
    return tuple(msgspec.convert(one, Approval) for one in documents if one is not None)


def _stop(docket: Docket, reason: str) -> dict[str, Any]:
    """Nothing was built yet, and nothing will be: every step heeds the drill's `abort.json`."""
    docket.abort(reason)
    raise Aborted(reason)


def _question(docket: Docket) -> str:
    plan, word = docket.plan(), docket.document("word-monitor")
    lost = clock.utc(int(word["first_missed_ns"]))
    own = "" if plan.requester_approves else f" It may not be {plan.requester}, who asked for it."
    return (
        f"The monitor has not reached **{word['name']}** since {lost:%Y-%m-%d %H:%M:%S} UTC.\n\n"
        f"Approving this lets the failover deny the primary in {plan.primary_region} its journal, build a site in "
        f"{plan.dr_region}, recover {len(plan.symbols)} symbols from the journal and move the market's names there. "
        f"It is not undone by itself.\n\n{plan.approvers} different people must approve.{own}"
    )


def _ns(moment: datetime | str) -> int:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (at - EPOCH) // timedelta(microseconds=1) * 1000
