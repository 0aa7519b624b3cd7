"""How trading came back: load at both sites, canaries, members, orders of unknown outcome."""

from __future__ import annotations

from typing import Any

from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.plan import PERFORMANCE_FACTOR, Plan
from drill.core.recovery_point import KINDS
from drill.core.timeline import SECOND_NS
from drill.core.verdict import Verdict


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
            p50_ns=_ns(performance, "p50_us"),
            p90_ns=_ns(performance, "p90_us"),
            p99_ns=_ns(performance, "p99_us"),
            worst_ns=_ns(performance, "max_us"),
        ),
        windows=tuple(
            r.Window(
                start_ns=int(window["start_ns"]),
                offered=window["offered"],
                acked=window["acknowledged"],
                p99_ns=_ns(window, "p99_us"),
            )
            for window in windows
        ),
    )


def _ns(measured: dict[str, Any], name: str) -> int | None:
    """Microseconds as nanoseconds; None where an earlier version did not measure it."""
    found = measured.get(name)
    return None if found is None else int(found) * 1000


def performance(evidence: Evidence, verdict: Verdict) -> r.Performance:
    """The load at both sites, side by side."""
    primary = _load("primary", evidence.get("acked-primary"))
    recovered = _load("DR site", evidence.get("acked-dr"))
    broken = any(ruling.rule == "F-PERFORMANCE" for ruling in verdict.rulings)
    return r.Performance(
        primary=primary,
        dr=recovered,
        factor_limit_ppm=PERFORMANCE_FACTOR * 1_000_000,
        met=None if primary is None or recovered is None else not broken,
    )


def resumption(evidence: Evidence, verdict: Verdict) -> r.Resumption | None:
    """Canaries, members and the orders whose members do not know their fate; None where trading did not resume."""
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
        frames_refused=_refused(evidence, plan),
        orders_at_dr=_orders_at_dr(evidence, plan),
    )


def _refused(evidence: Evidence, plan: Plan) -> int | None:
    """Frames that an epoch wrote above its fence, as the recovery met them; None where it did not count."""
    rows = (evidence.get("recovered") or {"symbols": {}})["symbols"]
    counted = [row["refused"] for symbol, row in rows.items() if symbol in plan.symbols and "refused" in row]
    return sum(counted) if counted else None


def _orders_at_dr(evidence: Evidence, plan: Plan) -> str:
    taken = evidence.get("acked-dr")
    if taken is None:
        return "none were taken"
    if plan.real:
        return (
            f"{taken['acknowledged']:,} commands were acknowledged at the DR site while it was measured; they stand, "
            f"in the journal of epoch {plan.epoch}, and dr_failback carries them home"
        )
    return (
        f"{taken['acknowledged']:,} commands were acknowledged at the DR site; they lie in the journal of epoch "
        f"{plan.epoch} and end with this one-off exchange: nothing fails back"
    )
