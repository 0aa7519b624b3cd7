"""tear_down: the sabotage is undone, the DR site is deleted, the lock is released. Runs after any failure."""

from __future__ import annotations

from typing import Any

from drill.aws import control, fence, routing
from drill.docket import Docket
from drill.operators.preflight import production_names
from drill.operators.step import RedResult, Step, Wait
from drill.site_settings import PRIMARY, dr_site, primary_site

REVEAL_S = 45
DELETE_S = 600
GONE = Wait("site_gone", DELETE_S, then="deleted")


def _delete(docket: Docket) -> Wait:
    """The site goes, unless the exchange lives there: a failback that failed must not end in no exchange at all.

    Nor in a frozen one, where what carried it out died after the freeze.
    """
    if _is_home(docket):
        plan, settings = docket.plan(), docket.settings
        control.thaw(docket.home, settings.journal_bucket, plan.epoch, region=settings.dr_region)
        site = plan.site
        raise RedResult(f"the exchange trades at {site}: the site stays until it has gone home (DAG dr_failback)")
    return GONE


def _is_home(docket: Docket) -> bool:
    """Whether this drill's site is the exchange's only one: it was to go home, and did not."""
    plan, settings = docket.plan(), docket.settings
    if not plan.failback:
        return False
    place = (docket.home, settings.journal_bucket)
    newest = fence.current(*place, settings.dr_region)
    return newest.site == plan.site and bool(control.opened(*place, plan.epoch, region=settings.dr_region))


class TearDownOperator(Step):
    """Leaves the account as it was before the build: primary and evidence excepted."""

    phase = "tear_down"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:  # noqa: ARG002
        """Stop the injectors, undo the control, ask for the secrets."""
        if docket.rejected() or docket.document("registration") is None:
            docket.free_lock()
            return {"nothing": "was let in, so nothing was built"}
        if docket.plan().homecoming:
            return _delete(docket)
        if docket.plan().real:
            return {"nothing": f"is torn down after a real failover: {docket.plan().site} stays"}
        docket.order("restore")
        docket.order("close")
        return Wait("word_said", REVEAL_S, {"word": "reveal"}, then="revealed")

    def overdue(self, docket: Docket, then: str, text: str) -> Wait | dict[str, Any]:
        """Without a reveal the control is unproven, but the site must go all the same."""
        if then != "revealed":
            raise RedResult(text)
        docket.event(self.phase, "note", text=f"no reveal: {text}")
        return _delete(docket)

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> Wait | dict[str, Any]:
        """First the reveal, then the stacks."""
        if then == "revealed":
            docket.file("word-reveal", found)
            return _delete(docket)
        if "failed" in found:
            raise RedResult(found["failed"])
        docket.file("teardown", {"site": docket.plan().site, "region": docket.plan().dr_region})
        self._release(docket)
        return {"site": docket.plan().site}

    def _release(self, docket: Docket) -> None:
        """Withdraw the go-aheads, lift the fence, point the names back. The epoch stays taken."""
        plan, settings = docket.plan(), docket.settings
        if plan.planned:
            self._release_exercise(docket)
            return
        control.withdraw(docket.home, settings.journal_bucket, plan.epoch, region=settings.dr_region)
        fence.lift(docket.home, PRIMARY)
        primary = primary_site(settings)
        zone = routing.zone_id(docket.home, primary.zone)
        routing.cut_over(docket.home, zone, routing.wanted_targets(primary), ttl_s=settings.ttl_s)

    @staticmethod
    def _release_exercise(docket: Docket) -> None:
        """Take the exercise's own orders and names away, and show that production's names were left alone."""
        plan, settings = docket.plan(), docket.settings
        bucket, region = settings.journal_bucket, settings.dr_region
        control.withdraw(docket.home, bucket, plan.epoch, root=plan.root, region=region)
        control.unmark(docket.home, bucket, plan.from_epoch, drill=plan.drill_id, region=region)
        site = dr_site(settings, plan)
        routing.withdraw(docket.home, routing.zone_id(docket.home, site.zone), routing.wanted_targets(site))
        before = docket.document("names-before")
        if before is not None:
            docket.file("names", {"before": before["names"], "after": production_names(docket)})
