"""The trigger of a step that waits for a person: keeps the drill alive until somebody has answered."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from drill.docket import Docket
from drill.triggers.condition import ConditionTrigger
from drill.triggers.state import State


class ApprovalTrigger(ConditionTrigger):
    """Waits for the answer to the required action of task instance `ti_id`; its events are ConditionTrigger's.

    Mostly it never sees one: Airflow's API resumes the task with the answer itself. It finds what was answered in the
    moment between the question and the deferral, and meanwhile renews the drill's lock and heeds an abort.
    """

    def __init__(self, *, drill: str, step: str, timeout_s: int, ti_id: str, interval_ms: int = 1000) -> None:
        super().__init__(
            drill=drill,
            step=step,
            condition="answered",
            arguments={"ti_id": ti_id},
            timeout_s=timeout_s,
            interval_ms=interval_ms,
        )
        self.ti_id = ti_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, all plain JSON."""
        named = ("drill", "step", "timeout_s", "ti_id", "interval_ms")
        return "drill.triggers.approval.ApprovalTrigger", {name: getattr(self, name) for name in named}

    async def look(self, docket: Docket) -> State:  # noqa: ARG002 - the answer is Airflow's to know
        """Ask Airflow whether somebody has answered."""
        from uuid import UUID  # noqa: PLC0415 - beside the import that it is for

        from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail  # noqa: PLC0415 - needs a triggerer

        # The supervisor is spoken to through the triggerer's event loop, which asgiref knows and asyncio.to_thread not.
        detail = await sync_to_async(get_hitl_detail_content_detail)(ti_id=UUID(self.ti_id))
        user = detail.responded_by_user
        if not (detail.response_received and detail.chosen_options and detail.responded_at):
            text = "REAL FAILOVER, waits for a person: Airflow, Required Actions, Approve or Reject"
            return State(done=False, text=text)
        found = {
            "chosen_options": list(detail.chosen_options),
            "responded_by_user": None if user is None else {"id": user.id, "name": user.name},
            "responded_at": detail.responded_at.isoformat(),
        }
        return State(done=True, text="answered", found=found)
