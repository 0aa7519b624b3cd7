"""The orders that rested when an epoch began: an order of an earlier epoch may execute in a later one.

They come from the snapshot that the site wrote at its opening. The record of the opening, which was written once and
before the site traded, says what its digest must be.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.snapshot import decode_snapshot, snapshot_key
from engine.storage import Store
from expectations.layout import COMMAND, NEW

__all__ = ["NO_ORDERS", "OpeningError", "resting_orders"]

NO_ORDERS = np.zeros(0, dtype=COMMAND)


class OpeningError(ValueError):
    """The snapshot of an epoch's opening is missing, broken, or another one than was recorded."""


def resting_orders(store: Store, symbol: str, *, epoch: int, seq: int, digest: str) -> np.ndarray[Any, Any]:
    """The market's resting orders at the opening as NEW commands: what each may still execute, and at which price.

    Args:
        store: opened at `.../snapshots/`.
        symbol: whose orders.
        epoch: which began with the state at `seq`.
        seq: the last one before the epoch; 0 is genesis, where nothing rests.
        digest: hex, of that state, by the record of the opening.

    Raises:
        OpeningError: nobody can say what rested.
    """
    if not seq:
        return NO_ORDERS
    key = snapshot_key(epoch, symbol, seq)
    try:
        snapshot = decode_snapshot(store.get(key))
        venue = snapshot.venue()
    except EngineError as error:
        raise OpeningError(str(error)) from error
    if (snapshot.symbol, snapshot.seq, snapshot.digest.hex()) != (symbol, seq, digest):
        found = f"{snapshot.symbol} seq {snapshot.seq} {snapshot.digest.hex()}"
        raise OpeningError(f"{store.address}{key}: expected {symbol} seq {seq} {digest}, found {found}")
    orders = [order for ladder in (venue.book.bids, venue.book.asks) for order in ladder]
    rows = np.zeros(len(orders), dtype=COMMAND)
    for column, attribute in COLUMNS.items():
        rows[column] = [getattr(order, attribute) for order in orders]
    rows["kind"] = NEW
    return rows


COLUMNS = {
    "command_id": "order_id",
    "price": "price",
    "qty": "open_qty",
    "customer": "customer",
    "side": "side",
    "tif": "tif",
}
