"""preflight: is there an exchange to lose, can everything be reached, and is the account clean? Before the loss."""

from __future__ import annotations

from typing import Any

from drill import blast_radius, clock
from drill.aws import control, evidence_store, fence, fleet, inventory, routing, sites, stacks
from drill.core.plan import Plan
from drill.docket import Docket
from drill.operators.step import RedResult, Step
from drill.settings import Settings
from drill.site_settings import PRIMARY, dr_site
from drill.triggers.conditions import regions
from templates.settings import ZONE

STANDBY_S = 30


def everywhere(plan: Plan, settings: Settings) -> list[str]:
    """Every region that the exchange uses: an orphan may lie in the primary's as well."""
    return sorted({plan.primary_region, plan.dr_region, settings.dr_region})


class PreflightOperator(Step):
    """Checks what a drill rests on and takes the inventory that the teardown is compared with."""

    phase = "preflight"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Every check is recorded; the first that does not hold stops the drill with what to do."""
        plan, settings = docket.plan(), docket.settings
        if plan.real:
            return self._real(docket)
        site = dr_site(settings, plan)
        evidence_store.require_lock(docket.home, settings.evidence_bucket, region=settings.dr_region)
        left = sites.standing_refs(docket.sessions(plan.dr_region), site.site, regions(settings, plan))
        engines = fleet.engines(docket.sessions(settings.primary_region), PRIMARY, settings.primary_region)
        answers = fleet.probe_all(task.address for task in engines)
        opened = [one for one in answers.values() if isinstance(one, fleet.EngineStatus) and one.state == "open"]
        members = docket.word("members/latest.json") or {}
        newest = fence.current(docket.home, settings.journal_bucket, settings.dr_region)
        checks = {
            "no stack of this drill stands": (not left, f"{left[:1]}; run `python -m drill clean`"),
            "every engine of the primary is open": (
                bool(engines) and len(opened) == len(engines),
                f"{len(opened)} of {len(engines)} tasks answer that they are open",
            ),
            "members trade": (int(members.get("connected", 0)) > 0, "no member is connected to the exchange"),
            "members trade with the registered seed": (
                members.get("seed") == plan.workload_seed,
                f"their seed is {members.get('seed')}, the plan says {plan.workload_seed}; pass --seed",
            ),
            "the exchange trades at its primary site": (
                (newest.epoch, newest.site) == (plan.from_epoch, PRIMARY),
                f"epoch {newest.epoch} belongs to {newest.site}; expected epoch {plan.from_epoch} at {PRIMARY}",
            ),
            **(_exercise_checks(docket) if plan.planned else {}),
            **(_cold_checks(docket) if plan.preset == "cold_start" else {}),
            "the monitor watches": (docket.word("monitor/latest.json") is not None, "the monitor has said nothing"),
        }
        services = control.offered(docket.home, settings.journal_bucket, settings.dr_region)
        facts = _inventory(docket, everywhere(plan, settings), services)
        facts["rate"] = int(members.get("rate", 0))
        facts["builds"] = sorted({one.build for one in opened})
        if plan.planned:
            docket.file("names-before", {"names": production_names(docket)})
            docket.file(blast_radius.BASELINE, blast_radius.baseline(docket))
        _conclude(docket, checks, facts)
        return {"checks": len(checks), "engines": len(engines), **facts}

    @staticmethod
    def _real(docket: Docket) -> dict[str, Any]:
        """What a real failover rests on: nothing of the lost primary, and nothing of its region is asked."""
        plan, settings = docket.plan(), docket.settings
        evidence_store.require_lock(docket.home, settings.evidence_bucket, region=settings.dr_region)
        left = sites.standing_refs(docket.sessions(plan.dr_region), plan.site, regions(settings, plan))
        newest = fence.current(docket.home, settings.journal_bucket, settings.dr_region)
        members = docket.word("members/latest.json") or {}
        checks = {
            "no stack of this failover stands": (not left, f"{left[:1]}; run `python -m drill clean`"),
            "the lost site is the primary": (
                (newest.epoch, newest.site) == (plan.from_epoch, PRIMARY),
                f"epoch {newest.epoch} belongs to {newest.site}; expected epoch {plan.from_epoch} at {PRIMARY}",
            ),
            "the monitor watches": (docket.word("monitor/latest.json") is not None, "the monitor has said nothing"),
        }
        services = control.offered(docket.home, settings.journal_bucket, settings.dr_region)
        facts = _inventory(docket, sorted({plan.dr_region, settings.dr_region}), services)
        facts["rate"] = int(members.get("rate", 0))
        _conclude(docket, checks, facts)
        return {"checks": len(checks), **facts}


def _inventory(docket: Docket, places: list[str], services: tuple[str, ...]) -> dict[str, Any]:
    """Take the inventory that the account is compared with when the site is gone; how much there was."""
    before = inventory.snapshot(docket.home, places, services=services)
    docket.put("inventory-before.json", inventory.encode(before))
    return {
        "resources": len(before.resources),
        "services": len(before.services),
        "asked": len(before.answered),
    }


def _conclude(docket: Docket, checks: dict[str, tuple[bool, str]], facts: dict[str, Any]) -> None:
    """File what was checked; raises RedResult with the first check that does not hold."""
    settings = docket.settings
    buffer = {"buffer_s": settings.buffer_s, "buffer_mib": dr_site(settings, docket.plan()).buffer_mib}
    buffer["snapshot_s"] = settings.snapshot_every_s
    docket.file("preflight", {"checks": {name: held for name, (held, _) in checks.items()}, **facts, **buffer})
    for name, (held, found) in checks.items():
        if not held:
            raise RedResult(f"{name}: {found}")


def _exercise_checks(docket: Docket) -> dict[str, tuple[bool, str]]:
    """What an exercise rests on besides: members of its own."""
    standby = docket.word("members/standby.json") or {"at_ns": "0", "drill": None}
    silent_s = (clock.now_ns() - int(standby["at_ns"])) // 1_000_000_000
    return {
        "members of exercises stand by": (
            silent_s < STANDBY_S and standby["drill"] is None,
            f"last heard of {silent_s} s ago, called by {standby['drill'] or 'nobody'}; `python -m witness exercise`",
        )
    }


def _cold_checks(docket: Docket) -> dict[str, tuple[bool, str]]:
    """A cold start rests on nothing that an earlier drill left standing."""
    left = [
        state.ref.name
        for region in everywhere(docket.plan(), docket.settings)
        for state in stacks.listing(docket.sessions(region), region)
        if state.ref.name.startswith("aex-dr-")
    ]
    return {"the account has no leftovers of earlier drills": (not left, f"{left[:2]}; run `python -m drill sweep`")}


def production_names(docket: Docket) -> dict[str, str]:
    """Where the market's names point now: an exercise must leave them as they are."""
    return routing.targets(docket.home, routing.zone_id(docket.home, ZONE))
