"""The order book of one symbol: two ladders and an index of what rests in them.

The book knows orders, not members: any integer names an order. Identity, resends and canaries are the venue's
business (`engine.venue`). Every operation returns an `Outcome`; nothing here raises for what a member may send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.ladder import NO_KEY, Ladder, RestingOrder
from engine.matching import can_fill, match
from engine.messages import CancelTuple, FillTuple, OrderType, Outcome, Reason, Side, Status, TimeInForce

__all__ = ["CANCELLED", "REJECTED", "Book"]

_ANY_PRICE: Final = NO_KEY - 1
_MARKET: Final = int(OrderType.MARKET)
_SELL: Final = int(Side.SELL)
_IOC: Final = int(TimeInForce.IOC)
_FOK: Final = int(TimeInForce.FOK)
_OPEN: Final = int(Status.OPEN)
_FILLED: Final = int(Status.FILLED)
_CANCELLED: Final = int(Status.CANCELLED)
_NONE: Final = int(Reason.NONE)

REJECTED: Final = {reason: Outcome(int(Status.REJECTED), int(reason)) for reason in Reason}
"""One shared outcome for each reason: rejects change nothing and carry nothing else."""

CANCELLED: Final = Outcome(_CANCELLED)
"""The outcome of everything that ends an order without a trade."""

_UNKNOWN_ORDER: Final = REJECTED[Reason.UNKNOWN_ORDER]
_DUPLICATE_ORDER: Final = REJECTED[Reason.DUPLICATE_ORDER]
_BAD_QUANTITY: Final = REJECTED[Reason.BAD_QUANTITY]
_BAD_PRICE: Final = REJECTED[Reason.BAD_PRICE]
_WOULD_TRADE: Final = REJECTED[Reason.WOULD_TRADE]
_OFF_TICK: Final = REJECTED[Reason.OFF_TICK]
_ODD_LOT: Final = REJECTED[Reason.ODD_LOT]


class Book:
    """Two ladders, the index of their orders, the last trade, and the account of all quantity that ever came in.

    `entered` = what rests + 2 x `traded` + `cancelled`: a trade takes its quantity from both of its orders. A replaced
    order that loses its place leaves and enters again. `coarse` says that prices or quantities have steps to keep.

    Arguments are positional and outcomes are given all four fields: this runs once a command, and keywords and
    defaults cost a quarter of it (CPython 3.11).
    """

    __slots__ = (
        "asks",
        "bids",
        "cancelled",
        "coarse",
        "entered",
        "index",
        "last_price",
        "last_qty",
        "lot",
        "tick",
        "traded",
    )

    def __init__(self, tick: int = 1, lot: int = 1) -> None:
        """An empty book that has never traded; prices are multiples of `tick`, quantities of `lot`."""
        self.tick = tick
        self.lot = lot
        self.coarse = tick > 1 or lot > 1
        self.bids = Ladder(Side.BUY)
        self.asks = Ladder(Side.SELL)
        self.index: dict[int, RestingOrder] = {}
        self.last_price = 0
        self.last_qty = 0
        self.entered = 0
        self.traded = 0
        self.cancelled = 0

    def new(self, order: RestingOrder, order_type: int, post: bool) -> Outcome:  # noqa: PLR0911 - a return a rule
        """Take a new order: trade what can trade, rest what may rest, cancel what is left.

        `post` (post only) rejects an order that would trade at once.
        """
        if order.open_qty <= 0:
            return _BAD_QUANTITY
        if order.order_id in self.index:
            return _DUPLICATE_ORDER
        if self.coarse and order.open_qty % self.lot:
            return _ODD_LOT
        if order_type == _MARKET:
            return self._enter(order, _ANY_PRICE, False, post)
        price = order.price
        if price <= 0:
            return _BAD_PRICE
        if self.coarse and price % self.tick:
            return _OFF_TICK
        return self._enter(order, -price if order.side == _SELL else price, order.tif < _IOC, post)

    def cancel(self, order_id: int) -> Outcome:
        """Take a resting order out of the book."""
        order = self.index.pop(order_id, None)
        if order is None:
            return _UNKNOWN_ORDER
        (self.asks if order.side == _SELL else self.bids).remove(order)
        self.cancelled += order.open_qty
        return CANCELLED

    def sweep(self, chosen: Callable[[RestingOrder], bool]) -> tuple[CancelTuple, ...]:
        """Cancel every order that is `chosen`, bids first, each side in price-time priority; gives what was open."""
        orders = [order for ladder in (self.bids, self.asks) for order in ladder if chosen(order)]
        for order in orders:
            self.cancel(order.order_id)
        return tuple((order.order_id, order.open_qty) for order in orders)

    def reduce(self, order_id: int, qty: int) -> Outcome:
        """Take `qty` off the open quantity and keep priority; at or below zero the order is cancelled."""
        order = self.index.get(order_id)
        if order is None:
            return _UNKNOWN_ORDER
        if qty <= 0:
            return _BAD_QUANTITY
        if self.coarse and qty % self.lot:
            return _ODD_LOT
        if qty >= order.open_qty:
            return self.cancel(order_id)
        order.open_qty -= qty
        self.cancelled += qty
        order.image = None
        return Outcome(_OPEN, _NONE, order.open_qty, ())

    def replace(self, order_id: int, price: int, qty: int, post: bool) -> Outcome:
        """Give an order another price (0: unchanged) and open quantity.

        The same price and not more quantity keeps time priority; anything else loses it and may trade at once.
        A `post` replacement that would trade is rejected and leaves the order as it was.
        """
        order = self.index.get(order_id)
        if order is None:
            return _UNKNOWN_ORDER
        if qty <= 0:
            return _BAD_QUANTITY
        if price < 0:
            return _BAD_PRICE
        if self.coarse and (qty % self.lot or price % self.tick):
            return _ODD_LOT if qty % self.lot else _OFF_TICK
        price = price or order.price
        if price == order.price and qty <= order.open_qty:
            self.cancelled += order.open_qty - qty
            order.open_qty = qty
            order.image = None
            return Outcome(_OPEN, _NONE, qty, ())
        return self._move(order, price, qty, post)

    def quote(self) -> tuple[int, int, int, int]:
        """Best bid, its quantity, best ask, its quantity; price and quantity are 0 where a side is empty."""
        bids, asks = self.bids, self.asks
        return (
            bids.best_price() or 0,
            bids.quantity_at(bids.best),
            asks.best_price() or 0,
            asks.quantity_at(asks.best),
        )

    def check(self) -> None:
        """Hold the book's invariants.

        Raises:
            AssertionError: one of them is broken.
        """
        self.bids.check()
        self.asks.check()
        resting = {order.order_id: order for ladder in (self.bids, self.asks) for order in ladder}
        assert resting == self.index, "the index is the ladders' orders"
        bid, ask = self.bids.best_price(), self.asks.best_price()
        assert bid is None or ask is None or bid < ask, "a book at rest is not crossed"
        resting_qty = sum(order.open_qty for order in resting.values())
        assert self.entered == resting_qty + 2 * self.traded + self.cancelled, "no quantity is made or lost"
        for order in resting.values():
            assert order.tif < _IOC, "what may not rest does not"
            assert order.price % self.tick == 0, "an order rests on a tick"
            assert order.open_qty % self.lot == 0, "an order rests in whole lots"

    def _move(self, order: RestingOrder, price: int, qty: int, post: bool) -> Outcome:
        side = order.side
        opposite = self.bids if side == _SELL else self.asks
        limit = -price if side == _SELL else price
        if post and opposite.best <= limit:
            return _WOULD_TRADE
        self.cancel(order.order_id)
        moved = RestingOrder(order.order_id, side, price, qty, order.customer, order.tif)
        return self._enter(moved, limit, True, False)

    def _enter(self, order: RestingOrder, limit: int, rests: bool, post: bool) -> Outcome:
        if order.side == _SELL:
            own, opposite = self.asks, self.bids
        else:
            own, opposite = self.bids, self.asks
        fills: tuple[FillTuple, ...] = ()
        qty = order.open_qty
        if opposite.best <= limit:
            if post:
                return _WOULD_TRADE
            self.entered += qty
            if order.tif == _FOK and not can_fill(opposite, limit, qty):
                self.cancelled += qty
                return CANCELLED
            fills = self._trade(opposite, order, limit)
            self.traded += qty - order.open_qty
            if not order.open_qty:
                return Outcome(_FILLED, _NONE, 0, fills)
        else:
            self.entered += qty
        if not rests:
            self.cancelled += order.open_qty
            return Outcome(_CANCELLED, _NONE, 0, fills)
        self.index[order.order_id] = order
        own.append(order)
        return Outcome(_OPEN, _NONE, order.open_qty, fills)

    def _trade(self, opposite: Ladder, order: RestingOrder, limit: int) -> tuple[FillTuple, ...]:
        fills: list[FillTuple] = []
        match(opposite, self.index, order, limit, fills)
        _, _, self.last_price, self.last_qty = fills[-1]
        return tuple(fills)
