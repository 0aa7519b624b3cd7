"""A naive exchange for one symbol: two plain lists per book, linear search, a sort before every question.

The simplest correct version is the specification. It is slow on purpose; the engine must agree with it on every
answer, every order and every digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from blake3 import blake3

__all__ = ["Answer", "NaiveBook", "NaiveOrder", "NaiveVenue"]

BUY, SELL = 0, 1
NEW, CANCEL, REPLACE = 1, 2, 3
MARKET = 1
IOC, FOK = 2, 3
OPEN, FILLED, CANCELLED, REJECTED = 1, 2, 3, 4
UNKNOWN_ORDER, DUPLICATE_ORDER, BAD_QUANTITY, BAD_PRICE, WOULD_TRADE, TOO_OLD = 1, 2, 3, 4, 5, 7

Trade = tuple[int, int, int, int]


@dataclass(frozen=True)
class Answer:
    """Status, reason, open quantity and trades (maker, taker, price, qty) of one command."""

    status: int
    reason: int = 0
    open_qty: int = 0
    trades: tuple[Trade, ...] = ()


@dataclass
class NaiveOrder:
    """A resting order; `arrival` says who waited longer at the same price."""

    order_id: int
    side: int
    price: int
    qty: int
    customer: int
    tif: int
    arrival: int


@dataclass
class NaiveBook:
    """One list of orders, whatever their side and price."""

    orders: list[NaiveOrder] = field(default_factory=list)
    last_trade: tuple[int, int] = (0, 0)
    arrivals: int = 0

    def side(self, side: int) -> list[NaiveOrder]:
        """The orders of one side in price-time priority."""
        mine = [order for order in self.orders if order.side == side]
        return sorted(mine, key=lambda order: (order.price if side == SELL else -order.price, order.arrival))

    def find(self, order_id: int) -> NaiveOrder | None:
        """The resting order of that id."""
        for order in self.orders:
            if order.order_id == order_id:
                return order
        return None

    def meets(self, side: int, price: int | None) -> list[NaiveOrder]:
        """The opposite orders that a price reaches (None reaches all), in the order in which they would trade."""
        return [
            order
            for order in self.side(1 - side)
            if price is None or (order.price <= price if side == BUY else order.price >= price)
        ]

    def new(self, command: Mapping[str, int]) -> Answer:
        """A new order."""
        if command["qty"] <= 0:
            return Answer(REJECTED, BAD_QUANTITY)
        if self.find(command["command_id"]) is not None:
            return Answer(REJECTED, DUPLICATE_ORDER)
        price = None if command["type"] == MARKET else command["price"]
        if price is not None and price <= 0:
            return Answer(REJECTED, BAD_PRICE)
        reached = self.meets(command["side"], price)
        if reached and command["flags"] & 2:
            return Answer(REJECTED, WOULD_TRADE)
        if command["tif"] == FOK and sum(order.qty for order in reached) < command["qty"]:
            return Answer(CANCELLED)
        order = NaiveOrder(
            command["command_id"],
            command["side"],
            command["price"],
            command["qty"],
            command["customer"],
            command["tif"],
            0,
        )
        return self.trade(order, reached, rests=price is not None and command["tif"] not in {IOC, FOK})

    def trade(self, order: NaiveOrder, reached: list[NaiveOrder], *, rests: bool) -> Answer:
        """Trade with `reached` one after the other, then rest or cancel what is left."""
        trades: list[Trade] = []
        for maker in reached:
            qty = min(maker.qty, order.qty)
            if qty == 0:
                break
            trades.append((maker.order_id, order.order_id, maker.price, qty))
            self.last_trade = (maker.price, qty)
            maker.qty -= qty
            order.qty -= qty
        self.orders = [resting for resting in self.orders if resting.qty > 0]
        if order.qty == 0:
            return Answer(FILLED, trades=tuple(trades))
        if not rests:
            return Answer(CANCELLED, trades=tuple(trades))
        self.arrivals += 1
        order.arrival = self.arrivals
        self.orders.append(order)
        return Answer(OPEN, open_qty=order.qty, trades=tuple(trades))

    def change(self, command: Mapping[str, int]) -> Answer:
        """Cancel, replace or reduce a resting order."""
        order = self.find(command["target_id"])
        if order is None:
            return Answer(REJECTED, UNKNOWN_ORDER)
        if command["kind"] == CANCEL:
            self.orders.remove(order)
            return Answer(CANCELLED)
        if command["qty"] <= 0:
            return Answer(REJECTED, BAD_QUANTITY)
        if command["kind"] == REPLACE:
            return self.replace(order, command)
        order.qty = max(0, order.qty - command["qty"])
        if order.qty == 0:
            self.orders.remove(order)
            return Answer(CANCELLED)
        return Answer(OPEN, open_qty=order.qty)

    def replace(self, order: NaiveOrder, command: Mapping[str, int]) -> Answer:
        """Another price or quantity; only "same price, not more" keeps the place in the queue."""
        if command["price"] < 0:
            return Answer(REJECTED, BAD_PRICE)
        price = command["price"] or order.price
        if price == order.price and command["qty"] <= order.qty:
            order.qty = command["qty"]
            return Answer(OPEN, open_qty=order.qty)
        reached = self.meets(order.side, price)
        if reached and command["flags"] & 2:
            return Answer(REJECTED, WOULD_TRADE)
        self.orders.remove(order)
        order.price, order.qty = price, command["qty"]
        return self.trade(order, reached, rests=True)

    def canonical(self) -> bytes:
        """The book's part of the canonical bytes."""
        raw = _integer(self.last_trade[0], 8) + _integer(self.last_trade[1], 4)
        for side in (BUY, SELL):
            orders = self.side(side)
            raw += _integer(len(orders), 4)
            for order in orders:
                raw += _integer(order.order_id, 8) + _integer(order.price, 8) + _integer(order.qty, 4)
                raw += _integer(order.customer, 2) + _integer(order.tif, 1)
        return raw


class NaiveVenue:
    """The market's book, the canary book and the members' marks."""

    def __init__(self, symbol: str) -> None:
        """The genesis state."""
        self.symbol = symbol
        self.seq = 0
        self.books = (NaiveBook(), NaiveBook())
        self.marks: dict[int, int] = {}

    def apply(self, command: Mapping[str, int]) -> Answer:
        """Apply the next command."""
        self.seq += 1
        identity = command["command_id"]
        member = identity // 2**48
        if identity <= self.marks.get(member, 0):
            return Answer(REJECTED, TOO_OLD)
        self.marks[member] = identity
        book = self.books[command["flags"] & 1]
        if command["kind"] == NEW:
            return book.new(command)
        if command["target_id"] // 2**48 != member:
            return Answer(REJECTED, UNKNOWN_ORDER)
        return book.change(command)

    def canonical(self) -> bytes:
        """The bytes that the digest is taken of."""
        raw = b"AEXS" + _integer(1, 1) + self.symbol.encode().ljust(8, b"\0") + _integer(self.seq, 8)
        raw += self.books[0].canonical() + self.books[1].canonical() + _integer(len(self.marks), 4)
        return raw + b"".join(_integer(member, 2) + _integer(mark, 8) for member, mark in sorted(self.marks.items()))

    def digest(self) -> bytes:
        """blake3 of the canonical bytes."""
        return blake3(self.canonical()).digest()


def _integer(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little", signed=value < 0)
