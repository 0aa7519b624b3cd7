"""drain: the last confirmed records may still sit in Firehose; wait until every stream's delivery has caught up."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.step import Step, Wait

DRAIN_S = 1200


class DrainOperator(Step):
    """Waits by the streams' own DataFreshness: nothing put before the fence may be undelivered."""

    phase = "drain"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """After the fence nothing more is confirmed, so what was put before it is all there is.

        In an exercise production goes on: what must have arrived is what was confirmed up to the recovery points.
        """
        mark = docket.document("mark")
        if mark is None:
            return Wait("journal_drained", DRAIN_S, {"since_ns": docket.document("fence")["at_ns"]})
        committed = max(int(point["committed_ns"]) for point in mark["symbols"].values())
        return Wait("journal_drained", DRAIN_S, {"since_ns": str(committed)})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File how long it took and which streams published nothing."""
        docket.file("drain", found)
        return {"streams": found["streams"], "silent": len(found["silent"])}
