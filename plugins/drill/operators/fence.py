"""fence: keep the old epoch from the journal before anybody reads it: deny, take the epoch, prove it by an attempt.

An exercise fences nothing live. It takes an epoch in its own control folder, and proves the fence on its own site: the
DR engines' role, which has nothing to write yet, is denied, refused by a real attempt, and let go again.
"""

from __future__ import annotations

from typing import Any

from drill import clock
from drill.aws import assume, fence
from drill.docket import Docket
from drill.operators.step import RedResult, Step, Wait
from drill.site_settings import PRIMARY, dr_site
from templates.settings import engine_role_name, stream_name

ROLE_S = 600


class FenceOperator(Step):
    """An explicit deny for the old epoch's role, and the epoch record that ends its lease."""

    phase = "fence"

    def start(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:  # noqa: ARG002
        """Fence, then try to write with the old epoch's own role: it must be refused."""
        plan, settings = docket.plan(), docket.settings
        wanted = fence.Epoch(epoch=plan.epoch, site=plan.site, environment=plan.environment, at_ns=clock.now_ns())
        if plan.planned:
            fence.take_epoch(docket.home, settings.journal_bucket, settings.dr_region, wanted, root=plan.root)
            return Wait("role_stands", ROLE_S)
        fence.deny(docket.home, PRIMARY)
        taken = fence.take_epoch(docket.home, settings.journal_bucket, settings.dr_region, wanted)
        streams = [stream_name(symbol, plan.from_epoch) for symbol in (*plan.symbols, *plan.test_symbols)]
        self._prove(docket, PRIMARY, streams, fence.NO_STREAM)
        docket.file("fence", {"at_ns": str(clock.now_ns()), "epoch": taken.epoch, "role": engine_role_name(PRIMARY)})
        return {"epoch": taken.epoch, "streams": len(streams)}

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The exercise's own role is there: fence it, see it refused, and lift the fence before the site opens."""
        if "failed" in found:
            raise RedResult(found["failed"])
        plan = docket.plan()
        site = dr_site(docket.settings, plan)
        streams = [site.stream(symbol) for symbol in site.symbols]
        fence.deny(docket.home, plan.site)
        try:
            self._prove(docket, plan.site, streams, f"{fence.NO_STREAM}{site.stream_suffix}")
        finally:
            fence.lift(docket.home, plan.site)
        role = engine_role_name(plan.site)
        docket.file("fence", {"at_ns": str(clock.now_ns()), "epoch": plan.epoch, "role": role, "lifted": True})
        return {"epoch": plan.epoch, "streams": len(streams)}

    @staticmethod
    def _prove(docket: Docket, site: str, streams: list[str], stream: str) -> None:
        """By a real attempt with the role's own credentials, and by IAM's evaluation for every stream."""
        settings, role = docket.settings, engine_role_name(site)
        fenced = assume.engine_role(docket.home, settings.account, role, settings.dr_region)
        if not fence.refused(fenced, settings.dr_region, stream):
            raise RedResult(f"the fence does not hold: {role} may still put to the journal")
        still = fence.allowed(docket.home, site, streams, settings.dr_region)
        if still:
            raise RedResult(f"the fence does not hold: {still[0]} and {len(still) - 1} more streams are still allowed")
