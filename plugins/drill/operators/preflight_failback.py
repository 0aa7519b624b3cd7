"""preflight, of dr_failback: does the exchange trade where it is to leave from? And what must the account look like?"""

from __future__ import annotations

from typing import Any

from drill.aws import evidence_store, fence, fleet
from drill.docket import Docket
from drill.operators.step import RedResult, Step

BEFORE = "inventory-before.json"


class PreflightFailbackOperator(Step):
    """Nothing is frozen unless the site that is left trades in good health.

    The inventory is the failover's own, from before it built anything: that is how the account is to be in the end.
    """

    phase = "preflight"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Every check is recorded; the first that does not hold stops the way home."""
        plan, settings = docket.plan(), docket.settings
        evidence_store.require_lock(docket.home, settings.evidence_bucket, region=settings.dr_region)
        newest = fence.current(docket.home, settings.journal_bucket, settings.dr_region)
        tasks = fleet.engines(docket.sessions(plan.dr_region), plan.site, plan.dr_region)
        answers = fleet.probe_all(task.address for task in tasks).values()
        opened = [one for one in answers if isinstance(one, fleet.EngineStatus) and one.state == "open"]
        members = docket.word("members/latest.json") or {}
        before = Docket(plan.of, settings, docket.sessions).find(BEFORE)
        checks = {
            "the exchange trades at the failover's site": (
                (newest.epoch, newest.site) == (plan.epoch, plan.site),
                f"epoch {newest.epoch} belongs to {newest.site}; expected epoch {plan.epoch} at {plan.site}",
            ),
            "every engine of the site is open": (
                bool(tasks) and len(opened) == len(tasks),
                f"{len(opened)} of {len(tasks)} tasks answer that they are open",
            ),
            "members trade": (int(members.get("connected", 0)) > 0, "no member is connected to the exchange"),
            "the failover took an inventory": (before is not None, f"{plan.of} filed none"),
        }
        facts = {"rate": int(members.get("rate", 0)), "builds": sorted({one.build for one in opened})}
        if before is not None:
            docket.put(BEFORE, before)
        docket.file("preflight", {"checks": {name: held for name, (held, _) in checks.items()}, **facts})
        for name, (held, found) in checks.items():
            if not held:
                raise RedResult(f"{name}: {found}")
        return {"checks": len(checks), "engines": len(tasks), **facts}
