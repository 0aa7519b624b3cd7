"""register, of dr_failback: write down which real failover is to be undone, before anything is touched."""

from __future__ import annotations

from typing import Any

import msgspec

from drill import clock, records
from drill.aws import evidence_store, fence
from drill.core.bad_plan import BadPlan
from drill.core.homecoming import way_home
from drill.core.plan import Plan, site_of
from drill.core.versions import versions
from drill.docket import Docket
from drill.operators.register import RegisterOperator
from drill.site_settings import PRIMARY


class RegisterFailbackOperator(RegisterOperator):
    """The failover's plan, as its way home: the same epochs, sites and symbols, another id, requester and objective."""

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:
        """Register and take the lock; raises BadPlan where the exchange is not where a real failover took it."""
        params = {name: value for name, value in dict(context["params"]).items() if value not in (None, "")}
        plan = way_home(
            _failover(docket),
            drill_id=docket.drill,
            requester=str(getattr(context["dag_run"], "triggering_user_name", None) or ""),
            rto_objective_s=int(params["rto_objective_s"]),
        )
        docket.file(
            "registration",
            {
                "plan": msgspec.to_builtins(plan),
                "plan_sha256": plan.sha256(),
                "registered_ns": str(clock.now_ns()),
                "moment_ns": None,
                "versions": versions(),
                "configuration": docket.settings.model_dump(exclude={"airflow_password"}),
            },
        )
        records.register(docket)
        self._lock(docket)
        return {"plan_sha256": plan.sha256(), "failover": plan.of, "from_epoch": plan.epoch, "epoch": plan.home_epoch}


def _failover(docket: Docket) -> Plan:
    """The plan of the real failover at whose site the exchange trades."""
    settings = docket.settings
    newest = fence.current(docket.home, settings.journal_bucket, settings.dr_region)
    if newest.site == PRIMARY:
        msg = f"dr_failback: epoch {newest.epoch} belongs to {PRIMARY}: the exchange is at home, nothing comes back"
        raise BadPlan(msg)
    known = evidence_store.drills(docket.home, settings.evidence_bucket, region=settings.dr_region)
    for drill in known:
        if site_of(drill) == newest.site:
            other = Docket(drill, settings, docket.sessions)
            if other.document("registration") is not None and other.plan().failover:
                return other.plan()
    msg = f"dr_failback: epoch {newest.epoch} belongs to {newest.site}, which no real failover built; a drill clears up"
    raise BadPlan(msg)
