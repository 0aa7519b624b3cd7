"""Commands in, outcomes out: the vocabulary of the exchange, complete and frozen with version 1 of the journal.

Prices are integers in the listing's smallest unit (1 = 1 US cent), quantities are shares, times are nanoseconds since
1970 UTC. An instrument may trade in coarser steps of both: its tick and its lot. Everything here is frozen and compared
by value.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

import msgspec

__all__ = [
    "CANARY_MEMBER",
    "CLOCK_MEMBER",
    "COMMAND",
    "COMMAND_SIZE",
    "EDGE_MEMBER",
    "MAX_MEMBER",
    "OPERATOR_MEMBER",
    "Answer",
    "CancelTuple",
    "Command",
    "CommandFlag",
    "Environment",
    "FillTuple",
    "Kind",
    "OrderType",
    "Outcome",
    "Reason",
    "Side",
    "Status",
    "TimeInForce",
    "command_id",
    "member_of",
]

COMMAND: Final = struct.Struct("<qQQqIHBBBBB5x")
"""ts_ns, command_id, target_id, price, qty, customer, kind, side, type, tif, flags, 5 bytes of padding."""

COMMAND_SIZE: Final = COMMAND.size
"""48 bytes."""

MAX_MEMBER: Final = 100
"""Broker-dealers are numbered from 1 to this, inclusive."""

CANARY_MEMBER: Final = 65_000
"""The member that sends canary orders; its orders meet only each other, in the canary book."""

OPERATOR_MEMBER: Final = 65_001
"""Market operations: halts and resumes symbols, ends the day, cancels for others; it does not trade."""

EDGE_MEMBER: Final = 65_002
"""The exchange's own edge, which cancels for a member whose session ended; nobody can log in under this number."""

CLOCK_MEMBER: Final = 65_003
"""The exchange's clock, which ends the days; the number of each of its commands is the second of the close."""

_MEMBER_SHIFT: Final = 48

FillTuple = tuple[int, int, int, int]
"""maker's order id, taker's order id, price, quantity."""

CancelTuple = tuple[int, int]
"""id of a cancelled order, the quantity that was still open."""


class Environment(IntEnum):
    """What a site trades and which journals it writes: the market, or an exercise."""

    LIVE = 1
    DRILL = 2


class Kind(IntEnum):
    """What a command asks for; the last three are market operations' alone."""

    NEW = 1
    CANCEL = 2
    REPLACE = 3
    REDUCE = 4
    MASS_CANCEL = 5
    HALT = 6
    RESUME = 7
    DAY_END = 8


class Side(IntEnum):
    """Which ladder an order rests on."""

    BUY = 0
    SELL = 1


class OrderType(IntEnum):
    """Whether the price binds."""

    LIMIT = 0
    MARKET = 1


class TimeInForce(IntEnum):
    """How long an order stays: until cancelled, for the day, not at all, or wholly at once."""

    GTC = 0
    DAY = 1
    IOC = 2
    FOK = 3


class CommandFlag(IntEnum):
    """Bits of a command's `flags`."""

    CANARY = 1
    POST_ONLY = 2


class Status(IntEnum):
    """The state of the order after the command; DONE answers a command that is about no single order."""

    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4
    DONE = 5


class Reason(IntEnum):
    """Why a command was rejected or, from 16, why orders ended that no command named; the list is closed."""

    NONE = 0
    UNKNOWN_ORDER = 1
    DUPLICATE_ORDER = 2
    BAD_QUANTITY = 3
    BAD_PRICE = 4
    WOULD_TRADE = 5
    HALTED = 6
    TOO_OLD = 7
    OFF_TICK = 8
    ODD_LOT = 9
    NOT_ALLOWED = 10
    NOT_HALTED = 11
    MASS_CANCEL = 16
    DISCONNECTED = 17
    OPERATOR = 18
    DAY_END = 19


class Command(msgspec.Struct, frozen=True, gc=False):
    """What a member asks of one symbol's engine; 48 bytes on the wire and in the journal.

    `target_id` is the order concerned by CANCEL, REPLACE and REDUCE: the command_id of its NEW. In a MASS_CANCEL it
    names the member whose orders go (`command_id(member, 0)`); 0 stands for all that the sender may cancel: a member's
    own orders, market operations' whole book.
    `price` 0 in a REPLACE means "unchanged"; it is read in a limit NEW and in REPLACE only, `qty` in NEW, REPLACE and
    REDUCE only. The enumerated fields hold the wire's integers, which compare equal to `Kind`, `Side` and so on.
    """

    ts_ns: int
    command_id: int
    target_id: int
    price: int
    qty: int
    customer: int
    kind: int
    side: int = Side.BUY
    type: int = OrderType.LIMIT
    tif: int = TimeInForce.GTC
    flags: int = 0

    @property
    def member(self) -> int:
        """The broker-dealer that sent it."""
        return self.command_id >> _MEMBER_SHIFT

    @property
    def is_canary(self) -> bool:
        """Whether it belongs to the canary book."""
        return bool(self.flags & CommandFlag.CANARY)

    def pack(self) -> bytes:
        """The 48 bytes of the wire and of the journal.

        Raises:
            struct.error: a field does not fit its width.
        """
        return COMMAND.pack(
            self.ts_ns,
            self.command_id,
            self.target_id,
            self.price,
            self.qty,
            self.customer,
            self.kind,
            self.side,
            self.type,
            self.tif,
            self.flags,
        )

    @classmethod
    def unpack(cls, raw: bytes, offset: int = 0) -> Command:
        """Read the 48 bytes at `offset`; enumerated fields are taken as they are (see `is_known`)."""
        return cls(*COMMAND.unpack_from(raw, offset))

    def is_known(self) -> bool:
        """Whether every enumerated field holds a value of this version."""
        return (
            Kind.NEW <= self.kind <= Kind.DAY_END
            and self.side <= Side.SELL
            and self.type <= OrderType.MARKET
            and self.tif <= TimeInForce.FOK
            and self.flags <= CommandFlag.CANARY | CommandFlag.POST_ONLY
        )


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What the engine did with one command.

    `open_qty` is what still rests afterwards (0 unless OPEN); `fills` are in the order in which they happened.
    `cancels` are the orders that a DONE command ended, bids first, each side in price-time priority, and `reason` is
    then why.
    """

    status: int
    reason: int = Reason.NONE
    open_qty: int = 0
    fills: tuple[FillTuple, ...] = ()
    cancels: tuple[CancelTuple, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """The first answer to a command, as a resend of the same command gets it again.

    `seq` and `ts_ns` are those of the command that was executed; `fills` those that it caused.
    """

    command_id: int
    seq: int
    ts_ns: int
    status: int
    reason: int
    open_qty: int
    fills: tuple[FillTuple, ...] = ()


def command_id(member: int, number: int) -> int:
    """The id of a member's `number`-th command (from 1): unique in the exchange, increasing per member."""
    return member << _MEMBER_SHIFT | number


def member_of(identity: int) -> int:
    """The member within a command id or an order id."""
    return identity >> _MEMBER_SHIFT
