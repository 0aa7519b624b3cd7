"""RPO: commands that were acknowledged to a member and do not lie in the contiguous recovered prefix.

It is computed from the members' captures and the recovered seq of each symbol, never from the journal: the journal
cannot report what it never got.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

KINDS = {
    1: "new",
    2: "cancel",
    3: "replace",
    4: "reduce",
    5: "mass_cancel",
    6: "halt",
    7: "resume",
    8: "day_end",
}
WORTH = 3  # the column that rows of earlier versions lack
LISTED = 1000  # rows of lost commands kept in the record; the counts are always complete

# Symbol -> member -> rows of seq, ack time (ns), command kind and what the order was worth (cents; see captures.py).
# Rows that were filed before worth was known have three columns.
Acked = Mapping[str, Mapping[int, Sequence[Sequence[Any]]]]


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """One acknowledged command that the recovery did not bring back."""

    symbol: str
    member: int
    seq: int
    kind: str
    acked_ns: str


class RecoveryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery point over the scope. `rpo_time_ns` is the maximum over symbols, 0 where nothing is lost.

    `lost_notional_cents` is price x quantity of the lost new orders that named a price, and `lost_unpriced` counts
    those that named none; None where the captures were filed without it.
    """

    acknowledged: int
    lost_orders: int
    lost_by_kind: dict[str, int]
    members_touched: int
    rpo_time_ns: int
    worst_symbol: str | None
    lost: tuple[Lost, ...]
    lost_by_symbol: dict[str, int]
    lost_notional_cents: int | None
    lost_unpriced: int | None


def _time_lost_ns(kept: Sequence[Sequence[Any]], lost: Sequence[Sequence[Any]]) -> int:
    """Ack time of the last acknowledged minus that of the last contiguous recovered, for one symbol's rows."""
    if not lost:
        return 0
    at = [int(row[1]) for row in lost]
    return max(at) - (max(int(row[1]) for row in kept) if kept else min(at))


def recovery_point(acked: Acked, contiguous: Mapping[str, int]) -> RecoveryPoint:
    """Compare what members hold with the last contiguous recovered seq of each symbol.

    A symbol that is missing from `contiguous` was not recovered at all: its recovered prefix is empty (seq 0).
    """
    lost: list[Lost] = []
    orders: list[Sequence[Any]] = []
    total, worst, worst_symbol = 0, 0, None
    for symbol, members in sorted(acked.items()):
        prefix = contiguous.get(symbol, 0)
        rows = [(member, row) for member, member_rows in members.items() for row in member_rows]
        total += len(rows)
        gone = [(member, row) for member, row in rows if row[0] > prefix]
        lost += [
            Lost(symbol=symbol, member=member, seq=row[0], kind=KINDS.get(row[2], "unknown"), acked_ns=str(row[1]))
            for member, row in gone
        ]
        orders += [row for _, row in gone]
        time_lost = _time_lost_ns([row for _, row in rows if row[0] <= prefix], [row for _, row in gone])
        if time_lost > worst:
            worst, worst_symbol = time_lost, symbol
    lost.sort(key=lambda row: (row.symbol, row.seq))
    worth = [row[WORTH] for row in orders] if all(len(row) > WORTH for row in orders) else None
    return RecoveryPoint(
        acknowledged=total,
        lost_orders=len(lost),
        lost_by_kind=dict(Counter(row.kind for row in lost)),
        members_touched=len({row.member for row in lost}),
        rpo_time_ns=worst,
        worst_symbol=worst_symbol,
        lost=tuple(lost[:LISTED]),
        lost_by_symbol=dict(Counter(row.symbol for row in lost)),
        lost_notional_cents=None if worth is None else sum(cents or 0 for cents in worth),
        lost_unpriced=None if worth is None else worth.count(None),
    )
