"""Terms of each order as the journal states them: side, limit and ordered quantity, effective from a seq on.

An order's life is cut into *terms*: the first starts with its NEW, each effective REPLACE starts another. A fill at seq
s falls under the last term that started at or before s: a replace that trades at once trades under its own price.

Not every journalled REPLACE took effect; the journal has no outcomes and this reader has no book. Left out are those
which members know to be rejected (their acknowledgement says so), those without quantity, and those of another member.
REDUCE is ignored: the bound on executed quantity is then the looser one, never a false alarm.

    NEW  seq 5  buy 100 @ 50        term 1: seq 5..8, at most 100 bought, at most at 50
    REPLACE seq 9  40 @ 52          term 2: seq 9..,  at most  40 bought, at most at 52
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from expectations.layout import BUY, MARKET, MEMBER_SHIFT, NEW, REPLACE

__all__ = ["ANY_PRICE", "UNKNOWN", "Terms", "terms"]

Array = np.ndarray[Any, Any]
ANY_PRICE = 2**63 - 1  # a market order's limit; a selling one's is the negative
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Terms:
    """Rows sorted by order and seq. `order_ids` is sorted; `order` is each row's place in it."""

    order_ids: Array
    order: Array
    seq: Array
    side: Array
    limit: Array
    qty: Array
    keys: Array
    span: int

    def at(self, order_ids: Array, seqs: Array) -> Array:
        """Row effective for each (order, seq); UNKNOWN where the journal has no such order by then."""
        if not len(self.order_ids):
            return np.full(len(order_ids), UNKNOWN, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.order_ids, order_ids), len(self.order_ids) - 1)
        row = np.searchsorted(self.keys, place * self.span + np.minimum(seqs, self.span - 1), side="right") - 1
        known = (self.order_ids[place] == order_ids) & (row >= 0) & (self.order[row] == place)
        return np.where(known, row, UNKNOWN)


def terms(commands: Array, seqs: Array, rejected_seqs: Array) -> Terms:
    """Terms of all orders of one symbol; `rejected_seqs`: commands whose acknowledgement said rejected."""
    heard = ~np.isin(seqs, rejected_seqs)
    news = np.flatnonzero((commands["kind"] == NEW) & heard)
    order_ids, first = np.unique(commands["command_id"][news], return_index=True)
    starts = np.concatenate([news[first], _effective(commands, order_ids, heard)])
    order = np.searchsorted(order_ids, _order_of(commands[starts]))
    by_order = np.lexsort((seqs[starts], order))
    starts, order = starts[by_order], order[by_order]
    chosen = commands[starts]
    opening = chosen["kind"] == NEW
    origin = _carried(opening)
    side = chosen["side"][origin].astype(np.int64)
    market = chosen["type"][origin] == MARKET
    price = chosen["price"][_carried(opening | (chosen["price"] > 0))]
    limit = np.where(market, np.where(side == BUY, ANY_PRICE, -ANY_PRICE), price)
    span = int(seqs.max(initial=0)) + 2
    seq = seqs[starts]
    return Terms(order_ids, order, seq, side, limit, chosen["qty"].astype(np.int64), order * span + seq, span)


def _order_of(commands: Array) -> Array:
    order: Array = np.where(commands["kind"] == NEW, commands["command_id"], commands["target_id"])
    return order


def _effective(commands: Array, order_ids: Array, heard: Array) -> Array:
    """Places of replaces that may have taken effect."""
    if not len(order_ids):
        return np.empty(0, dtype=np.int64)
    places = np.flatnonzero((commands["kind"] == REPLACE) & (commands["qty"] > 0) & heard)
    target, sender = commands["target_id"][places], commands["command_id"][places]
    known = order_ids[np.minimum(np.searchsorted(order_ids, target), len(order_ids) - 1)] == target
    effective: Array = places[known & ((target >> MEMBER_SHIFT) == (sender >> MEMBER_SHIFT))]
    return effective


def _carried(marked: Array) -> Array:
    """For each place the last marked place at or before it (the first place of an order is always marked)."""
    return np.maximum.accumulate(np.where(marked, np.arange(len(marked)), 0))
