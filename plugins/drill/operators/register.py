"""register: write down what this drill is going to do, before anything can go well or badly, and arm the injectors."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import msgspec

from drill import clock, records
from drill.aws import fence
from drill.aws.drill_lock import LockHeldError
from drill.core import plan as planning
from drill.core.versions import versions
from drill.docket import Docket
from drill.operators.step import RedResult, Step
from drill.settings import Settings
from drill.site_settings import PRIMARY, PRIMARY_CLUSTERS

PREFLIGHT_S = 30  # the trading window opens after this: preflight must see the exchange before it is lost
FLUSHES = 4  # and when an epoch is that many buffers old: the control is hidden in the middle of its journal
SECOND_NS = 1_000_000_000


class RegisterOperator(Step):
    """Plan, registration in the chain, lock, secret nonce, armed injectors. A malformed parameter is not registered."""

    phase = "register"
    holds_lock = False

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:
        """Register the run's parameters as the plan of this drill."""
        params = {name: value for name, value in dict(context["params"]).items() if value not in (None, "", [])}
        nonce = planning.nonce_of(params) or secrets.token_hex(32)
        trigger = "scheduled" if context["dag_run"].dag_id.endswith("_weekly") else "manual"
        settings = docket.settings
        taken = fence.current(docket.home, settings.journal_bucket, settings.dr_region)
        plan = make(
            docket.drill,
            params,
            settings,
            nonce=nonce,
            requester=_requester(context, named=params.get("purpose", "drill") != "drill"),
            trigger=trigger,
            from_epoch=taken.epoch,
        )
        registered_ns = clock.now_ns()
        window_ns = max(registered_ns + PREFLIGHT_S * SECOND_NS, taken.at_ns + FLUSHES * settings.buffer_s * SECOND_NS)
        loss_ns = None if plan.planned or plan.real else planning.loss_moment_ns(nonce, window_ns, plan.window_s)
        docket.file(
            "registration",
            {
                "plan": msgspec.to_builtins(plan),
                "plan_sha256": plan.sha256(),
                "registered_ns": str(registered_ns),
                "window_ns": str(window_ns),
                "moment_ns": str(window_ns + plan.window_s * SECOND_NS) if plan.planned else None,
                "versions": versions(),
                "configuration": docket.settings.model_dump(exclude={"airflow_password"}),
            },
        )
        # Before the lock: a drill that is refused is on record too.
        records.register(docket)
        self._lock(docket)
        if not plan.real:
            self._arm(docket, plan, nonce, loss_ns)
        return {"plan_sha256": plan.sha256(), "symbols": len(plan.symbols), "blind": plan.blind}

    def _lock(self, docket: Docket) -> None:
        """Take the lock. A drill that met another's is rejected; one that died is taken over, and that is noted."""
        try:
            ended = docket.take_lock()
        except LockHeldError as held:
            docket.event(self.phase, "reject", reason=str(held))
            raise RedResult(str(held)) from None
        if ended is not None:
            text = f"the lease of drill {ended.drill} had ended without its teardown; taken over"
            docket.event(self.phase, "note", text=text)

    def _arm(self, docket: Docket, plan: planning.Plan, nonce: str, loss_ns: int | None) -> None:
        """In an exercise nothing is lost, so only the saboteur is armed."""
        docket.order(
            "arm",
            {
                **({} if loss_ns is None else {"loss_at_ns": str(loss_ns)}),
                "site": PRIMARY,
                "clusters": list(PRIMARY_CLUSTERS),
                "region": plan.primary_region,
                "nonce": nonce,
                "control": True,
                "from_epoch": plan.from_epoch,
                "journal": f"s3://{docket.settings.journal_bucket}/journal/",
                "symbols": list(plan.symbols),
                "test_symbols": list(plan.test_symbols),
            },
        )


def make(
    drill: str,
    params: dict[str, Any],
    settings: Settings,
    *,
    nonce: str,
    requester: str,
    trigger: str = "manual",
    from_epoch: int = 1,
) -> planning.Plan:
    """The plan of these parameters on this exchange; raises BadPlan naming the parameter."""
    return planning.make_plan(
        params,
        drill_id=drill,
        trigger=trigger,
        requester=requester,
        listing=settings.listing,
        test_symbols=settings.test_symbols,
        primary_region=settings.primary_region,
        dr_region=settings.dr_region,
        nonce_sha256=hashlib.sha256(nonce.encode()).hexdigest(),
        from_epoch=from_epoch,
        rehydrate=settings.rehydrate,
        failback=settings.failback,
        requester_approves=settings.requester_approves,
    )


def _requester(context: Any, *, named: bool) -> str:
    """Who triggered the run; `named`: nobody stands in for somebody whom Airflow does not know."""
    return str(getattr(context["dag_run"], "triggering_user_name", None) or ("" if named else "operator"))
