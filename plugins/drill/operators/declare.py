"""declare: a policy declares the disaster on the monitor's word, or people do, in a real failover."""

from __future__ import annotations

from typing import Any

from drill.core import approvals
from drill.docket import Docket
from drill.operators.approve import filed
from drill.operators.step import Aborted, Step


class DeclareOperator(Step):
    """In a real failover people approve, and their time is measured; in a drill it is assumed, drawn and named."""

    phase = "declare"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Record who declared, and what is assumed for the decision that nobody took."""
        plan = docket.plan()
        if plan.real:
            return self._by_people(docket)
        word = "the timetable: nothing is lost" if plan.planned else "declare on the monitor's word"
        assumed = {"assumed_detection_s": plan.assumed_detection_s} if plan.planned else {}
        return {"by_policy": word, **assumed, "assumed_decision_s": plan.assumed_decision_s}

    @staticmethod
    def _by_people(docket: Docket) -> dict[str, Any]:
        """Look again at what was approved: somebody may have marked the steps before as done."""
        answers = filed(docket)
        short = approvals.shortfall(docket.plan(), answers)
        if short is not None:
            docket.abort(short)
            raise Aborted(short)
        return {"by_people": [answer.user for answer in answers], "assumed_decision_s": 0}
