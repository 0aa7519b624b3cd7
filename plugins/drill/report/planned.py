"""The report's first part: what was decided before the drill began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from drill.core import approvals
from drill.core import plan as limits
from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.plan import Plan, fingerprint
from drill.core.timeline import SECOND_NS
from drill.core.verdict import spoken_duration

VersionKind = Literal["engine", "template", "suite", "config", "package"]
DRILL, REAL = "DRILL", "REAL EVENT"
SHARED = (
    "journal bucket and delivery streams in the surviving region",
    "hosted zone of the exchange's names",
    "one AWS account: its IAM and its control planes",
)


def plan(
    evidence: Evidence, drill: str, previous: Mapping[str, Any] | None = None, *, link: int | None = None
) -> r.Plan:
    """What was registered; a drill that was refused has a plan of words only.

    `previous` is the drill before it, `link` the place of its registration in the chain.
    """
    registered = evidence.plan
    return _refused(drill) if registered is None else _registered(evidence, registered, previous, link)


def _refused(drill: str) -> r.Plan:
    return r.Plan(
        drill_id=drill,
        kind="loss",
        scenario="site",
        trigger="unknown",
        requester="unknown",
        registration=None,
        scope=r.Scope(listing=0, symbols=()),
        objectives=r.Objectives(recovery_time_ns=7200 * SECOND_NS, recovery_point_orders=0, listed=()),
        sites=(),
        seeds=r.Seeds(workload="unknown", nonce_sha256=None, blind=False),
    )


def _registered(evidence: Evidence, registered: Plan, previous: Mapping[str, Any] | None, link: int | None) -> r.Plan:
    document = evidence.get("registration")
    reveal = evidence.get("word-reveal") or {}
    return r.Plan(
        drill_id=registered.drill_id,
        kind=_what(registered),
        purpose=REAL if registered.real else DRILL,
        scenario="site",
        trigger=registered.trigger,
        requester=registered.requester,
        registration=r.Registration(
            sha256=document["plan_sha256"], at_ns=int(document["registered_ns"]), chain_number=link
        ),
        scope=_scope(registered),
        objectives=_objectives(registered),
        sites=(
            r.Site(
                name="primary",
                role="primary",
                region=registered.primary_region,
                epoch=registered.from_epoch,
                environment="LIVE",
            ),
            r.Site(
                name=registered.site,
                role="DR site",
                region=registered.dr_region,
                epoch=registered.epoch,
                environment=registered.environment,
            ),
        ),
        shared_dependencies=SHARED,
        seeds=r.Seeds(
            workload=str(registered.workload_seed),
            nonce_sha256=registered.nonce_sha256 or None,
            nonce=reveal.get("nonce"),
            blind=registered.blind,
        ),
        versions=(*_versions(evidence, document["versions"], previous), *_configuration(document, previous)),
        approvals=_approvals(evidence),
        isolation=tuple(
            r.Proof(statement=f"{one['action']} on {one['resource']} was refused", held=bool(one["denied"]))
            for one in (evidence.get("isolation") or {"attempts": ()})["attempts"]
        ),
        clocks=tuple(
            r.ClockOffset(
                host=engine["address"],
                offset_ns=int(engine["offset_ns"]),
                limit_ns=limits.CLOCK_GATE_MS * 1_000_000,
            )
            for engine in (evidence.get("engines") or {"engines": ()})["engines"]
        ),
    )


def _scope(registered: Plan) -> r.Scope:
    left_out = sorted(set(registered.listing) - set(registered.symbols))
    return r.Scope(
        listing=len(registered.listing),
        symbols=registered.symbols,
        test_symbols=registered.test_symbols,
        exclusions=tuple(r.Exclusion(what=symbol, reason="not in the scope that was asked for") for symbol in left_out),
    )


def _objectives(registered: Plan) -> r.Objectives:
    return r.Objectives(
        recovery_time_ns=registered.rto_objective_s * SECOND_NS,
        recovery_point_orders=registered.rpo_objective_orders,
        listed=(
            r.Objective(
                name="recovery time",
                limit=f"{spoken_duration(registered.rto_objective_s * SECOND_NS)} from impact, decision included",
                source=r.SCI_1001,
            ),
            r.Objective(
                name="recovery point",
                limit=f"{registered.rpo_objective_orders} acknowledged orders lost",
                source="drill plan",
            ),
            r.Objective(
                name="performance",
                limit=f"ack p99 at the DR site at most {limits.PERFORMANCE_FACTOR}x the primary's; 99 % acknowledged",
                source="drill plan",
            ),
        ),
    )


def _versions(evidence: Evidence, named: dict[str, str], previous: Mapping[str, Any] | None) -> tuple[r.Version, ...]:
    engines: Any = (evidence.get("engines") or {"engines": ()})["engines"]
    builds = sorted({engine["build"] for engine in engines if "build" in engine})
    kinds: dict[str, VersionKind] = {
        "sources:engine": "engine",
        "sources:templates": "template",
        "sources:expectations": "suite",
    }
    running = tuple(
        r.Version(name="engine as it ran", kind="engine", version=build, differs=_from_primary(evidence, build))
        for build in builds
    )
    recovered: Any = (evidence.get("recovered") or {"symbols": {}})["symbols"]
    replayed = tuple(
        r.Version(name="replayed by", kind="engine", version=f"{engine} engine", differs="")
        for engine in sorted({row["engine"] for row in recovered.values() if row.get("engine")})
    )
    return (
        *running,
        *replayed,
        *(
            r.Version(name=name, kind=_kind(kinds, name), version=version, differs=_from_last(name, version, previous))
            for name, version in sorted(named.items())
        ),
    )


def _configuration(document: Mapping[str, Any], previous: Mapping[str, Any] | None) -> tuple[r.Version, ...]:
    """The settings in force by their hash, and which of them the last drill had otherwise; none where not filed."""
    settings = document.get("configuration")
    if settings is None:
        return ()
    before = (previous or {}).get("configuration")
    if previous is None or before is None:
        differs = "first drill on record" if previous is None else f"{previous['drill_id']} filed none"
    else:
        other = sorted(name for name in {*settings, *before} if settings.get(name) != before.get(name))
        same = f"as in {previous['drill_id']}"
        differs = f"{', '.join(other)}: otherwise than in {previous['drill_id']}" if other else same
    return (r.Version(name="configuration", kind="config", version=fingerprint(settings), differs=differs),)


def _kind(kinds: Mapping[str, VersionKind], name: str) -> VersionKind:
    return kinds.get(name, "config" if name.startswith("sources:") else "package")


def _from_primary(evidence: Evidence, build: str) -> str:
    """Production is the primary site: its engines said their builds in preflight."""
    builds = (evidence.get("preflight") or {}).get("builds")
    if builds is None:
        return "not compared: the primary's build is not recorded"
    return "the primary's own" if builds == [build] else f"the primary ran {', '.join(builds) or 'no engine'}"


def _from_last(name: str, version: str, previous: Mapping[str, Any] | None) -> str:
    if previous is None:
        return "first drill on record"
    before = previous["versions"].get(name)
    if before == version:
        return f"as in {previous['drill_id']}"
    return f"new since {previous['drill_id']}" if before is None else f"{before[:12]} in {previous['drill_id']}"


def _approvals(evidence: Evidence) -> tuple[r.Approval, ...]:
    plan, declared = evidence.plan, evidence.phase("declare")
    if plan is not None and plan.failover:
        return tuple(_approval(place, one) for place, one in enumerate(approvals.filed(evidence), start=1))
    if declared.end_ns is None:
        return ()
    return (
        r.Approval(
            step="declare the disaster",
            by="policy: on the monitor's word",
            decision="approved",
            at_ns=declared.end_ns,
            waited_ns=0,
        ),
    )


def _approval(place: int, one: approvals.Approval) -> r.Approval:
    asked, answered = int(one.asked_ns), int(one.answered_ns)
    return r.Approval(
        step=f"approval {place} of a real failover",
        by=one.user,
        decision="approved" if one.answer == approvals.APPROVE else "rejected",
        at_ns=answered,
        waited_ns=max(0, answered - asked),
    )


def _what(registered: Plan) -> Literal["loss", "planned exercise", "failover", "failback"]:
    if registered.real:
        return "failback" if registered.homecoming else "failover"
    return "planned exercise" if registered.planned else "loss"
