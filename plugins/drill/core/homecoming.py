"""Going home after a real failover: its marks, its recovery point, and what was proven, from the raw evidence.

The same three clocks as a recovery's, at the other end: T0 is the moment at which the DR site was told to take nothing
more, T8 the moment at which the primary's states were compared with the frozen ones, T9 and T10 are canaries and
members at the primary. So the headline is how long the exchange was closed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from drill.core.bad_plan import BadPlan
from drill.core.evidence import Evidence
from drill.core.plan import Plan
from drill.core.recovery_point import RecoveryPoint, recovery_point
from drill.core.timeline import Marks, first_orders

MOMENTS = ("begun", "built", "asked", "drained", "recovered", "open", "members")
"""Moments of a failback in their order; `asked` is when the first symbol was told to freeze."""


def way_home(failover: Plan, *, drill_id: str, requester: str, rto_objective_s: int) -> Plan:
    """The plan of going home from this failover. Raises BadPlan where nobody asks for it."""
    if not requester:
        msg = "dr_failback: going home is asked for by a named person; trigger it signed in to Airflow"
        raise BadPlan(msg)
    return msgspec.structs.replace(
        failover,
        drill_id=drill_id,
        purpose="failback",
        of=failover.drill_id,
        requester=requester,
        rto_objective_s=rto_objective_s,
        failback=True,
        approvers=0,
    )


def proven(evidence: Evidence) -> dict[str, bool]:
    """Symbol -> whether the primary came to the state in which the DR site had stopped, seq and digest.

    A symbol that was halted by its engine had no state to hand over, and proves nothing either way: it is left out.
    """
    rows = (evidence.get("recovered-home") or {"symbols": {}})["symbols"]
    return {
        symbol: symbol in rows and (rows[symbol]["seq"], rows[symbol]["digest"]) == (row["seq"], row["digest"])
        for symbol, row in (evidence.get("frozen") or {"symbols": {}})["symbols"].items()
        if not row.get("halted")
    }


def moments(evidence: Evidence) -> dict[str, int]:
    """The moments that were reached, ns UTC, each as it was noted when it came: also of a failback that failed."""
    found = {name: evidence.get(f"home-{name}") for name in MOMENTS if name != "asked"}
    asked = [int(row["asked_ns"]) for row in (evidence.get("frozen") or {"symbols": {}})["symbols"].values()]
    noted = {name: int(document["at_ns"]) for name, document in found.items() if document is not None}
    return noted | ({"asked": min(asked)} if asked else {})


def marks(evidence: Evidence) -> Marks:
    """Every mark of the way home."""
    plan, at, held = evidence.plan, moments(evidence), proven(evidence)
    scope = plan.symbols if plan else ()
    orders = first_orders(evidence)
    back = at.get("members")
    resumed = None
    if scope and back is not None and all(symbol in orders for symbol in scope):
        resumed = max(back, *(orders[symbol] for symbol in scope))
    inventory = evidence.get("inventory")
    compared = at.get("recovered")
    return Marks(
        t0_impact=at.get("asked"),
        t1_detected=None,
        t2_declared=None,
        t3_build_start=at.get("begun"),
        t4_stacks_complete=None,
        t5_engines_up=at.get("built"),
        t6_loaded=_rehydrated(evidence, "started_ns"),
        t7_replayed=_rehydrated(evidence, "finished_ns"),
        t8_validated={symbol: compared for symbol in scope if held.get(symbol) and compared is not None},
        t9_first_order=orders,
        t10_reachable=back,
        t11_resumed=resumed,
        t12_clean=int(inventory["at_ns"]) if inventory is not None and not inventory["orphans"] else None,
    )


def point(evidence: Evidence) -> RecoveryPoint | None:
    """What the DR site had acknowledged and the primary does not know; None where nobody can say, never zero."""
    plan, acked, home = evidence.plan, evidence.get("acked-home-seqs"), evidence.get("recovered-home")
    if plan is None or acked is None or home is None:
        return None
    rows = {
        symbol: {int(member): [(row[0], int(row[1]), *row[2:]) for row in own] for member, own in members.items()}
        for symbol, members in acked["acked"].items()
        if symbol in plan.symbols
    }
    return recovery_point(rows, {symbol: int(row["seq"]) for symbol, row in home["symbols"].items()})


def _rehydrated(evidence: Evidence, key: str) -> dict[str, int]:
    rows: dict[str, Any] = (evidence.get("recovered-home") or {"symbols": {}})["symbols"]
    return {symbol: int(row[key]) for symbol, row in rows.items() if row.get("status") == "recovered" and row.get(key)}
