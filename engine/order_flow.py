"""Order flow as JSON lines: what `python -m engine match` reads and writes, a stable public interface.

One command a line, one answer a line, and at the end, on request, the book::

    {"seq":1,"action":"new","order_id":17,"side":"B","price":5853300,"qty":18}
    {"seq":1,"status":"open","open":18,"trades":[]}

Keys of a command: `action` new | cancel | reduce | replace | noop; `order_id` an integer or a string, given back as it
came; `side` B | S; `type` limit (default) | market; `tif` GTC (default) | DAY | IOC | FOK; `price` in ticks and `qty`
in lots; `post_only` true | false; `symbol`; `seq` (default: the number of the line), `ts_ns`, `member`. A key that is
null counts as absent, a key that is not listed is ignored. Integers are signed and of 64 bits.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from engine.errors import FlowError
from engine.ladder import Ladder, RestingOrder
from engine.messages import Reason, Status

__all__ = ["MAX_LINE_BYTES", "REASONS", "FlowAnswer", "FlowBook", "FlowCommand", "OrderId", "read_command", "refused"]

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is no command: without a bound one line could take all memory."""

_LIMIT: Final = 1 << 63
Integer = Annotated[int, msgspec.Meta(ge=-_LIMIT, le=_LIMIT - 1)]
OrderId = Integer | str
FlowTrade = tuple[OrderId, OrderId, int, int]
"""maker's order id, taker's order id, price of the resting order, quantity."""


class FlowCommand(msgspec.Struct, gc=False):
    """One line of a flow, its keys of the right types; which of them an action needs is in `_NEEDED`."""

    action: Literal["new", "cancel", "reduce", "replace", "noop"] | None = None
    order_id: OrderId | None = None
    side: Literal["B", "S"] | None = None
    qty: Integer | None = None
    price: Integer | None = None
    type: Literal["limit", "market"] | None = None
    tif: Literal["GTC", "DAY", "IOC", "FOK"] | None = None
    post_only: bool | None = None
    seq: Integer | None = None
    symbol: str | None = None
    ts_ns: Integer | None = None
    member: OrderId | None = None


class FlowAnswer(msgspec.Struct, omit_defaults=True, gc=False):
    """What became of one command: the state of its order afterwards, and what it traded."""

    seq: int
    status: str
    open: int
    trades: tuple[FlowTrade, ...]
    reason: str | None = None


class Depth(msgspec.Struct, frozen=True):
    """Levels of both sides, best price first: price, quantity, number of orders."""

    bids: list[tuple[int, int, int]]
    asks: list[tuple[int, int, int]]


class Queue(msgspec.Struct, frozen=True):
    """Orders of both sides in price-time priority: order id, price, open quantity."""

    bids: list[tuple[OrderId, int, int]]
    asks: list[tuple[OrderId, int, int]]


class FlowBook(msgspec.Struct, frozen=True):
    """The book of one symbol as the last line shows it."""

    book: Depth
    orders: Queue

    @classmethod
    def of(cls, bids: Ladder, asks: Ladder) -> FlowBook:
        """The book that these two ladders are."""
        return cls(Depth(_levels(bids), _levels(asks)), Queue(_orders(bids), _orders(asks)))


REASONS: Final = {int(reason): reason.name.lower() for reason in Reason if reason is not Reason.NONE}
"""The closed list of `reason`, by the engine's number."""

STATUSES: Final = {int(status): status.name.lower() for status in Status}
"""The closed list of `status`, by the engine's number."""

_NEEDED: Final = {
    None: ("action",),
    "new": ("order_id", "side", "qty", "price"),
    "cancel": ("order_id",),
    "reduce": ("order_id", "qty"),
    "replace": ("order_id", "qty"),
    "noop": (),
}
"""What each action cannot do without; a market order does without `price`."""

_INTEGER: Final = f"an integer from {-_LIMIT} to {_LIMIT - 1}"
_EXPECTED: Final = {
    "action": "new, cancel, reduce, replace or noop",
    "order_id": f"a string or {_INTEGER}",
    "side": "B or S",
    "qty": _INTEGER,
    "price": _INTEGER,
    "type": "limit or market",
    "tif": "GTC, DAY, IOC or FOK",
    "post_only": "true or false",
    "seq": _INTEGER,
    "symbol": "a string",
    "ts_ns": _INTEGER,
    "member": f"a string or {_INTEGER}",
}
_PATH: Final = re.compile(r"`\$\.(\w+)`$")
_SHOWN: Final = 40

_decode: Final = msgspec.json.Decoder(FlowCommand).decode


def read_command(line: bytes, number: int) -> FlowCommand:
    """The command of one line; `number` (from 1) is for the error only.

    Raises:
        FlowError: the line is no command.
    """
    try:
        return _decode(line)
    except msgspec.ValidationError as error:
        raise _wrong_value(line, number, str(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise FlowError(number, "-", expected="one JSON object", found=f"{type(error).__name__}: {error}") from None


def refused(command: FlowCommand, number: int) -> FlowError:
    """The error of a command that lacks a key which its action needs."""
    missing = next(key for key in _NEEDED[command.action] if getattr(command, key) is None)
    return FlowError(number, missing, expected=_EXPECTED[missing], found="no such key")


def _wrong_value(line: bytes, number: int, said: str) -> FlowError:
    path = _PATH.search(said)
    if path is None:
        return FlowError(number, "-", expected="one JSON object", found=said)
    key = path.group(1)
    values = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    found = " ".join(bytes(values[key]).decode("ascii", "backslashreplace").split())
    if len(found) > _SHOWN:
        found = f"{found[:_SHOWN]}..."
    return FlowError(number, key, expected=_EXPECTED[key], found=found)


def _levels(ladder: Ladder) -> list[tuple[int, int, int]]:
    rows = []
    for key in ladder.keys:
        quantities = [order.open_qty for order in ladder.levels[key]]
        rows.append((ladder.price_of(key), sum(quantities), len(quantities)))
    return rows


def _orders(ladder: Ladder) -> list[tuple[OrderId, int, int]]:
    return [_row(order) for order in ladder]


def _row(order: RestingOrder) -> tuple[OrderId, int, int]:
    return order.order_id, order.price, order.open_qty
