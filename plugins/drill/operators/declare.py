"""declare: a policy declares the disaster on the monitor's word; a human's decision is an assumed budget."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.step import Step


class DeclareOperator(Step):
    """Declares by policy. In a real failover people approve; here their time is added as assumed, drawn and named."""

    phase = "declare"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Record who declared, and what is assumed for the decision that nobody took."""
        plan = docket.plan()
        word = "the timetable: nothing is lost" if plan.planned else "declare on the monitor's word"
        assumed = {"assumed_detection_s": plan.assumed_detection_s} if plan.planned else {}
        return {"by_policy": word, **assumed, "assumed_decision_s": plan.assumed_decision_s}
