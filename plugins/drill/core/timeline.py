"""The three clocks: marks T0 to T12 from raw evidence, and the recovery times between them (method.md §1 and §2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from drill.core.evidence import Evidence

SECOND_NS = 1_000_000_000


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """UTC nanoseconds, None where the mark was not reached; T6 to T9 by symbol (symbols without one are absent)."""

    t0_impact: int | None
    t1_detected: int | None
    t2_declared: int | None
    t3_build_start: int | None
    t4_stacks_complete: int | None
    t5_engines_up: int | None
    t6_loaded: dict[str, int]
    t7_replayed: dict[str, int]
    t8_validated: dict[str, int]
    t9_first_order: dict[str, int]
    t10_reachable: int | None
    t11_resumed: int | None
    t12_clean: int | None


class RecoveryTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The three recovery times in nanoseconds; None means not achieved. `impact` includes what was assumed."""

    impact_ns: int | None
    declared_ns: int | None
    technical_ns: int | None
    assumed_ns: int
    worst_symbol: str | None
    by_symbol: dict[str, int]


def _at(document: Any, key: str) -> int | None:
    value = document.get(key) if document else None
    return int(value) if value is not None else None


def _least(*moments: int | None) -> int | None:
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None


def _validated(evidence: Evidence) -> dict[str, int]:
    """T8 by symbol: when its last declared check was evaluated, for symbols whose checks all passed."""
    validation = evidence.get("validation")
    if not validation:
        return {}
    red = {check["symbol"] for check in validation["checks"] if not (check["evaluated"] and check["passed"])}
    return {symbol: int(at) for symbol, at in validation["finished_ns"].items() if symbol not in red}


def first_orders(evidence: Evidence) -> dict[str, int]:
    """T9 by symbol: the canary pair was acknowledged, matched and seen in the market data; the last of the three."""
    word = evidence.get("word-canary")
    stages = ("acked_ns", "matched_ns", "printed_ns")
    return {
        symbol: max(int(marks[stage]) for stage in stages)
        for symbol, marks in (word["symbols"].items() if word else ())
        if all(marks.get(stage) for stage in stages)
    }


def _reachable(evidence: Evidence) -> int | None:
    """T10: the last member's first acknowledgement from the DR site; None unless every member came back."""
    captured = evidence.get("acked-dr")
    if not captured:
        return None
    first = captured["first_ack_by_member"]
    everybody = evidence.get("acked-primary")["first_ack_by_member"] if evidence.get("acked-primary") else {}
    return max(map(int, first.values())) if first and set(everybody) <= set(first) else None


def _rehydrated(evidence: Evidence, key: str) -> dict[str, int]:
    recovered = evidence.get("recovered") or {"symbols": {}}
    return {
        symbol: int(row[key])
        for symbol, row in recovered["symbols"].items()
        if row.get("status") == "recovered" and row.get(key)
    }


def _impact(evidence: Evidence) -> int | None:
    """T0: the last acknowledgement before the loss, or the loss if that was earlier; of an exercise its moment."""
    if evidence.plan is not None and evidence.plan.planned:
        return _at(evidence.get("mark"), "ordered_ns")
    return _least(_at(evidence.get("acked-primary"), "last_ack_ns"), _at(evidence.get("word-loss"), "actual_ns"))


def marks(evidence: Evidence) -> Marks:
    """Every mark of the time line, each from whoever observed it."""
    plan = evidence.plan
    scope: Iterable[str] = plan.symbols if plan else ()
    orders = first_orders(evidence)
    reachable = _reachable(evidence)
    resumed = None
    if scope and reachable is not None and all(symbol in orders for symbol in scope):
        resumed = max(reachable, *(orders[symbol] for symbol in scope))
    declared = evidence.phase("declare")
    inventory = evidence.get("inventory")
    clean = inventory is not None and not inventory["orphans"]
    return Marks(
        t0_impact=_impact(evidence),
        t1_detected=_at(evidence.get("word-monitor"), "at_ns"),
        t2_declared=declared.end_ns if declared.status == "done" else None,
        t3_build_start=_at(evidence.get("stacks"), "started_ns") or evidence.phase("build").start_ns,
        t4_stacks_complete=_at(evidence.get("stacks"), "completed_ns"),
        t5_engines_up=_at(evidence.get("engines"), "at_ns"),
        t6_loaded=_rehydrated(evidence, "started_ns"),
        t7_replayed=_rehydrated(evidence, "finished_ns"),
        t8_validated=_validated(evidence),
        t9_first_order=orders,
        t10_reachable=reachable,
        t11_resumed=resumed,
        t12_clean=_at(inventory, "at_ns") if clean else None,
    )


def _between(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else end - start


def recovery_times(evidence: Evidence, found: Marks | None = None) -> RecoveryTimes:
    """RTO_impact (headline, with the assumed decision), RTO_declared and RTO_technical of the worst symbol."""
    plan = evidence.plan
    at = found or marks(evidence)
    assumed = plan.assumed_s * SECOND_NS if plan else 0
    impact = _between(at.t0_impact, at.t11_resumed)
    scope = plan.symbols if plan else ()
    by_symbol = (
        {symbol: at.t9_first_order[symbol] - at.t0_impact for symbol in scope if symbol in at.t9_first_order}
        if at.t0_impact is not None
        else {}
    )
    technical = None
    if scope and at.t3_build_start is not None and all(symbol in at.t8_validated for symbol in scope):
        technical = max(at.t8_validated[symbol] for symbol in scope) - at.t3_build_start
    return RecoveryTimes(
        impact_ns=None if impact is None else impact + assumed,
        declared_ns=_between(at.t2_declared, at.t11_resumed),
        technical_ns=technical,
        assumed_ns=assumed,
        worst_symbol=max(by_symbol, key=lambda symbol: (by_symbol[symbol], symbol)) if by_symbol else None,
        by_symbol=by_symbol,
    )
