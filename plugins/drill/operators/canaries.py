"""canaries: one pair of orders per symbol from outside, through the public names."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.step import Step, Wait
from drill.site_settings import dr_site

CANARIES_S = 90


class CanariesOperator(Step):
    """Orders the canary pairs and files per symbol when they were acknowledged, matched and printed."""

    phase = "canaries"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """All symbols in scope at once."""
        plan = docket.plan()
        own = {"name": f"exchange.{dr_site(docket.settings, plan).domain}", "environment": plan.environment}
        docket.order("canary", {"symbols": list(plan.symbols), **(own if plan.planned else {})})
        return Wait("word_said", CANARIES_S, {"word": "canary"})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """A symbol without its three marks is the verdict's business; here it is only counted."""
        docket.file("word-canary", found)
        symbols = found["symbols"]
        return {"symbols": len(symbols), "errors": sum("error" in marks for marks in symbols.values())}
