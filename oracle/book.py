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
NEW, CANCEL, REPLACE, REDUCE, MASS_CANCEL, HALT, RESUME, DAY_END = 1, 2, 3, 4, 5, 6, 7, 8
MARKET = 1
DAY, IOC, FOK = 1, 2, 3
OPEN, FILLED, CANCELLED, REJECTED, DONE = 1, 2, 3, 4, 5
UNKNOWN_ORDER, DUPLICATE_ORDER, BAD_QUANTITY, BAD_PRICE, WOULD_TRADE, HALTED, TOO_OLD = 1, 2, 3, 4, 5, 6, 7
OFF_TICK, ODD_LOT, NOT_ALLOWED, NOT_HALTED = 8, 9, 10, 11
BY_MEMBER, DISCONNECTED, BY_OPERATOR, DAY_ENDED = 16, 17, 18, 19
CANARY_MEMBER, EDGE_MEMBER = 65000, 65002
WINDOW = 32

Trade = tuple[int, int, int, int]


@dataclass(frozen=True)
class Answer:
    """Status, reason, open quantity, trades (maker, taker, price, qty) and orders ended (id, qty) of one command."""

    status: int
    reason: int = 0
    open_qty: int = 0
    trades: tuple[Trade, ...] = ()
    ended: tuple[tuple[int, int], ...] = ()


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

    tick: int = 1
    lot: int = 1
    orders: list[NaiveOrder] = field(default_factory=list)
    last_trade: tuple[int, int] = (0, 0)
    arrivals: int = 0
    entered: int = 0
    traded: int = 0

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

    def cancelled(self) -> int:
        """What came in and neither rests nor traded; a trade took its quantity from two orders."""
        return self.entered - sum(order.qty for order in self.orders) - 2 * self.traded

    def new(self, command: Mapping[str, int]) -> Answer:  # noqa: PLR0911 - a return a rule
        """A new order."""
        if command["qty"] <= 0:
            return Answer(REJECTED, BAD_QUANTITY)
        if self.find(command["command_id"]) is not None:
            return Answer(REJECTED, DUPLICATE_ORDER)
        if command["qty"] % self.lot != 0:
            return Answer(REJECTED, ODD_LOT)
        price = None if command["type"] == MARKET else command["price"]
        if price is not None and price <= 0:
            return Answer(REJECTED, BAD_PRICE)
        if price is not None and price % self.tick != 0:
            return Answer(REJECTED, OFF_TICK)
        reached = self.meets(command["side"], price)
        if reached and command["flags"] & 2:
            return Answer(REJECTED, WOULD_TRADE)
        self.entered += command["qty"]
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
            self.traded += qty
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

    def change(self, command: Mapping[str, int]) -> Answer:  # noqa: PLR0911 - a return a rule
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
        if command["qty"] % self.lot != 0:
            return Answer(REJECTED, ODD_LOT)
        order.qty = max(0, order.qty - command["qty"])
        if order.qty == 0:
            self.orders.remove(order)
            return Answer(CANCELLED)
        return Answer(OPEN, open_qty=order.qty)

    def replace(self, order: NaiveOrder, command: Mapping[str, int]) -> Answer:
        """Another price or quantity; only "same price, not more" keeps the place in the queue."""
        if command["price"] < 0:
            return Answer(REJECTED, BAD_PRICE)
        if command["qty"] % self.lot != 0:
            return Answer(REJECTED, ODD_LOT)
        if command["price"] % self.tick != 0:
            return Answer(REJECTED, OFF_TICK)
        price = command["price"] or order.price
        if price == order.price and command["qty"] <= order.qty:
            order.qty = command["qty"]
            return Answer(OPEN, open_qty=order.qty)
        reached = self.meets(order.side, price)
        if reached and command["flags"] & 2:
            return Answer(REJECTED, WOULD_TRADE)
        self.orders.remove(order)
        order.price, order.qty = price, command["qty"]
        self.entered += order.qty
        return self.trade(order, reached, rests=True)

    def end(self, ended: list[NaiveOrder]) -> tuple[tuple[int, int], ...]:
        """Take orders out: buys before sells, each side as it would trade."""
        in_turn = [order for side in (BUY, SELL) for order in self.side(side) if order in ended]
        self.orders = [order for order in self.orders if order not in ended]
        return tuple((order.order_id, order.qty) for order in in_turn)

    def canonical(self) -> bytes:
        """The book's part of the canonical bytes."""
        raw = _integer(self.last_trade[0], 8) + _integer(self.last_trade[1], 4)
        raw += _integer(self.entered, 16) + _integer(self.traded, 16) + _integer(self.cancelled(), 16)
        for side in (BUY, SELL):
            orders = self.side(side)
            raw += _integer(len(orders), 4)
            for order in orders:
                raw += _integer(order.order_id, 8) + _integer(order.price, 8) + _integer(order.qty, 4)
                raw += _integer(order.customer, 2) + _integer(order.tif, 1)
        return raw


@dataclass(frozen=True)
class Remembered:
    """A member's command and what it was answered, for as long as a resend may ask."""

    command_id: int
    seq: int
    ts_ns: int
    answer: Answer


class NaiveVenue:
    """The market's book, the canary book, and everything that anybody was ever answered."""

    def __init__(self, symbol: str, *, tick: int = 1, lot: int = 1) -> None:
        """The genesis state."""
        self.symbol = symbol
        self.seq = 0
        self.halted = False
        self.tick, self.lot = tick, lot
        self.books = (NaiveBook(tick, lot), NaiveBook(tick, lot))
        self.history: dict[int, list[Remembered]] = {}

    def window(self, member: int) -> list[Remembered]:
        """The member's last answers, oldest first."""
        return self.history.get(member, [])[-WINDOW:]

    def mark(self, member: int) -> int:
        """The highest id that a member has used; numbers start at 1."""
        return max((one.command_id for one in self.window(member)), default=member * 2**48)

    def recall(self, command_id: int) -> Remembered | None:
        """What the command of that id was answered at first, while its member's window holds it."""
        for one in self.window(command_id // 2**48):
            if one.command_id == command_id:
                return one
        return None

    def apply(self, command: Mapping[str, int]) -> Answer:
        """Apply the next command."""
        self.seq += 1
        identity = command["command_id"]
        member = identity // 2**48
        if identity <= self.mark(member):
            return Answer(REJECTED, TOO_OLD)
        answer = self.execute(command)
        self.history.setdefault(member, []).append(Remembered(identity, self.seq, command["ts_ns"], answer))
        return answer

    def execute(self, command: Mapping[str, int]) -> Answer:
        """What a command that was never seen before does."""
        member = command["command_id"] // 2**48
        book = self.books[command["flags"] & 1]
        if command["kind"] == MASS_CANCEL:
            return self.mass_cancel(member, command["target_id"] // 2**48, command["target_id"], book)
        if (command["kind"] in {HALT, RESUME, DAY_END}) != (member > CANARY_MEMBER):
            return Answer(REJECTED, NOT_ALLOWED)
        if member > CANARY_MEMBER:
            return self.operate(command["kind"], book)
        if command["kind"] != NEW and command["target_id"] // 2**48 != member:
            return Answer(REJECTED, UNKNOWN_ORDER)
        if self.halted and command["kind"] in {NEW, REPLACE}:
            return Answer(REJECTED, HALTED)
        return book.new(command) if command["kind"] == NEW else book.change(command)

    def operate(self, kind: int, book: NaiveBook) -> Answer:
        """End the day, halt or resume."""
        if kind == DAY_END:
            return Answer(DONE, DAY_ENDED, ended=book.end([order for order in book.orders if order.tif == DAY]))
        if self.halted == (kind == HALT):
            return Answer(REJECTED, HALTED if kind == HALT else NOT_HALTED)
        self.halted = kind == HALT
        return Answer(DONE)

    def mass_cancel(self, sender: int, whose: int, target: int, book: NaiveBook) -> Answer:
        """End one member's orders, or everybody's: a member may end its own, who operates the market any."""
        if sender <= CANARY_MEMBER:
            if target and whose != sender:
                return Answer(REJECTED, NOT_ALLOWED)
            whose, reason = sender, BY_MEMBER
        else:
            reason = DISCONNECTED if sender == EDGE_MEMBER else BY_OPERATOR
        ended = [order for order in book.orders if whose in {0, order.order_id // 2**48}]
        return Answer(DONE, reason, ended=book.end(ended))

    def canonical(self) -> bytes:
        """The bytes that the digest is taken of."""
        raw = b"AEXS" + _integer(1, 1) + self.symbol.encode().ljust(8, b"\0") + _integer(self.seq, 8)
        raw += _integer(int(self.halted), 1) + _integer(self.tick, 4) + _integer(self.lot, 4)
        raw += self.books[0].canonical() + self.books[1].canonical()
        members = sorted(self.history)
        raw += _integer(len(members), 4)
        return raw + b"".join(self.canonical_window(member) for member in members)

    def canonical_window(self, member: int) -> bytes:
        """One member's part of the canonical bytes."""
        window = self.window(member)
        raw = _integer(member, 2) + _integer(len(window), 2)
        for one in window:
            answer = one.answer
            raw += _integer(one.command_id, 8) + _integer(one.seq, 8) + _integer(one.ts_ns, 8)
            raw += _integer(answer.status, 1) + _integer(answer.reason, 1)
            raw += _integer(answer.open_qty, 4) + _integer(len(answer.trades), 4)
            for maker, taker, price, qty in answer.trades:
                raw += _integer(maker, 8) + _integer(taker, 8) + _integer(price, 8) + _integer(qty, 4)
        return raw

    def digest(self) -> bytes:
        """blake3 of the canonical bytes."""
        return blake3(self.canonical()).digest()


def _integer(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little", signed=value < 0)
