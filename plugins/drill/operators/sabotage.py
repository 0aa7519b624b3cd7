"""sabotage: between drain and replay the saboteur does what the secret nonce says; nobody here knows what."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.step import RedResult, Step, Wait

SABOTAGE_S = 60


def recovery_points(docket: Docket) -> dict[str, int]:
    """Last seq of each symbol that a planned exercise looks at; nothing for a loss."""
    mark = docket.document("mark")
    return {symbol: int(point["seq"]) for symbol, point in mark["symbols"].items()} if mark else {}


class SabotageOperator(Step):
    """Gives the saboteur the word to begin and waits until it is done. The details are revealed at the close."""

    phase = "sabotage"

    def start(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:  # noqa: ARG002
        """The journal is complete now, and no recovering engine has read it yet."""
        if docket.plan().real:
            return {"nothing": "is sabotaged in a real failover"}
        docket.order("sabotage", {"recovery_points": recovery_points(docket)})
        return Wait("word_said", SABOTAGE_S, {"word": "sabotage"})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File the word: how many sabotages were applied, nothing more."""
        docket.file("word-sabotage", found)
        if "error" in found:
            raise RedResult(f"the saboteur could not do it: {found['error']}")
        return {"applied": found["applied"]}
