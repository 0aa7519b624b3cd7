"""loss: the site is lost at the committed moment. The DAG does nothing; it waits for the monitor's word."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.register import PREFLIGHT_S
from drill.operators.step import RedResult, Step, Wait

GRACE_S = 120


class AwaitLossOperator(Step):
    """Waits until the monitor, which knows a name and nothing else, says that the exchange is gone."""

    phase = "loss"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Wait no longer than the trading window allows."""
        since = docket.document("registration")["registered_ns"]
        timeout = PREFLIGHT_S + docket.plan().window_s + GRACE_S
        return Wait("site_lost", timeout, {"since_ns": since})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File both words as they were said."""
        if "error" in found["loss"]:
            raise RedResult(f"the injector could not take the site: {found['loss']['error']}")
        docket.file("word-loss", found["loss"])
        docket.file("word-monitor", found["monitor"])
        return {"detected_ns": found["monitor"]["at_ns"], "tasks": len(found["loss"]["tasks"])}
