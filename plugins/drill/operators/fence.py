"""fence: keep the old epoch from the journal before anybody reads it: deny, take the epoch, prove it by an attempt."""

from __future__ import annotations

from typing import Any

from drill import clock
from drill.aws import assume, fence
from drill.docket import Docket
from drill.operators.step import RedResult, Step
from drill.site_settings import PRIMARY
from templates.settings import engine_role_name, stream_name


class FenceOperator(Step):
    """An explicit deny for the old epoch's role, and the epoch record that ends its lease."""

    phase = "fence"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Fence, then try to write with the old epoch's own role: it must be refused."""
        plan, settings = docket.plan(), docket.settings
        fence.deny(docket.home, PRIMARY)
        wanted = fence.Epoch(epoch=plan.epoch, site=plan.site, environment="LIVE", at_ns=clock.now_ns())
        taken = fence.take_epoch(docket.home, settings.journal_bucket, settings.dr_region, wanted)
        old = assume.engine_role(docket.home, settings.account, engine_role_name(PRIMARY), settings.dr_region)
        if not fence.refused(old, settings.dr_region):
            raise RedResult(f"the fence does not hold: {engine_role_name(PRIMARY)} may still put to the journal")
        streams = [stream_name(symbol, plan.from_epoch) for symbol in (*plan.symbols, *plan.test_symbols)]
        still = fence.allowed(docket.home, PRIMARY, streams, settings.dr_region)
        if still:
            raise RedResult(f"the fence does not hold: {still[0]} and {len(still) - 1} more streams are still allowed")
        docket.file("fence", {"at_ns": str(clock.now_ns()), "epoch": taken.epoch, "role": engine_role_name(PRIMARY)})
        return {"epoch": taken.epoch, "streams": len(streams)}
