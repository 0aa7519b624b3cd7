"""The trigger of every waiting step: polls a named condition until it holds, times out, or the drill is aborted."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from drill import blast_radius, clock
from drill.aws.drill_lock import RENEW_NS
from drill.docket import Docket
from drill.settings import Settings
from drill.triggers import conditions
from drill.triggers.state import State

PROGRESS_NS = 1_000_000_000
LOOKS_PER_QUESTION = 4  # whether the drill was aborted is asked once a second
# LocalExecutor reports that a task has deferred up to a second late. A task that is resumed before that report has
# been read is taken for one that was killed, and started again: so no wait ends earlier than this.
SETTLE_NS = 2_000_000_000


async def _settle(began_ns: int) -> None:
    await asyncio.sleep(max(0, began_ns + SETTLE_NS - clock.mono_ns()) / 1e9)


class ConditionTrigger(BaseTrigger):
    """Polls `drill.triggers.conditions.CONDITIONS[condition](docket, **arguments)` every `interval_ms`.

    Its event is {"state": "met", "found": {...}}, {"state": "timeout", "text"}, {"state": "aborted", "text"}, or
    {"state": "error", "text"} where looking failed: a trigger that raised would leave the step without a record.
    Conditions are read-only and idempotent, so a triggerer that dies may start again anywhere.
    """

    def __init__(
        self,
        *,
        drill: str,
        step: str,
        condition: str,
        arguments: dict[str, Any],
        timeout_s: int,
        interval_ms: int = 250,
        heeds_abort: bool = True,
    ) -> None:
        super().__init__()
        self.drill = drill
        self.step = step
        self.condition = condition
        self.arguments = arguments
        self.timeout_s = timeout_s
        self.interval_ms = interval_ms
        self.heeds_abort = heeds_abort

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, all plain JSON."""
        return (
            "drill.triggers.condition.ConditionTrigger",
            {
                "drill": self.drill,
                "step": self.step,
                "condition": self.condition,
                "arguments": self.arguments,
                "timeout_s": self.timeout_s,
                "interval_ms": self.interval_ms,
                "heeds_abort": self.heeds_abort,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll off the event loop; one event ends it."""
        began = clock.mono_ns()
        try:
            ended = await self._poll(began + self.timeout_s * 1_000_000_000)
        except Exception as error:  # noqa: BLE001 - whatever it is, the step records it and fails
            ended = {"state": "error", "text": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        await _settle(began)
        yield TriggerEvent(ended)

    async def _poll(self, deadline: int) -> dict[str, Any]:
        docket = await asyncio.to_thread(self._open)
        renew_at = 0
        told, told_at, state = "", 0, State(done=False, text="not looked yet")
        for look in itertools.count():
            if clock.mono_ns() >= deadline:
                break
            asks = self.heeds_abort and look % LOOKS_PER_QUESTION == 0
            reason = await asyncio.to_thread(docket.aborted) if asks else None
            if reason is None and clock.mono_ns() >= renew_at:
                renew_at = clock.mono_ns() + RENEW_NS
                lost = await asyncio.to_thread(docket.keep_lock)
                reason = (lost or await asyncio.to_thread(blast_radius.look, docket)) if self.heeds_abort else None
            if reason is not None:
                return {"state": "aborted", "text": reason}
            state = await self.look(docket)
            if state.done:
                await asyncio.to_thread(docket.event, self.step, "met", by="triggerer")
                return {"state": "met", "found": state.found}
            if state.text != told and clock.mono_ns() - told_at > PROGRESS_NS:
                told, told_at = state.text, clock.mono_ns()
                await asyncio.to_thread(docket.event, self.step, "progress", by="triggerer", text=told)
            await asyncio.sleep(self.interval_ms / 1000)
        return {"state": "timeout", "text": f"after {self.timeout_s} s: {state.text}"}

    async def look(self, docket: Docket) -> State:
        """One look at the condition, off the event loop."""
        return await asyncio.to_thread(conditions.CONDITIONS[self.condition], docket, **self.arguments)

    def _open(self) -> Docket:
        from drill.aws.sessions import default_session  # noqa: PLC0415 - boto3 is slow to import

        return Docket(self.drill, Settings(), default_session)
