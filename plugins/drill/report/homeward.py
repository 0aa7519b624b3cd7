"""The way home as the report tells it: of a loss drill's phase and of dr_failback alike."""

from __future__ import annotations

from typing import Any

from drill.core import homecoming
from drill.core import report as r
from drill.core.evidence import Evidence

SAID = {
    "begun": "begun: what is left of the lost primary is cleared away",
    "built": "the primary stands, built anew from code",
    "asked": "the DR site is told to freeze",
    "drained": "its journal is carried back",
    "recovered": "the primary has recovered; states are compared",
    "open": "epoch, names and doors are the primary's",
    "members": "members are back",
}


def failback(evidence: Evidence) -> r.Failback | None:
    """None where nobody set out for home."""
    plan, at = evidence.plan, homecoming.moments(evidence)
    if plan is None or not plan.failback or not at:
        return None
    frozen = (evidence.get("frozen") or {"symbols": {}})["symbols"]
    rows = (evidence.get("recovered-home") or {"symbols": {}})["symbols"]
    acked: dict[str, Any] = evidence.get("acked-home") or {}
    held = homecoming.proven(evidence)
    asked, members = at.get("asked"), at.get("members")
    return r.Failback(
        went_home=evidence.get("failback") is not None and all(held.values()),
        from_epoch=plan.epoch,
        epoch=plan.home_epoch,
        moments=tuple(r.Moment(name=SAID[name], at_ns=at.get(name)) for name in homecoming.MOMENTS),
        closed_ns=None if asked is None or members is None else members - asked,
        acknowledged=acked.get("acknowledged"),
        symbols=tuple(
            _symbol(symbol, row, rows.get(symbol), held.get(symbol), acked.get("highest", {}).get(symbol))
            for symbol, row in sorted(frozen.items())
        ),
    )


def _symbol(
    symbol: str, frozen: dict[str, Any], home: dict[str, Any] | None, held: bool | None, acked: int | None
) -> r.HomeSymbol:
    return r.HomeSymbol(
        symbol=symbol,
        frozen_seq=int(frozen["seq"]),
        frozen_digest="" if frozen.get("halted") else str(frozen["digest"]),
        home_seq=None if home is None else int(home["seq"]),
        home_digest="" if home is None else str(home.get("digest") or ""),
        equal=held,
        acked_seq=acked,
    )
