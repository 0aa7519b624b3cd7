"""What others do: books from the package index on the same flow, each in the peers' own environment.

Run as a script there (`python tests/benchmarks/peers.py NAME FILE`): it imports nothing of ours. It prints commands and
CPU seconds as JSON. Only adding, cancelling and matching is asked of a peer; replaces are left out of the flow.
"""

from __future__ import annotations

import json
import logging
import struct
import sys
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

COMMAND = struct.Struct("<qQQqIHBBBBB5x")
NEW, CANCEL = 1, 2
Row = tuple[int, ...]


def rows(file: Path) -> Iterator[Row]:
    """New orders and cancels of the flow."""
    return (fields for fields in COMMAND.iter_unpack(file.read_bytes()) if fields[6] in {NEW, CANCEL})


def lightmatchingengine(flow: list[Row]) -> float:
    """lightmatchingengine 2019.1: an LME keyed by instrument; a cancel names the engine's own order id."""
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side  # noqa: PLC0415

    engine = LightMatchingEngine()
    ids: dict[int, int] = {}
    sides = (Side.BUY, Side.SELL)
    start = time.process_time()
    for _, identity, target, price, qty, _, kind, side, *_ in flow:
        if kind == NEW:
            order, _ = engine.add_order("AAPL", price, qty, sides[side])
            ids[identity] = order.order_id
        elif target in ids:
            try:
                engine.cancel_order(ids[target], "AAPL")
            except AssertionError:
                continue  # too late: it has traded, and was the last at its price
    return time.process_time() - start


def pyorderbook(flow: list[Row]) -> float:
    """pyorderbook 0.4: a book with bid and ask functions."""
    from pyorderbook import Book, ask, bid  # noqa: PLC0415

    logging.disable()  # a cancel that comes too late is an error to it, with a line of its own
    book = Book()
    orders: dict[int, Any] = {}
    start = time.process_time()
    for _, identity, target, price, qty, _, kind, side, *_ in flow:
        if kind == NEW:
            order: Any = (ask if side else bid)("AAPL", price, qty)
            book.match(order)
            orders[identity] = order
        elif target in orders:
            try:
                book.cancel(orders[target])
            except KeyError:
                continue  # too late: it has traded
    return time.process_time() - start


def order_matching(flow: list[Row]) -> float:
    """order-matching 0.12: orders with a time stamp, placed and then matched; here one at a time."""
    from datetime import datetime, timedelta  # noqa: PLC0415

    from loguru import logger  # noqa: PLC0415
    from order_matching.enums import Side  # noqa: PLC0415
    from order_matching.matching_engine import MatchingEngine  # noqa: PLC0415
    from order_matching.order import LimitOrder  # noqa: PLC0415
    from order_matching.orders import Orders  # noqa: PLC0415

    logger.remove()
    engine = MatchingEngine(seed=1)
    moment = datetime(2016, 11, 30, tzinfo=UTC).replace(tzinfo=None)
    start = time.process_time()
    for place, (_, identity, target, price, qty, _, kind, side, *_) in enumerate(flow):
        now = moment + timedelta(microseconds=place)
        if kind == NEW:
            order = LimitOrder(
                side=Side.SELL if side else Side.BUY,
                price=price / 10,
                size=float(qty),
                timestamp=now,
                order_id=str(identity),
                trader_id="1",
            )
            engine.place(orders=Orders([order]))
        else:
            try:
                engine.cancel_order(str(target))
            except ValueError:
                continue  # too late: it has traded
        engine.match(timestamp=now)
    return time.process_time() - start


PEERS = {
    "lightmatchingengine": (lightmatchingengine, 100_000),
    "pyorderbook": (pyorderbook, 100_000),
    "order-matching": (order_matching, 2_000),
}


def main() -> None:
    """Measure one peer."""
    run, count = PEERS[sys.argv[1]]
    flow = [row for _, row in zip(range(count), rows(Path(sys.argv[2])), strict=False)]
    print(json.dumps({"commands": len(flow), "cpu_s": run(flow)}))


if __name__ == "__main__":
    main()
