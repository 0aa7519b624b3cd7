"""full_load: the exchange trades at the DR site at its full rate, and the members hand over what they saw."""

from __future__ import annotations

from typing import Any

import msgspec

from drill import clock
from drill.aws import fleet
from drill.core import captures, impact
from drill.docket import Docket
from drill.operators.collect_captures import HANDOVER_S, WARM_UP_NS, document, read_captures
from drill.operators.step import Step, Wait

SETTLE_S = 2  # commands still in flight when the load's time is up are answered before the captures are taken


class FullLoadOperator(Step):
    """Lets `load_s` seconds of full load pass at the DR site, then collects the captures of the new epoch."""

    phase = "full_load"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """The members trade by themselves; nothing is done but waiting."""
        load_s = docket.plan().load_s + SETTLE_S
        until = clock.now_ns() + load_s * 1_000_000_000
        return Wait("elapsed", load_s + 60, {"until_ns": str(until), "what": "full load at the DR site"}, then="loaded")

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> Wait | dict[str, Any]:
        """After the load: ask for the captures, in an exercise production's too; after each handover: read it."""
        plan = docket.plan()
        if then == "loaded":
            docket.order("handover", {"name": "final", "environment": plan.environment})
            return Wait("word_said", HANDOVER_S, {"word": "handover-final"}, then="handed over")
        if then == "production":
            return self._production(docket, found)
        summary = self._at_dr_site(docket, found)
        if not plan.planned:
            return summary
        docket.order("handover", {"name": "production"})
        return Wait("word_said", HANDOVER_S, {"word": "handover-production"}, then="production")

    @staticmethod
    def _at_dr_site(docket: Docket, found: dict[str, Any]) -> dict[str, Any]:
        plan = docket.plan()
        stopped = fleet.tasks(docket.sessions(plan.dr_region), plan.site, plan.dr_region, stopped=True)
        docket.file(
            "restarts", {"tasks": [{"service": task.service, "reason": task.stopped_reason} for task in stopped]}
        )
        recovered = docket.document("recovered")["symbols"]
        starts = {symbol: int(row["seq"]) for symbol, row in recovered.items()}
        captured = read_captures(docket, found, plan.epoch, starts)
        performance = captures.performance(captured, warm_up_ns=WARM_UP_NS)
        docket.file("acked-dr", document(captured, performance, found["prefix"]))
        return {"acknowledged": captured.acknowledged, "p99_us": performance.p99_us}

    @staticmethod
    def _production(docket: Docket, found: dict[str, Any]) -> dict[str, Any]:
        """What the exercise did to production, from the members' own captures; over the limit it is to stop."""
        plan = docket.plan()
        began_ns = int(docket.document("registration")["registered_ns"])
        measured = impact.impact(
            read_captures(docket, found, plan.from_epoch), began_ns=began_ns, ended_ns=int(found["at_ns"])
        )
        docket.file("production", msgspec.to_builtins(measured))
        before, during = measured.before, measured.during
        return {
            "p99_before_us": before.p99_us,
            "n_before": before.n,
            "p99_during_us": during.p99_us,
            "n_during": during.n,
        }
