"""RPO: commands that were acknowledged to a member and do not lie in the contiguous recovered prefix.

It is computed from the members' captures and the recovered seq of each symbol, never from the journal: the journal
cannot report what it never got.
"""

from __future__ import annotations

from collections.abc import Mapping

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
LISTED = 1000  # rows of lost commands kept in the record; the counts are always complete

Acked = Mapping[str, Mapping[int, list[tuple[int, int, int]]]]


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """One acknowledged command that the recovery did not bring back."""

    symbol: str
    member: int
    seq: int
    kind: str
    acked_ns: str


class RecoveryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery point over the scope. `rpo_time_ns` is the maximum over symbols, 0 where nothing is lost."""

    acknowledged: int
    lost_orders: int
    lost_by_kind: dict[str, int]
    members_touched: int
    rpo_time_ns: int
    worst_symbol: str | None
    lost: tuple[Lost, ...]


def _time_lost_ns(rows: list[tuple[int, int, int]], contiguous: int) -> int:
    """Ack time of the last acknowledged minus that of the last contiguous recovered, for one symbol's rows."""
    recovered = [at for seq, at, _ in rows if seq <= contiguous]
    lost = [at for seq, at, _ in rows if seq > contiguous]
    if not lost:
        return 0
    return max(lost) - (max(recovered) if recovered else min(at for _, at, _ in rows))


def recovery_point(acked: Acked, contiguous: Mapping[str, int]) -> RecoveryPoint:
    """Compare what members hold with the last contiguous recovered seq of each symbol.

    A symbol that is missing from `contiguous` was not recovered at all: its recovered prefix is empty (seq 0).
    """
    lost: list[Lost] = []
    total, worst, worst_symbol = 0, 0, None
    for symbol, members in sorted(acked.items()):
        prefix = contiguous.get(symbol, 0)
        rows = [row for member_rows in members.values() for row in member_rows]
        total += len(rows)
        lost += [
            Lost(symbol=symbol, member=member, seq=seq, kind=KINDS.get(kind, "unknown"), acked_ns=str(at))
            for member, member_rows in members.items()
            for seq, at, kind in member_rows
            if seq > prefix
        ]
        time_lost = _time_lost_ns(rows, prefix)
        if time_lost > worst:
            worst, worst_symbol = time_lost, symbol
    lost.sort(key=lambda row: (row.symbol, row.seq))
    by_kind: dict[str, int] = {}
    for row in lost:
        by_kind[row.kind] = by_kind.get(row.kind, 0) + 1
    return RecoveryPoint(
        acknowledged=total,
        lost_orders=len(lost),
        lost_by_kind=by_kind,
        members_touched=len({row.member for row in lost}),
        rpo_time_ns=worst,
        worst_symbol=worst_symbol,
        lost=tuple(lost[:LISTED]),
    )
