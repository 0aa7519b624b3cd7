"""What was lost and what was read: the recovery point, the journal account, the delivery buffer."""

from __future__ import annotations

from typing import Any

from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.timeline import SECOND_NS
from drill.core.verdict import Verdict


def point(evidence: Evidence, verdict: Verdict) -> r.RecoveryPoint:
    """The recovery point as the captures show it; None where they cannot."""
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
        notional_cents=point.lost_notional_cents,
        unpriced=point.lost_unpriced,
        phantom_fills=_unexpected(validation, "fill_witnessed", scope),
        unacknowledged=len(validation["unacknowledged"]) if validation else None,
    )


def _unexpected(validation: dict[str, Any] | None, expectation: str, scope: set[str]) -> int | None:
    """Rows that one expectation found over the scope; None where it was not evaluated."""
    own = [check for check in (validation or {"checks": ()})["checks"] if check["symbol"] in scope]
    named = [check for check in own if check["expectation"] == expectation and check["evaluated"]]
    return sum(int(check["unexpected"]) for check in named) if named else None


def journal(evidence: Evidence) -> r.JournalAccount | None:
    """What was read of the scope's journal; None where nothing was recovered."""
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
        snapshots_used=sum(bool(row.get("snapshot")) for row in rows),
        snapshot_age_ns=max((int(row["snapshot"]["age_ns"]) for row in rows if row.get("snapshot")), default=None),
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


def buffer(evidence: Evidence) -> r.FlushBuffer | None:
    """The physics of the delivery buffer around the loss."""
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


def lag(evidence: Evidence) -> tuple[r.LagPoint, ...]:
    """How far delivery was behind, by the streams' own metric, as it was read right after the loss."""
    return tuple(
        r.LagPoint(
            at_ns=int(one["at_ns"]), worst_ns=int(one["age_ns"]), stream=one["stream"], streams=int(one["streams"])
        )
        for one in (evidence.get("journal-lag") or {"points": ()})["points"]
    )


def _integer(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
