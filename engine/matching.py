"""Price-time priority: the best level first, within it the order that has waited longest, at the resting price."""

from __future__ import annotations

from engine.ladder import Ladder, Level, RestingOrder
from engine.messages import FillTuple

__all__ = ["can_fill", "match"]


def match(
    ladder: Ladder, index: dict[int, RestingOrder], taker: RestingOrder, limit: int, fills: list[FillTuple]
) -> None:
    """Trade `taker` against `ladder` as far as key `limit` (inclusive); its open quantity becomes what is left.

    Filled orders leave the ladder and `index`; each trade is appended to `fills`.
    """
    while taker.open_qty and ladder.best <= limit:
        _match_level(ladder, ladder.levels[ladder.best], index, taker, fills)


def _match_level(
    ladder: Ladder, level: Level, index: dict[int, RestingOrder], taker: RestingOrder, fills: list[FillTuple]
) -> None:
    qty = taker.open_qty
    taker_id = taker.order_id
    maker: RestingOrder | None = level.first
    while maker is not None and qty:
        available = maker.open_qty
        if available > qty:
            maker.open_qty = available - qty
            maker.image = None
            fills.append((maker.order_id, taker_id, maker.price, qty))
            qty = 0
            break
        fills.append((maker.order_id, taker_id, maker.price, available))
        del index[maker.order_id]
        qty -= available
        maker.before = None  # no cycle: what was filled is freed now, not when the collector comes by
        maker = maker.after
    taker.open_qty = qty
    if maker is None:
        ladder.drop(level.key)
    else:
        level.first = maker
        maker.before = None


def can_fill(ladder: Ladder, limit: int, qty: int) -> bool:
    """Whether `ladder` holds `qty` as far as key `limit` (inclusive): what FOK asks before it trades at all."""
    for key in ladder.keys:
        if key > limit:
            return False
        for order in ladder.levels[key]:
            qty -= order.open_qty
            if qty <= 0:
                return True
    return False
