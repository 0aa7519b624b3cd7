"""objectives: the recovery objectives as expectations, a row per symbol, once everybody trades again."""

from __future__ import annotations

from typing import Any

from drill.core.timeline import recovery_times
from drill.docket import Docket
from drill.operators.step import Step

MS_NS = 1_000_000


class ObjectivesOperator(Step):
    """Evaluates each symbol's recovery time, assumed decision included, against the objective."""

    phase = "objectives"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """One row per symbol in scope; a symbol that did not trade again has no time and fails."""
        from expectations.validate import objectives  # noqa: PLC0415 - Great Expectations costs 6 s and 240 MB

        plan, times = docket.plan(), recovery_times(docket.evidence(leave_out=("acked-seqs", "validation")))
        rows = [
            {
                "symbol": symbol,
                "elapsed_ms": _milliseconds(times.by_symbol.get(symbol), times.assumed_ns),
                "objective_ms": plan.rto_objective_s * 1000,
            }
            for symbol in plan.symbols
        ]
        record = objectives(rows).record()
        checks = [{**result, "expectation": result["check"]} for result in record["results"]]
        docket.file("objectives", {"declared": record["declared"], "evaluated": record["evaluated"], "checks": checks})
        return {"declared": record["declared"], "evaluated": record["evaluated"]}


def _milliseconds(elapsed_ns: int | None, assumed_ns: int) -> int | None:
    return None if elapsed_ns is None else -(-(elapsed_ns + assumed_ns) // MS_NS)
