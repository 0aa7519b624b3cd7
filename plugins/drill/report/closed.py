"""The report's third part: what follows from the result, what is left behind, and what was not proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.timeline import SECOND_NS
from drill.core.verdict import DONE, GREEN, Verdict
from drill.report.limitations import limitations
from drill.report.prices import Usage, cost_estimate

if TYPE_CHECKING:
    from drill.report.compose import Sealed

PROSE = json.loads(Path(__file__).with_name("prose.json").read_text())
TASK_VCPU, TASK_MIB = 1, 2048


def close(evidence: Evidence, verdict: Verdict, sealed: Sealed, plan: r.Plan, result: r.Result) -> r.Close:
    """Findings, triage, teardown, cost, limitations, manifest."""
    return r.Close(
        findings=_findings(verdict),
        triage=_triage(verdict),
        teardown=_teardown(evidence, verdict),
        cost=_cost(evidence),
        comparison=tuple(
            r.PastDrill(
                drill_id=past["drill_id"],
                outcome=past["outcome"],
                at_ns=int(past["at_ns"]),
                recovery_time_ns=past["recovery_time_ns"],
                technical_ns=past["technical_ns"],
                orders_lost=past["orders_lost"],
                symbols_ok=past["symbols_ok"],
                rules=tuple(past["rules"]),
            )
            for past in sealed.earlier
        ),
        attestations=tuple(r.Attestation(role=role) for role in ("prepared", "reviewed", "signed off")),
        limitations=limitations(plan, result),
        manifest=tuple(
            r.Artifact(name=one["name"], sha256=one["sha256"], size_bytes=one["size"], version=one["version_id"])
            for one in sealed.manifest
        ),
        retention=r.Retention(name="SCI record", period="5 years and more in production", lock=sealed.lock),
        definitions=tuple(r.Definition(term=term, meaning=meaning) for term, meaning in PROSE["definitions"]),
        filing=r.Filing(
            path=sealed.path,
            verify=sealed.verify,
            previous_sha256=sealed.head_sha256,
            signed_by=sealed.signed_by,
            anchored=sealed.anchored,
            generated_at_ns=sealed.generated_ns,
        ),
    )


def _findings(verdict: Verdict) -> tuple[r.Finding, ...]:
    seen: dict[str, str] = {}
    more: dict[str, int] = {}
    for ruling in verdict.rulings:
        if ruling.outcome in DONE:
            continue  # says what it was, not what is to be put right
        more[ruling.rule] = more.get(ruling.rule, -1) + 1
        seen.setdefault(ruling.rule, ruling.text)
    return tuple(
        r.Finding(finding_id=rule, what=text + (f" (and {more[rule]} more of this rule)" if more[rule] else ""))
        for rule, text in seen.items()
    )


def _triage(verdict: Verdict) -> r.Triage:
    if verdict.outcome == "FAILBACK":
        return r.Triage(sci_event="no", reason="a planned move of the exchange", decided_by="rule of this platform")
    if verdict.outcome in DONE:
        return r.Triage(sci_event="yes", reason="the exchange was lost", decided_by="rule of this platform")
    if verdict.outcome in GREEN:
        return r.Triage(sci_event="no", reason="a drill that met its objectives", decided_by="rule of this platform")
    return r.Triage(sci_event="to be decided", reason=f"the drill ended {verdict.outcome}: a person has to look")


def _teardown(evidence: Evidence, verdict: Verdict) -> r.Teardown:
    inventory, torn = evidence.get("inventory"), evidence.get("teardown")
    if evidence.plan is not None and evidence.plan.failover and inventory is None:
        return r.Teardown(status="not run", note=f"a real failover: the exchange lives at {evidence.plan.site}")
    if inventory is None:
        return r.Teardown(status="not run", note="no inventory was taken, so nobody knows what is left")
    services = sorted(set(inventory["before"]) | set(inventory["after"]))
    stacks = evidence.get("stacks")
    return r.Teardown(
        status="clean" if verdict.teardown == "clean" else "orphans",
        stacks_deleted=len(stacks["stacks"]) if stacks and torn else None,
        orphans=tuple(r.Orphan(service=one["service"], resource=one["id"]) for one in inventory["orphans"]),
        inventory=tuple(
            r.InventoryCount(
                service=service, before=inventory["before"].get(service, 0), after=inventory["after"].get(service, 0)
            )
            for service in services
        ),
        note=f"{inventory['asked']} list operations of {inventory['services']} services answered, before and after.",
    )


def _cost(evidence: Evidence) -> r.CostEstimate | None:
    stacks, torn, recovered = evidence.get("stacks"), evidence.phase("tear_down"), evidence.get("recovered")
    if stacks is None or torn.end_ns is None:
        return None
    engines: list[Any] = (evidence.get("engines") or {"engines": []})["engines"]
    seconds = max(60, (torn.end_ns - int(stacks["started_ns"])) // SECOND_NS)
    tasks = len(engines) + 2
    rows = (recovered or {"symbols": {}})["symbols"].values()
    return cost_estimate(
        Usage(
            fargate_vcpu_seconds=seconds * tasks * TASK_VCPU,
            fargate_memory_mib_seconds=seconds * tasks * TASK_MIB,
            s3_gets=2 * sum(int(row.get("objects", 0)) for row in rows),
            s3_puts=3 * len(rows) + len(evidence.events),
            hosted_zones=1,
            endpoint_seconds=seconds * 4 * 3,
        ),
        note="DR site only, without data transfer; the primary is left out.",
    )
