"""rehydrate: the fresh engines replay the journal of the lost epoch."""

from __future__ import annotations

from typing import Any

from drill.aws import control
from drill.docket import Docket
from drill.operators.sabotage import recovery_points
from drill.operators.step import Step, Wait

REHYDRATE_S = 1800


class RehydrateOperator(Step):
    """Gives the engines their go-ahead and waits until each symbol's recovery ended, well or badly."""

    phase = "rehydrate"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Write the go-ahead; engines poll for it."""
        plan = docket.plan()
        bucket, region = docket.settings.journal_bucket, docket.settings.dr_region
        control.recover(
            docket.home,
            bucket,
            plan.epoch,
            from_epoch=plan.from_epoch,
            drill=plan.drill_id,
            rehydrate=plan.rehydrate,
            recovery_points=recovery_points(docket),
            root=plan.root,
            region=region,
        )
        symbols = [*plan.symbols, *plan.test_symbols]
        return Wait("symbols_recovered", REHYDRATE_S, {"epoch": plan.epoch, "symbols": symbols})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File what every engine said of its recovery. Damage is judged by validation and verdict, not here."""
        docket.file("recovered", found)
        rows = found["symbols"].values()
        return {
            "symbols": sum(row["status"] == "recovered" for row in rows),
            "damaged": sum(row["status"] != "recovered" for row in rows),
            "commands": sum(row["commands"] for row in rows),
        }
