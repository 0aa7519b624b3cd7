"""A believable, seeded order flow: what a hundred customers of each broker-dealer send.

Pure: no clock, no sockets. `Flow.draw` gives the commands of one tick; acknowledgements and fills come back through
`acknowledged` and `filled`, so that customers cancel and replace only what they believe is open.

Shape (sources: shares of new, cancel, replace and executing orders in a real stock, 48 / 32-45 / 5 / 4-16 %):
- per symbol a fair price that walks randomly around the reference price; passive orders rest a few ticks away from it,
  so books cross now and then as it moves;
- the share of cancels leans on the number of live orders, so a book builds up to about `BOOK_TARGET` orders and stays;
- about a tenth of the commands come in microbursts: tens of them for one symbol at one instant. A burst is paid for by
  the calmer ticks after it, so the offered rate over ten seconds stays what was asked for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from engine.messages import Kind, OrderType, Reason, Side, Status, TimeInForce
from witness.clock import SECOND_NS
from witness.directory import Listed
from witness.identity import MEMBER_SHIFT

BUY, SELL = int(Side.BUY), int(Side.SELL)
NEW, CANCEL, REPLACE, REDUCE = int(Kind.NEW), int(Kind.CANCEL), int(Kind.REPLACE), int(Kind.REDUCE)
LIMIT, MARKET = int(OrderType.LIMIT), int(OrderType.MARKET)
GTC, DAY, IOC, FOK = int(TimeInForce.GTC), int(TimeInForce.DAY), int(TimeInForce.IOC), int(TimeInForce.FOK)
OPEN, REJECTED, UNKNOWN_ORDER = int(Status.OPEN), int(Status.REJECTED), int(Reason.UNKNOWN_ORDER)

BOOK_TARGET = 300
"""Live orders per symbol at which cancels are at their nominal share."""
NEW_AND_CANCEL = 0.85
CANCEL_SHARE, CANCEL_LEAN, CANCEL_LEAST, CANCEL_MOST = 0.37, 0.10, 0.02, 0.50
REPLACE_BELOW = NEW_AND_CANCEL + 0.05
REDUCE_BELOW = REPLACE_BELOW + 0.01
IOC_BELOW = REDUCE_BELOW + 0.04
FOK_BELOW = IOC_BELOW + 0.01
MARKET_BELOW = FOK_BELOW + 0.02  # the rest: limit orders that cross and would rest with what is left
DAY_SHARE = 0.2
BURST_SHARE = 0.10
BURST_LEAST, BURST_MEAN, BURST_MOST = 20, 40, 160
BURST_OF_RATE = 0.05
"""A burst is at most this many seconds of flow: half a percent of a ten-second window."""
BURST_JUMP_TICKS = 3.0
DEPTH_TICKS = 8.0
REACH_TICKS = 4
STEP_TICKS = 0.35
PULL = 0.002
QTY_LOTS, MARKETABLE_LOTS = 10, 16
CATCH_UP_NS = 2 * SECOND_NS


class Open:
    """An order that its customer believes is open."""

    __slots__ = ("customer", "member", "price", "qty", "side")

    def __init__(self, member: int, customer: int, side: int, price: int, qty: int) -> None:
        self.member = member
        self.customer = customer
        self.side = side
        self.price = price
        self.qty = qty


Draft = tuple[int, int, int, int, int, int, int, int, int, int, int, Open | None]
"""command_id, member, number, target_id, price, qty, customer, kind, side, type, tif, and the order concerned."""


class Desk:
    """What customers know and think about one symbol."""

    __slots__ = ("fair", "ids", "listed", "open")

    def __init__(self, listed: Listed) -> None:
        self.listed = listed
        self.fair = float(listed.reference_price)
        self.open: dict[int, Open] = {}
        self.ids: list[int] = []
        """Ids in no order, dead ones among them: they are dropped when a draw meets them."""

    def check(self) -> None:
        """Each open order can be drawn, and has something left."""
        assert set(self.open) <= set(self.ids)
        assert all(order.qty > 0 for order in self.open.values())

    def add(self, order_id: int, order: Open) -> None:
        """An order is believed open (again)."""
        if order_id not in self.open:
            self.ids.append(order_id)
        self.open[order_id] = order

    def pick(self, fraction: float) -> int:
        """The id at `fraction` of the list that is still open; 0 when there is none."""
        ids, alive = self.ids, self.open
        while ids:
            at = int(fraction * len(ids))
            order_id = ids[at]
            if order_id in alive:
                return order_id
            ids[at] = ids[-1]
            ids.pop()
        return 0


class Flow:
    """The customers of all members. `reach[number][member]` is 1 while that member has an open session there."""

    def __init__(
        self,
        *,
        seed: int,
        instruments: Sequence[Listed],
        members: Sequence[int],
        customers: int,
        rate: int,
        first_number: int,
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the workload's seed is public; secrets come from the nonce
        self.members = tuple(members)
        self.customers = customers
        self.rate = rate
        self.desks = {listed.number: Desk(listed) for listed in instruments}
        self.reach = {number: bytearray(max(members) + 1) for number in self.desks}
        self.next_number = dict.fromkeys(self.members, first_number)
        self._numbers = tuple(self.desks)
        self._credit = 0.0
        self._burst_most = min(BURST_MOST, int(rate * BURST_OF_RATE))

    def draw(self, elapsed_ns: int) -> list[Draft]:
        """The commands of a tick of `elapsed_ns`; what cannot be sent now is not offered, nor caught up later."""
        seconds = min(elapsed_ns, CATCH_UP_NS) / SECOND_NS
        self._credit += self.rate * seconds
        drafts: list[Draft] = []
        drawn = self._bursts(seconds, drafts)
        background = max(0, int(self._credit - drawn))
        numbers, count, roll = self._numbers, len(self._numbers), self.random.random
        for _ in range(background):
            self._command(self.desks[numbers[int(roll() * count)]], drafts)
        self._credit -= drawn + background
        return drafts

    def acknowledged(self, draft: Draft, status: int, reason: int, open_qty: int) -> None:
        """The answer to `draft`: the order's state after the command."""
        command_id, member, number, target_id, price, _, customer, kind, side, _, _, order = draft
        desk = self.desks[number]
        order_id = command_id if kind == NEW else target_id
        if status == REJECTED and kind != NEW and reason != UNKNOWN_ORDER:
            self.uncertain(draft)
        elif status != OPEN or not open_qty:
            desk.open.pop(order_id, None)
        elif kind == NEW:
            desk.add(order_id, Open(member, customer, side, price, open_qty))
        elif order:
            order.qty = open_qty
            if kind == REPLACE:
                order.price = price

    def uncertain(self, draft: Draft) -> None:
        """No answer came: the customer goes on as if the order were open, until it learns the truth."""
        command_id, member, number, target_id, price, qty, customer, kind, side, _, tif, order = draft
        desk = self.desks[number]
        if kind == CANCEL and order and order.qty > 0:
            desk.add(target_id, order)
        elif kind == NEW and tif in {GTC, DAY}:
            desk.add(command_id, Open(member, customer, side, price, qty))

    def ended(self, number: int, order_id: int) -> None:
        """An order was cancelled by the exchange: end of day, mass cancel, market operations."""
        self.desks[number].open.pop(order_id, None)

    def filled(self, number: int, order_id: int, qty: int) -> None:
        """A resting order traded `qty`."""
        open_orders = self.desks[number].open
        if order := open_orders.get(order_id):
            order.qty -= qty
            if order.qty <= 0:
                del open_orders[order_id]

    def _bursts(self, seconds: float, drafts: list[Draft]) -> int:
        if self._burst_most < 1:
            return 0
        mean = min(BURST_MEAN, self._burst_most)
        due = self.rate * BURST_SHARE / mean * seconds
        drawn = 0
        while due > 0 and self.random.random() < min(due, 1.0):
            drawn += self._burst(drafts)
            due -= 1.0
        return drawn

    def _burst(self, drafts: list[Draft]) -> int:
        """News about one symbol: its price jumps, and many customers react at one instant."""
        roll = self.random.random
        desk = self.desks[self._numbers[int(roll() * len(self._numbers))]]
        desk.fair += BURST_JUMP_TICKS * (2.0 * roll() - 1.0)
        spread = -math.log(1.0 - roll()) * (BURST_MEAN - BURST_LEAST)
        size = min(self._burst_most, BURST_LEAST + int(spread))
        for _ in range(size):
            self._command(desk, drafts)
        return size

    def _command(self, desk: Desk, drafts: list[Draft]) -> None:
        """Append one command for this symbol, or nothing where its customer has no session."""
        roll = self.random.random
        listed = desk.listed
        desk.fair += STEP_TICKS * (roll() + roll() - 1.0) * 2.0 + PULL * (listed.reference_price - desk.fair)
        lean = CANCEL_SHARE + CANCEL_LEAN * (len(desk.open) / BOOK_TARGET - 1.0) * 4.0
        dice = roll()
        resting = NEW_AND_CANCEL - max(CANCEL_LEAST, min(CANCEL_MOST, lean))
        if resting <= dice < REDUCE_BELOW and (order_id := desk.pick(roll())):
            self._change(desk, order_id, dice, drafts)
        else:
            self._new(desk, dice, drafts)

    def _change(self, desk: Desk, order_id: int, dice: float, drafts: list[Draft]) -> None:
        """Cancel, replace or reduce an order that is believed open; only its own member can."""
        order = desk.open[order_id]
        member, number = order.member, desk.listed.number
        if not self.reach[number][member]:
            return
        price, qty, kind = 0, 0, CANCEL
        if dice < NEW_AND_CANCEL:
            del desk.open[order_id]
        elif dice < REPLACE_BELOW:
            kind, price, qty = REPLACE, self._passive(desk, order.side), self._lots(desk, QTY_LOTS)
        else:
            kind, qty = REDUCE, desk.listed.lot
        command_id = self._next_id(member)
        drafts.append(
            (command_id, member, number, order_id, price, qty, order.customer, kind, order.side, LIMIT, GTC, order)
        )

    def _new(self, desk: Desk, dice: float, drafts: list[Draft]) -> None:
        """A new order of any customer of any member."""
        roll = self.random.random
        members, number = self.members, desk.listed.number
        member = members[int(roll() * len(members))]
        if not self.reach[number][member]:
            return
        side = BUY if roll() < 0.5 else SELL  # noqa: PLR2004 - a coin
        customer = 1 + int(roll() * self.customers)
        command_id = self._next_id(member)
        if dice < REDUCE_BELOW:
            price, qty, type_ = self._passive(desk, side), self._lots(desk, QTY_LOTS), LIMIT
            tif = DAY if roll() < DAY_SHARE else GTC
        else:
            price, qty, type_, tif = self._marketable(desk, side, dice)
        drafts.append((command_id, member, number, 0, price, qty, customer, NEW, side, type_, tif, None))

    def _marketable(self, desk: Desk, side: int, dice: float) -> tuple[int, int, int, int]:
        """Price, qty, type and tif of an order that wants to trade at once."""
        reach = REACH_TICKS + int(self.random.random() * DEPTH_TICKS)
        price = max(1, int(desk.fair) + (reach if side == BUY else -reach))
        qty = self._lots(desk, MARKETABLE_LOTS)
        if dice < IOC_BELOW:
            return price, qty, LIMIT, IOC
        if dice < FOK_BELOW:
            return price, qty, LIMIT, FOK
        if dice < MARKET_BELOW:
            return 0, qty, MARKET, IOC
        return price, qty, LIMIT, GTC

    def _passive(self, desk: Desk, side: int) -> int:
        """A price on the near side of fair, most of them close to it."""
        away = 1 + int(-math.log(1.0 - self.random.random()) * DEPTH_TICKS)
        return max(1, int(desk.fair) + (-away if side == BUY else away))

    def _lots(self, desk: Desk, most: int) -> int:
        return desk.listed.lot * (1 + int(self.random.random() * most))

    def _next_id(self, member: int) -> int:
        n = self.next_number[member]
        self.next_number[member] = n + 1
        return member << MEMBER_SHIFT | n
