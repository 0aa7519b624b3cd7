"""inventory: after the teardown the account must be as before the build; every service is asked."""

from __future__ import annotations

from typing import Any

import msgspec

from drill import clock
from drill.aws import inventory, sites
from drill.docket import Docket
from drill.operators.preflight import everywhere
from drill.operators.step import RedResult, Step
from drill.site_settings import PRIMARY


class InventoryOperator(Step):
    """Compares the account with the snapshot of preflight."""

    phase = "inventory"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """What is there now and was not there before is an orphan; then the next drill may begin.

        Not earlier: a next drill's site would be an orphan of this one. A site that did not go keeps the lock.
        """
        registered = not docket.rejected() and docket.document("registration") is not None
        if registered and docket.plan().failover:
            docket.free_lock()
            return {"nothing": "is to be as before a real failover"}
        try:
            return self._compare(docket)
        finally:
            if docket.document("teardown") is not None:
                docket.free_lock()

    @staticmethod
    def _compare(docket: Docket) -> dict[str, Any]:
        taken = docket.find("inventory-before.json")
        if taken is None:
            raise RedResult("no inventory was taken before the build, so there is nothing to compare with")
        before = inventory.decode(taken)
        after = inventory.snapshot(docket.home, before.regions, services=before.services)
        orphans = inventory.orphans(docket.home, before, after)
        if docket.document("failback") is not None:  # the primary was built anew: it is what it should be
            places = everywhere(docket.plan(), docket.settings)  # of a real failover it was not asked for, being lost
            orphans = sites.without(docket.home, orphans, PRIMARY, places)
        docket.file(
            "inventory",
            {
                "at_ns": str(clock.now_ns()),
                "services": len(after.services),
                "asked": len(after.answered),
                "blind": [f"{asked.service}:{asked.operation}" for asked in inventory.blind(before, after)],
                "before": _by_service(before),
                "after": _by_service(after),
                "orphans": [msgspec.to_builtins(orphan) for orphan in orphans],
            },
        )
        return {"services": len(after.services), "resources": len(after.resources), "orphans": len(orphans)}


def _by_service(taken: inventory.Snapshot) -> dict[str, int]:
    counts: dict[str, int] = {}
    for resource in taken.resources:
        counts[resource.service] = counts.get(resource.service, 0) + 1
    return counts
