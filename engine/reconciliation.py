"""One member's orders of one symbol, from the journal: where each stands, and what the member was not told.

After a failover a member knows what its own records say, and the exchange knows what the journal says. The two differ
by what was committed and not acknowledged when the site was lost, and by what was sent and never arrived. An order's
outcome is

- *certain* when the member was told of everything that happened to it,
- *unknown* when it was not: `untold` says what happened, in the order in which it did.

What a member was told is best read from its own capture. Without one the exchange can only say which of its answers
may not have left: those of the last frame of every epoch that has ended, for a frame's answers leave when it is
durable and the next one flies after that.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final, Literal

import msgspec

from engine.capture import Capture, Sent
from engine.codec import Frame
from engine.messages import Command, Kind, OrderType, Outcome, Reason, Side, Status, TimeInForce
from engine.venue import Venue

__all__ = ["ReconciledOrder", "Reconciliation"]

State = Literal["open", "filled", "cancelled", "rejected", "never received"]

_STATES: Final[dict[int, State]] = {
    Status.OPEN: "open",
    Status.FILLED: "filled",
    Status.CANCELLED: "cancelled",
    Status.REJECTED: "rejected",
}
_NUMBER: Final = (1 << 48) - 1


class ReconciledOrder(msgspec.Struct):
    """One order; quantities in shares, prices in cents, `*_ns` since 1970 UTC, `*_seq` 0 where there is none.

    `order_id` is the exchange's, `number` the member's own part of it. `qty` and `price` are those in force: a replace
    changes them. `notional` is the sum of price x quantity over all fills. A `request` other than "new" is a command
    that never arrived: it named an order, but which one the member's capture does not say.
    """

    symbol: str
    order_id: int
    number: int
    customer: int
    side: str
    type: str
    tif: str
    price: int
    qty: int
    request: str = "new"
    filled_qty: int = 0
    notional: int = 0
    open_qty: int = 0
    state: State = "open"
    reason: str = ""
    entered_epoch: int = 0
    entered_seq: int = 0
    entered_ns: int = 0
    last_epoch: int = 0
    last_seq: int = 0
    last_ns: int = 0
    outcome: Literal["certain", "unknown"] = "certain"
    untold: list[str] = msgspec.field(default_factory=list)

    def tell(self, what: str) -> None:
        """Note something that the member was not told."""
        self.outcome = "unknown"
        self.untold.append(what)

    @property
    def ended(self) -> str:
        """How it stands, in words."""
        if self.state == "never received":
            return "never received: not executed, send it again if it is still wanted"
        why = f" ({self.reason})" if self.reason else ""
        rest = f", {self.open_qty} open @ {self.price}" if self.state == "open" else ""
        return f"{self.state}{why}, {self.filled_qty} of {self.qty} filled{rest}"


class Reconciliation:
    """Follows one member through one symbol's frames; `orders` is complete once `close` was called."""

    def __init__(self, venue: Venue, member: int, *, capture: Capture | None, ends: Container[int] = ()) -> None:
        """`venue` stands at genesis; `ends` are the last seqs of epochs that have ended, used without a capture."""
        self.orders: dict[int, ReconciledOrder] = {}
        self._venue = venue
        self._member = member
        self._capture = capture
        self._ends = ends
        self._received: set[int] = set()
        self._epoch = 0
        self._doubtful = False

    def apply(self, frame: Frame) -> None:
        """Apply the next frame."""
        self._epoch = frame.epoch
        self._doubtful = frame.next_seq - 1 in self._ends
        for seq, command in enumerate(frame.unpacked(), frame.first_seq):
            outcome = self._venue.apply(seq, command)
            if command.command_id >> 48 == self._member:
                self._own(seq, command, outcome)
            for fill_no, (maker, taker, price, qty) in enumerate(outcome.fills):
                for order_id in (maker, taker):
                    if order_id >> 48 == self._member:
                        self._fill(seq, command.ts_ns, fill_no, order_id, price, qty)
            for order_id, qty in outcome.cancels:
                if order_id >> 48 == self._member:
                    self._cancelled(seq, command.ts_ns, order_id, qty, outcome.reason)

    def close(self) -> None:
        """Nothing more will come: what was sent and is not here never arrived."""
        if self._capture is None:
            return
        for (symbol, identity), sent in sorted(self._capture.sent.items()):
            if symbol == self._venue.symbol and identity not in self._received:
                self._never(sent, self._capture.answered.get((symbol, identity)))

    def _own(self, seq: int, command: Command, outcome: Outcome) -> None:
        """A command of the member's own."""
        identity = command.command_id
        self._received.add(identity)
        told = self._told_command(identity)
        if command.kind == Kind.NEW:
            if identity in self.orders:
                return  # a resend that came too late to be answered again; the order is what the first one made it
            order = self.orders[identity] = self._entered(seq, command, outcome)
        else:
            found = self.orders.get(command.target_id)
            if found is None or command.kind > Kind.REDUCE:
                return  # it named no order of this member, or none alone: what it ended is told order by order
            order = found
            self._changed(order, command, outcome)
        order.last_epoch, order.last_seq, order.last_ns = self._epoch, seq, command.ts_ns
        if not told:
            order.tell(f"{_spoken(command.kind, identity)}: {_answered(outcome)} (seq {seq})")

    def _entered(self, seq: int, command: Command, outcome: Outcome) -> ReconciledOrder:
        return ReconciledOrder(
            symbol=self._venue.symbol,
            order_id=command.command_id,
            number=command.command_id & _NUMBER,
            customer=command.customer,
            side=Side(command.side).name.lower(),
            type=OrderType(command.type).name.lower(),
            tif=TimeInForce(command.tif).name,
            price=command.price,
            qty=command.qty,
            open_qty=outcome.open_qty + _taken(outcome),
            state=_STATES[outcome.status],
            reason=_why(outcome.reason),
            entered_epoch=self._epoch,
            entered_seq=seq,
            entered_ns=command.ts_ns,
        )

    @staticmethod
    def _changed(order: ReconciledOrder, command: Command, outcome: Outcome) -> None:
        if outcome.status == Status.REJECTED:
            return
        if command.kind == Kind.REPLACE:
            order.price = command.price or order.price
            order.qty = order.filled_qty + command.qty
        elif command.kind == Kind.REDUCE:
            order.qty -= min(command.qty, order.open_qty)
        order.open_qty = outcome.open_qty + _taken(outcome)
        order.state = _STATES[outcome.status]

    # Positional: the order of the event's own fields.
    def _fill(self, seq: int, ts_ns: int, fill_no: int, order_id: int, price: int, qty: int) -> None:  # noqa: PLR0917
        order = self.orders[order_id]
        order.filled_qty += qty
        order.notional += price * qty
        order.open_qty -= qty
        if not order.open_qty and order.state == "open":
            order.state = "filled"
        order.last_epoch, order.last_seq, order.last_ns = self._epoch, seq, ts_ns
        capture = self._capture
        told = not self._doubtful if capture is None else (self._venue.symbol, seq, fill_no, order_id) in capture.fills
        if not told:
            order.tell(f"fill of {qty} @ {price} (seq {seq})")

    def _cancelled(self, seq: int, ts_ns: int, order_id: int, qty: int, reason: int) -> None:
        order = self.orders[order_id]
        order.state, order.open_qty, order.reason = "cancelled", 0, _why(reason)
        order.last_epoch, order.last_seq, order.last_ns = self._epoch, seq, ts_ns
        capture = self._capture
        told = not self._doubtful if capture is None else (self._venue.symbol, seq, order_id) in capture.cancels
        if not told or reason == Reason.DISCONNECTED:  # nobody was there to be told
            order.tell(f"{qty} cancelled: {order.reason} (seq {seq})")

    def _told_command(self, identity: int) -> bool:
        if self._capture is None:
            return not self._doubtful
        return (self._venue.symbol, identity) in self._capture.answered

    def _never(self, sent: Sent, refused: int | None) -> None:
        """A command that is not in the journal: refused without a seq (told), or lost on its way (not told)."""
        is_new = sent.kind == Kind.NEW
        order = self.orders[sent.command_id] = ReconciledOrder(
            symbol=sent.symbol,
            order_id=sent.command_id,
            number=sent.command_id & _NUMBER,
            customer=0,
            side=Side(sent.side).name.lower() if is_new else "",
            type=OrderType(sent.type).name.lower() if is_new else "",
            tif=TimeInForce(sent.tif).name if is_new else "",
            price=sent.price,
            qty=sent.qty,
            request=Kind(sent.kind).name.lower(),
            state="never received" if refused is None else "rejected",
            reason="" if refused is None else _why(refused),
            last_ns=sent.time_ns,
        )
        if refused is None:
            order.tell(f"{_spoken(sent.kind, sent.command_id)}: never received, so not executed")


def _taken(outcome: Outcome) -> int:
    """What the command's own order traded at once."""
    return sum(qty for _, _, _, qty in outcome.fills)


def _spoken(kind: int, identity: int) -> str:
    return f"{Kind(kind).name.lower().replace('_', ' ')} #{identity & _NUMBER}"


def _answered(outcome: Outcome) -> str:
    return Status(outcome.status).name.lower() + (f", {_why(outcome.reason)}" if outcome.reason else "")


def _why(reason: int) -> str:
    return "" if reason == Reason.NONE else Reason(reason).name.lower()
