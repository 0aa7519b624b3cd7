"""verdict: the pure function of the raw evidence, and its filing."""

from __future__ import annotations

from typing import Any

import msgspec

from drill.core.verdict import judge
from drill.docket import Docket
from drill.operators.step import Step


class JudgeOperator(Step):
    """Reads all raw evidence back from the store and judges it. What the steps thought plays no part."""

    phase = "verdict"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Judge and file the verdict; it is no input of any later judgement."""
        verdict = judge(docket.evidence())
        docket.put("verdict.json", msgspec.json.encode(verdict))
        return {"outcome": verdict.outcome, "rules": [ruling.rule for ruling in verdict.rulings]}
