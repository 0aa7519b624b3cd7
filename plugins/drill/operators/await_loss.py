"""loss: the site is lost at the committed moment. In an exercise nothing is: production marks its recovery point."""

from __future__ import annotations

from typing import Any

from drill import clock
from drill.aws import control
from drill.docket import Docket
from drill.operators.register import SECOND_NS
from drill.operators.step import Aborted, RedResult, Step, Wait

GRACE_S = 120
MONITOR_S = 30  # six of the monitor's words: it says every five seconds what it sees


class AwaitLossOperator(Step):
    """Waits until the monitor, which knows a name and nothing else, says that the exchange is gone.

    A planned exercise asks production's engines for a mark at the registered moment and waits until each symbol's is
    in the journal; they trade on. A real failover begins after the loss: the monitor's present word decides.
    """

    phase = "loss"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Wait no longer than the trading window allows."""
        plan, settings, registration = docket.plan(), docket.settings, docket.document("registration")
        if plan.real:
            return Wait("monitor_down", MONITOR_S, {"since_ns": registration["registered_ns"]}, then="gone")
        opens_in_s = max(0, int(registration["window_ns"]) - clock.now_ns()) // SECOND_NS
        timeout = opens_in_s + plan.window_s + GRACE_S
        if not plan.planned:
            return Wait("site_lost", timeout, {"since_ns": registration["registered_ns"]})
        control.mark(
            docket.home,
            settings.journal_bucket,
            plan.from_epoch,
            drill=plan.drill_id,
            at_ns=int(registration["moment_ns"]),
            region=settings.dr_region,
        )
        return Wait("point_marked", timeout, {"symbols": [*plan.symbols, *plan.test_symbols]}, then="marked")

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:
        """File the words as they were said."""
        if then == "gone":
            docket.file("word-monitor", found["monitor"])
            return {"detected_ns": found["monitor"]["at_ns"]}
        return self._marked(docket, found) if then == "marked" else self._lost(docket, found)

    def overdue(self, docket: Docket, then: str, text: str) -> Wait | dict[str, Any]:
        """A failover of an exchange that the monitor reaches is none; a loss that nobody sees is a failed drill."""
        if then != "gone":
            return super().overdue(docket, then, text)
        reason = f"the exchange is not lost: {text}"
        docket.abort(reason)
        raise Aborted(reason)

    @staticmethod
    def _lost(docket: Docket, found: dict[str, Any]) -> dict[str, Any]:
        if "error" in found["loss"]:
            raise RedResult(f"the injector could not take the site: {found['loss']['error']}")
        docket.file("word-loss", found["loss"])
        docket.file("word-monitor", found["monitor"])
        return {"detected_ns": found["monitor"]["at_ns"], "tasks": len(found["loss"]["tasks"])}

    @staticmethod
    def _marked(docket: Docket, found: dict[str, Any]) -> dict[str, Any]:
        halted = sorted(symbol for symbol, point in found["symbols"].items() if point["halted"])
        if halted:
            raise RedResult(
                f"{', '.join(halted[:5])} does not trade ({len(halted)} symbols): there is no point to mark"
            )
        docket.file("mark", {"ordered_ns": docket.document("registration")["moment_ns"], **found})
        return {"symbols": len(found["symbols"])}
