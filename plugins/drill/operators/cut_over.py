"""cut_over: open the engines for trading and move every public name to the DR site; an exercise has its own names."""

from __future__ import annotations

from typing import Any

from drill.aws import control, routing
from drill.docket import Docket
from drill.operators.step import Step, Wait
from drill.site_settings import dr_site

OPEN_S = 120


class CutOverOperator(Step):
    """One atomic batch of record sets, after every check on every symbol in scope was green."""

    phase = "cut_over"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Open first, then move the names: nobody finds a closed door."""
        plan, settings = docket.plan(), docket.settings
        control.open_trading(
            docket.home,
            settings.journal_bucket,
            plan.epoch,
            drill=plan.drill_id,
            root=plan.root,
            region=settings.dr_region,
        )
        site = dr_site(settings, plan)
        zone = routing.zone_id(docket.home, site.zone)
        changes = routing.cut_over(docket.home, zone, routing.wanted_targets(site), ttl_s=settings.ttl_s)
        return Wait("site_open", OPEN_S, {"changes": changes})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Read the zone back: what members will resolve is what was wanted."""
        site = dr_site(docket.settings, docket.plan())
        standing = routing.targets(docket.home, routing.zone_id(docket.home, site.zone))
        wanted = routing.wanted_targets(site)
        docket.file("cutover", {**found, "names": {name: standing.get(name, "") for name in wanted}})
        return {"names": sum(standing.get(name) == target for name, target in wanted.items())}
