"""The report's second part: what was observed, each figure from whoever observed it."""

from __future__ import annotations

from typing import Any, Literal

from drill.core import faults
from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.phases import Phase
from drill.core.plan import PERFORMANCE_FACTOR, Plan
from drill.core.recovery_point import KINDS
from drill.core.timeline import SECOND_NS, Marks, RecoveryTimes
from drill.core.verdict import Verdict
from drill.report.distribution import nearest_rank

COUNTS = {  # phases between impact and resumption
    "loss", "declare", "build", "fence", "captures", "drain", "sabotage", "rehydrate", "validate", "cut_over",
    "members_back", "canaries",
}  # fmt: skip
LEVELS: dict[str, tuple[r.Level, str]] = {
    "journal": ("L2", "the chain, checksums and checkpoints that the primary wrote while it traded"),
    "books": ("L2", "checkpoints that the primary wrote while it traded, at the same seq"),
    "trades": ("L3", "fills that members captured from their own sockets"),
    "recovery_point": ("L3", "acknowledgements that members captured from their own sockets"),
    "objectives": ("L3", "marks recorded by members and canaries"),
}
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
STATUS: dict[str, Literal["done", "failed", "unfinished", "not reached"]] = {
    "done": "done",
    "failed": "failed",
    "unfinished": "unfinished",
    "not_reached": "not reached",
}


def result(evidence: Evidence, verdict: Verdict) -> r.Result:
    """Everything that was observed, with the verdict as recomputed."""
    return r.Result(
        verdict=_verdict(verdict),
        marks=_marks(verdict.marks),
        phases=tuple(_phase(phase, verdict) for phase in evidence.phases),
        recovery=_recovery(verdict.times, verdict.marks),
        symbols=_symbols(evidence, verdict),
        point=_point(evidence, verdict),
        journal=_journal(evidence),
        buffer=_buffer(evidence),
        suites=_suites(evidence),
        control=_control(evidence, verdict),
        performance=_performance(evidence, verdict),
        resumption=_resumption(evidence, verdict),
        retries=tuple(
            r.Retry(
                step=phase.name, attempt=phase.attempts, reason=phase.reason or "see events", lost_ns=phase.retry_ns
            )
            for phase in evidence.phases
            if phase.attempts > 1
        ),
        faults=_faults(evidence),
    )


def _verdict(verdict: Verdict) -> r.Verdict:
    question, _, answer = verdict.sentence.partition("? ")
    asked = bool(answer)
    return r.Verdict(
        outcome=verdict.outcome,  # type: ignore[arg-type]
        question=f"{question}?" if asked else "Did this drill run?",
        sentence=answer if asked else verdict.sentence,
        rules=tuple(
            r.Rule(rule_id=ruling.rule, statement=ruling.text, met=False, decided=ruling.outcome == verdict.outcome)
            for ruling in verdict.rulings
        )
        + tuple(r.Rule(rule_id=held.replace(" ", "-"), statement=held, met=True) for held in verdict.held),
    )


def _last(by_symbol: dict[str, int]) -> int | None:
    return max(by_symbol.values(), default=None)


def _marks(at: Marks) -> tuple[r.Mark, ...]:
    moments = (
        at.t0_impact, at.t1_detected, at.t2_declared, at.t3_build_start, at.t4_stacks_complete, at.t5_engines_up,
        _last(at.t6_loaded), _last(at.t7_replayed), _last(at.t8_validated), _last(at.t9_first_order),
        at.t10_reachable, at.t11_resumed, at.t12_clean,
    )  # fmt: skip
    return tuple(
        r.Mark(name=name, meaning=meaning, at_ns=moment, recorder=recorder)
        for (name, meaning, recorder), moment in zip(MARKS, moments, strict=True)
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
    return r.PhaseTime(
        name=phase.name,
        status=STATUS[phase.status],
        start_ns=start,
        end_ns=phase.end_ns,
        work_ns=work,
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


def _symbols(evidence: Evidence, verdict: Verdict) -> tuple[r.SymbolRow, ...]:
    plan = evidence.plan
    recovered = (evidence.get("recovered") or {"symbols": {}})["symbols"]
    checks = [
        check for name in ("validation", "objectives") for check in (evidence.get(name) or {"checks": ()})["checks"]
    ]
    by_symbol: dict[str, list[dict[str, Any]]] = {}
    for check in checks:
        by_symbol.setdefault(check["symbol"], []).append(check)
    lost = {row.symbol: 0 for row in (verdict.recovery_point.lost if verdict.recovery_point else ())}
    for row in verdict.recovery_point.lost if verdict.recovery_point else ():
        lost[row.symbol] += 1
    return tuple(
        _symbol(symbol, recovered.get(symbol), by_symbol.get(symbol, []), verdict, lost)
        for symbol in (plan.symbols if plan else ())
    )


def _symbol(
    symbol: str, row: dict[str, Any] | None, checks: list[dict[str, Any]], verdict: Verdict, lost: dict[str, int]
) -> r.SymbolRow:
    at = verdict.marks
    status: Literal["recovered", "damaged", "dead", "not reached"] = "not reached"
    if row is not None:
        status = "recovered" if row["status"] == "recovered" else "damaged"
    failed = [check for check in checks if check["evaluated"] and not check["passed"]]
    damages = (row or {}).get("damages", ())
    first = _place(damages[0]) if damages else str(failed[0]["first"]) if failed else ""
    suites = sorted({check["suite"] for check in checks}, key=list(LEVELS).index)
    return r.SymbolRow(
        symbol=symbol,
        status=status,
        loaded_at_ns=at.t6_loaded.get(symbol),
        replayed_at_ns=at.t7_replayed.get(symbol),
        validated_at_ns=at.t8_validated.get(symbol),
        first_order_at_ns=at.t9_first_order.get(symbol),
        seq=int(row["seq"]) if row else None,
        commands=int(row["commands"]) if row else None,
        digest=row.get("digest") if row else None,
        orders_lost=lost.get(symbol, 0) if verdict.recovery_point else None,
        checks=tuple(_cell(suite, checks) for suite in suites),
        checks_failed=tuple(check["expectation"] for check in failed),
        first_difference=first,
    )


def _place(damage: dict[str, Any]) -> str:
    where = f"{damage.get('object') or 'no object'} offset {damage.get('offset')}"
    return f"{damage['kind']}: expected {damage['expected']}, found {damage['found']} ({where})"


def _cell(suite: str, checks: list[dict[str, Any]]) -> r.CheckCell:
    own = [check for check in checks if check["suite"] == suite]
    return r.CheckCell(
        suite=_words(suite),
        declared=len(own),
        evaluated=sum(check["evaluated"] for check in own),
        failed=sum(check["evaluated"] and not check["passed"] for check in own),
    )


def _words(suite: str) -> str:
    return suite.replace("_", " ")


def _point(evidence: Evidence, verdict: Verdict) -> r.RecoveryPoint:
    point, validation = verdict.recovery_point, evidence.get("validation")
    captured = evidence.get("acked-primary")
    if point is None:
        return r.RecoveryPoint(orders_lost=None, acknowledged=captured["acknowledged"] if captured else None)
    kinds = point.lost_by_kind
    scope = set(evidence.plan.symbols) if evidence.plan else set()
    return r.RecoveryPoint(
        orders_lost=point.lost_orders,
        acknowledged=point.acknowledged,
        new=kinds.get("new", 0),
        cancels=kinds.get("cancel", 0),
        replaces=kinds.get("replace", 0) + kinds.get("reduce", 0),
        fills=len(validation["lost_fills"]) if validation and "lost_fills" in validation else None,
        members_touched=point.members_touched,
        time_ns=point.rpo_time_ns,
        notional_cents=None if point.lost_orders else 0,
        phantom_fills=_unexpected(validation, "fill_witnessed", scope),
        unacknowledged=len(validation["unacknowledged"]) if validation else None,
    )


def _unexpected(validation: dict[str, Any] | None, expectation: str, scope: set[str]) -> int | None:
    """Rows that one expectation found over the scope; None where it was not evaluated."""
    own = [check for check in (validation or {"checks": ()})["checks"] if check["symbol"] in scope]
    named = [check for check in own if check["expectation"] == expectation and check["evaluated"]]
    return sum(int(check["unexpected"]) for check in named) if named else None


def _journal(evidence: Evidence) -> r.JournalAccount | None:
    validation, recovered = evidence.get("validation"), evidence.get("recovered")
    if recovered is None:
        return None
    plan = evidence.plan
    scope = set(plan.symbols) if plan else set()
    # Test symbols are sabotaged on purpose: their damage is the control's, not the journal's.
    rows = [row for symbol, row in recovered["symbols"].items() if symbol in scope]
    accounts = [one for symbol, one in (validation or {}).get("journal", {}).items() if symbol in scope]

    def total(name: str) -> int:
        return sum(int(row.get(name, 0)) for row in rows)

    return r.JournalAccount(
        objects=total("objects"),
        size_bytes=total("bytes"),
        frames=total("frames"),
        commands=total("commands"),
        equal_duplicates=total("duplicates"),
        conflicts=sum(int(account["conflicts"]) for account in accounts),
        gaps=sum(len(account["gaps"]) for account in accounts),
        reorder_depth=max((int(row.get("reorder_depth", 0)) for row in rows), default=0),
        above_checkpoint=(validation or {}).get("above_checkpoint"),
        damages=tuple(
            r.Damage(
                kind=damage["kind"],
                symbol=row["symbol"],
                object=damage.get("object") or "",
                offset=damage.get("offset"),
                seq_from=damage.get("seq"),
                expected=str(damage["expected"]),
                found=str(damage["found"]),
            )
            for row in rows
            for damage in row.get("damages", ())
        ),
    )


def _buffer(evidence: Evidence) -> r.FlushBuffer | None:
    drain, fence, settings = evidence.get("drain"), evidence.get("fence"), evidence.get("preflight")
    if drain is None or settings is None or "buffer_s" not in settings:
        return None
    loss = evidence.get("word-loss")
    primary = (evidence.get("acked-primary") or {}).get("performance")
    windows = primary["windows"] if primary else []
    rate = max((window["offered"] for window in windows), default=0) // 10
    age = _integer((evidence.get("acked-primary") or {}).get("age_at_loss_ns"))
    return r.FlushBuffer(
        interval_ns=int(settings["buffer_s"]) * SECOND_NS,
        size_bytes=int(settings["buffer_mib"]) << 20,
        delivery_lag_ns=age,
        loss_in_cycle_ns=age,
        worst_case_orders=rate * int(settings["buffer_s"]),
        drained_ns=int(drain["at_ns"]) - int(loss["actual_ns"]) if loss and fence else None,
    )


def _integer(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _suites(evidence: Evidence) -> tuple[r.Suite, ...]:
    plan = evidence.plan
    checks = list((evidence.get("validation") or {"checks": ()})["checks"])
    checks += list((evidence.get("objectives") or {"checks": ()})["checks"])
    scope = set(plan.symbols) if plan else set()
    own = [check for check in checks if check["symbol"] in scope]
    return tuple(
        _suite(name, [check for check in own if check["suite"] == name])
        for name in LEVELS
        if any(check["suite"] == name for check in own)
    )


def _suite(name: str, checks: list[dict[str, Any]]) -> r.Suite:
    level, witness = LEVELS[name]
    expectations = []
    for expectation in dict.fromkeys(check["expectation"] for check in checks):
        own = [check for check in checks if check["expectation"] == expectation]
        red = [check for check in own if check["evaluated"] and not check["passed"]]
        expectations.append(
            r.Expectation(
                name=expectation,
                declared=len(own),
                evaluated=sum(check["evaluated"] for check in own),
                failed=len(red),
                example=f"{red[0]['symbol']}: {red[0]['first']}" if red else "",
            )
        )
    return r.Suite(
        name=_words(name),
        level=level,
        compared_with=witness,
        declared=sum(one.declared for one in expectations),
        evaluated=sum(one.evaluated for one in expectations),
        failed=sum(one.failed for one in expectations),
        expectations=tuple(expectations),
    )


def _control(evidence: Evidence, verdict: Verdict) -> r.Control:
    reveal, validation = evidence.get("word-reveal"), evidence.get("validation")
    if verdict.control == "not_run" or not reveal:
        return r.Control(status="not run", note="the drill ended before validation, or nothing was revealed")
    control = reveal["control"]
    red = [
        check
        for check in validation["checks"]
        if check["symbol"] == control["symbol"] and check["evaluated"] and not check["passed"]
    ]
    finished, started = validation["finished_ns"].get(control["symbol"]), validation.get("started_ns")
    return r.Control(
        status="caught" if verdict.control == "caught" else "missed",
        kind=control["kind"],
        symbol=control["symbol"],
        caught_by=tuple(check["expectation"] for check in red),
        caught_after_ns=int(finished) - int(started) if finished and started and red else None,
        restored=control.get("restored_ns") is not None,
    )


def _load(site: str, document: dict[str, Any] | None) -> r.Load | None:
    if not document or not document["performance"]["n"]:
        return None
    performance = document["performance"]
    windows = performance["windows"]
    return r.Load(
        site=site,
        length_ns=len(windows) * 10 * SECOND_NS,
        offered=performance["offered"],
        acked=performance["acknowledged"],
        latency=r.Percentiles(
            name=f"ack latency at {site}",
            n=performance["n"],
            p50_ns=performance["p50_us"] * 1000,
            p99_ns=performance["p99_us"] * 1000,
            worst_ns=performance["max_us"] * 1000,
        ),
        windows=tuple(
            r.Window(start_ns=int(window["start_ns"]), offered=window["offered"], acked=window["acknowledged"])
            for window in windows
        ),
    )


def _performance(evidence: Evidence, verdict: Verdict) -> r.Performance:
    primary = _load("primary", evidence.get("acked-primary"))
    recovered = _load("DR site", evidence.get("acked-dr"))
    broken = any(ruling.rule == "F-PERFORMANCE" for ruling in verdict.rulings)
    return r.Performance(
        primary=primary,
        dr=recovered,
        factor_limit_ppm=PERFORMANCE_FACTOR * 1_000_000,
        met=None if primary is None or recovered is None else not broken,
    )


def _resumption(evidence: Evidence, verdict: Verdict) -> r.Resumption | None:
    plan, validation = evidence.plan, evidence.get("validation")
    if plan is None or validation is None:
        return None
    before = (evidence.get("acked-primary") or {}).get("first_ack_by_member", {})
    after = (evidence.get("acked-dr") or {}).get("first_ack_by_member")
    return r.Resumption(
        canaries_expected=len(plan.symbols),
        canaries_done=len(set(plan.symbols) & set(verdict.marks.t9_first_order)),
        members_expected=len(before),
        members_back=None if after is None else len(set(before) & set(after)),
        unknown_orders=tuple(
            r.UnknownOrder(
                member=f"member {command['member']:05d}",
                symbol=command["symbol"],
                seq=int(command["seq"]),
                command_id=str(command["command_id"]),
                kind=KINDS.get(int(command["kind"]), "unknown"),
                fate="committed: it stands in the recovered book as the journal has it",
            )
            for command in validation["unacknowledged"]
        ),
        orders_at_dr=_orders_at_dr(evidence, plan),
    )


def _orders_at_dr(evidence: Evidence, plan: Plan) -> str:
    taken = evidence.get("acked-dr")
    if taken is None:
        return "none were taken"
    return (
        f"{taken['acknowledged']:,} commands were acknowledged at the DR site; they lie in the journal of epoch "
        f"{plan.epoch} and end with this one-off exchange: nothing fails back"
    )


def _faults(evidence: Evidence) -> tuple[r.InjectedFault, ...]:
    plan = evidence.plan
    sabotage = evidence.get("word-sabotage") or {}
    applied = sabotage.get("at_ns")
    return tuple(
        r.InjectedFault(
            fault_id=fault,
            what=faults.fault(fault).text,
            expected=faults.fault(fault).verdict,
            applied_at_ns=int(applied) if applied else None,
        )
        for fault in (plan.faults if plan else ())
    )
