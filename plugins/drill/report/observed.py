"""The report's second part: what was observed, each figure from whoever observed it."""

from __future__ import annotations

from typing import Literal

from drill.core import faults, sensitivity
from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.objections import objections
from drill.core.percentile import nearest_rank
from drill.core.phases import HOME, REAL_ONLY, Phase
from drill.core.timeline import Marks, RecoveryTimes
from drill.core.verdict import Verdict
from drill.report.built import stacks
from drill.report.checked import control, suites, symbols
from drill.report.counted import buffer, journal, lag, point
from drill.report.homeward import failback
from drill.report.reopened import performance, resumption

COUNTS = {  # phases between impact and resumption
    "loss", "first_approval", "second_approval", "declare", "build", "fence", "captures", "drain", "sabotage",
    "rehydrate", "validate", "cut_over",
    "members_back", "canaries",
}  # fmt: skip
MARKS = (
    ("T0", "impact: last acknowledged order, or the kill if earlier", "members, injector"),
    ("T1", "detected", "monitor"),
    ("T2", "declared", "policy"),
    ("T3", "build started", "drill"),
    ("T4", "stacks complete", "stack events"),
    ("T5", "engines up", "probe"),
    ("T6", "state loaded, last symbol", "engines"),
    ("T7", "replayed, last symbol", "engines"),
    ("T8", "validated, last symbol", "validator"),
    ("T9", "first order, last symbol", "canary"),
    ("T10", "members reachable again", "members"),
    ("T11", "resumed", "verdict"),
    ("T12", "clean", "inventory"),
)
HOME_MARKS = (
    ("T0", "frozen: the DR site takes nothing more", "engines"),
    ("T1", "detected: nothing was lost", "nobody"),
    ("T2", "declared: asked for by a person", "nobody"),
    ("T3", "the old primary is cleared away", "failback"),
    ("T4", "stacks of the primary complete", "nobody"),
    ("T5", "engines of the primary up", "probe"),
    ("T6", "state loaded, last symbol", "engines"),
    ("T7", "replayed, last symbol", "engines"),
    ("T8", "compared with the frozen state, last symbol", "failback"),
    ("T9", "first order at the primary, last symbol", "canary"),
    ("T10", "members back at the primary", "members"),
    ("T11", "resumed", "verdict"),
    ("T12", "clean", "inventory"),
)
DRILLS_ONLY = ("sabotage", "tear_down", "inventory")
STATUS: dict[str, Literal["done", "failed", "unfinished", "not reached"]] = {
    "done": "done",
    "failed": "failed",
    "unfinished": "unfinished",
    "not_reached": "not reached",
}


def result(evidence: Evidence, verdict: Verdict) -> r.Result:
    """Everything that was observed, with the verdict as recomputed."""
    plan = evidence.plan
    return r.Result(
        verdict=_verdict(verdict),
        marks=_marks(verdict.marks, HOME_MARKS if plan is not None and plan.homecoming else MARKS),
        phases=tuple(_phase(phase, verdict) for phase in _told(evidence)),
        recovery=_recovery(verdict.times, verdict.marks),
        symbols=symbols(evidence, verdict),
        point=point(evidence, verdict),
        journal=journal(evidence),
        buffer=buffer(evidence),
        suites=suites(evidence),
        control=control(evidence, verdict),
        performance=performance(evidence, verdict),
        resumption=resumption(evidence, verdict),
        failback=failback(evidence),
        deviations=_deviations(evidence, verdict),
        stacks=stacks(evidence),
        lag=lag(evidence),
        retries=tuple(
            r.Retry(
                step=phase.name, attempt=phase.attempts, reason=phase.reason or "see events", lost_ns=phase.retry_ns
            )
            for phase in _told(evidence)
            if phase.attempts > 1
        ),
        faults=_faults(evidence),
        sensitivity=_sensitivity(evidence),
    )


def _told(evidence: Evidence) -> tuple[Phase, ...]:
    """The phases that the plan has: a drill asks nobody, and one that ends at the DR site has no way home to show."""
    plan = evidence.plan
    real = plan is not None and plan.real
    if plan is not None and plan.homecoming:
        return tuple(phase for phase in evidence.phases if phase.name in HOME)
    absent = set(DRILLS_ONLY if real else REAL_ONLY)
    if plan is None or not plan.failback:
        absent.add("failback")
    return tuple(phase for phase in evidence.phases if phase.name not in absent)


def _verdict(verdict: Verdict) -> r.Verdict:
    question, _, answer = verdict.sentence.partition("? ")
    would = objections()
    asked = bool(answer)
    return r.Verdict(
        outcome=verdict.outcome,  # type: ignore[arg-type]
        question=f"{question}?" if asked else "Did this drill run?",
        sentence=answer if asked else verdict.sentence,
        rules=tuple(
            r.Rule(rule_id=ruling.rule, statement=ruling.text, met=False, decided=ruling.outcome == verdict.outcome)
            for ruling in verdict.rulings
        )
        + tuple(
            r.Rule(rule_id=held.replace(" ", "-"), statement=f"else {would.get(held, held)}", met=True)
            for held in verdict.held
        ),
    )


def _deviations(evidence: Evidence, verdict: Verdict) -> tuple[r.Deviation, ...]:
    """What did not go as planned: observations of the verdict, a nonce that was given, a request to stop."""
    found = [
        r.Deviation(what=ruling.text, consequence="an observation in the verdict")
        for ruling in verdict.rulings
        if ruling.outcome == "PASS_WITH_OBSERVATIONS"
    ]
    if evidence.plan and not evidence.plan.blind and not evidence.plan.real:
        found.append(r.Deviation(what="the nonce was given, not drawn", consequence="the drill was not blind"))
    found += [
        r.Deviation(
            what=f"stopped: {event.data.get('reason', 'on request')}",
            consequence="phases that heed it were not reached",
            at_ns=event.at,
        )
        for event in evidence.events
        if event.name == "abort"
    ][:1]
    return tuple(found)


def _last(by_symbol: dict[str, int]) -> int | None:
    return max(by_symbol.values(), default=None)


def _marks(at: Marks, named: tuple[tuple[str, str, str], ...]) -> tuple[r.Mark, ...]:
    moments = (
        at.t0_impact, at.t1_detected, at.t2_declared, at.t3_build_start, at.t4_stacks_complete, at.t5_engines_up,
        _last(at.t6_loaded), _last(at.t7_replayed), _last(at.t8_validated), _last(at.t9_first_order),
        at.t10_reachable, at.t11_resumed, at.t12_clean,
    )  # fmt: skip
    return tuple(
        r.Mark(name=name, meaning=meaning, at_ns=moment, recorder=recorder)
        for (name, meaning, recorder), moment in zip(named, moments, strict=True)
    )


def _phase(phase: Phase, verdict: Verdict) -> r.PhaseTime:
    # The page draws all of a phase's queue before its start.
    start = None if phase.start_ns is None else phase.start_ns + phase.resumed_ns
    work = phase.work_ns
    impact = verdict.marks.t0_impact
    if phase.name == "loss" and impact is not None and phase.end_ns is not None:
        # The step waited for a secret moment; what counts is the time from the impact to the monitor's word.
        start = min(impact, phase.end_ns)
        work = phase.end_ns - start - phase.retry_ns
    approval = work if phase.name in REAL_ONLY else 0
    return r.PhaseTime(
        name=phase.name,
        status=STATUS[phase.status],
        start_ns=start,
        end_ns=phase.end_ns,
        work_ns=work - approval,
        approval_ns=approval,
        queue_ns=0 if phase.name == "loss" else phase.queue_ns,
        retry_ns=phase.retry_ns,
        assumed_ns=verdict.times.assumed_ns if phase.name == "declare" and phase.status == "done" else 0,
        attempts=max(1, phase.attempts),
        counts=phase.name in COUNTS,
        note=phase.reason,
    )


def _recovery(times: RecoveryTimes, at: Marks) -> r.Recovery:
    measured = None if times.impact_ns is None else times.impact_ns - times.assumed_ns
    spread = sorted(times.by_symbol.values())
    percentiles = tuple(
        r.Percentiles(
            name="impact to first order, by symbol (measured)",
            n=len(spread),
            p50_ns=nearest_rank(spread, 50),
            p90_ns=nearest_rank(spread, 90),
            p99_ns=nearest_rank(spread, 99),
            worst_ns=worst,
        )
        for worst in spread[-1:]
    )
    declared = times.declared_ns if at.t2_declared is not None else None
    return r.Recovery(
        impact=r.RecoveryTime(
            measured_ns=measured,
            assumed_ns=times.assumed_ns if measured is not None else 0,
            definition="T11 - T0, with the assumed decision",
        ),
        declared=r.RecoveryTime(measured_ns=declared, definition="T11 - T2"),
        technical=r.RecoveryTime(measured_ns=times.technical_ns, definition="largest T8 - T3"),
        worst_symbol=times.worst_symbol,
        percentiles=percentiles,
    )


def _sensitivity(evidence: Evidence) -> r.Sensitivity:
    """The score of the version that ran, by the hashes that it registered; another version has none."""
    versions = (evidence.get("registration") or {"versions": {}})["versions"]
    scored = sensitivity.score(versions)
    version = sensitivity.version_of(versions)
    if scored is None:
        return r.Sensitivity(version=version)
    return r.Sensitivity(caught=scored.caught, injected=scored.injected, version=version)


def _faults(evidence: Evidence) -> tuple[r.InjectedFault, ...]:
    plan = evidence.plan
    applied = {
        fault: int(word["at_ns"])
        for phase in evidence.phases
        if (word := evidence.get(f"word-fault-{phase.name}"))
        for fault in word["applied"]
    }
    return tuple(
        r.InjectedFault(
            fault_id=fault,
            what=faults.fault(fault).text,
            expected=faults.fault(fault).verdict,
            applied_at_ns=applied.get(fault),
        )
        for fault in (plan.faults if plan else ())
    )
