"""The wire: fixed-length binary messages, the first byte names the type.

Little-endian throughout; the types of both directions and of market data are all different, so one table serves
every connection. Several messages may arrive in one read, and one message in several: see `Splitter`.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import ClassVar, Final, Self

import msgspec

from engine.errors import WireError
from engine.messages import COMMAND_SIZE, Command

__all__ = [
    "CANCEL_ON_DISCONNECT",
    "FROM_CLIENT",
    "FROM_ENGINE",
    "FROM_MARKET_DATA",
    "LOGIN_OPEN",
    "LOGIN_REFUSED",
    "MAKER",
    "TAKER",
    "Ack",
    "Cancelled",
    "Echo",
    "EchoAnswer",
    "Fill",
    "Login",
    "LoginAnswer",
    "Message",
    "Order",
    "Print",
    "Quote",
    "Splitter",
    "Trading",
    "WireError",
    "pack",
    "unpack",
]

MAKER: Final = 1
TAKER: Final = 2
LOGIN_REFUSED: Final = 0
LOGIN_OPEN: Final = 1
CANCEL_ON_DISCONNECT: Final = 1
"""Login option: when this session ends, what the member has resting on this connection's symbols is cancelled."""

_HINT: Final = "close the connection: the stream cannot be split any further"


class Message(msgspec.Struct, frozen=True):
    """A message of fixed length; fields in the order of the bytes behind the type."""

    TYPE: ClassVar[int]
    FORMAT: ClassVar[struct.Struct]

    def pack(self) -> bytes:
        """The bytes on the wire, type first."""
        return self.FORMAT.pack(self.TYPE, *msgspec.structs.astuple(self))

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read a complete message of this type."""
        return cls(*cls.FORMAT.unpack(raw)[1:])


class Login(Message, frozen=True):
    """Client: who is speaking, for which environment, and with which options (bits, such as CANCEL_ON_DISCONNECT)."""

    TYPE: ClassVar[int] = ord("L")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHBB")
    member: int
    environment: int
    options: int = 0


class Order(Message, frozen=True):
    """Client: one command for one instrument; its `ts_ns` is the client's send time until the sequencer stamps it."""

    TYPE: ClassVar[int] = ord("C")
    FORMAT: ClassVar[struct.Struct] = struct.Struct(f"<BH{COMMAND_SIZE}s")
    number: int
    command: Command

    def pack(self) -> bytes:
        """The bytes on the wire, type first."""
        return self.FORMAT.pack(self.TYPE, self.number, self.command.pack())

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read an order; a value outside this version's enumerations is refused."""
        _, number, packed = cls.FORMAT.unpack(raw)
        command = Command.unpack(packed)
        if not command.is_known():
            raise WireError("read order", where=f"command {command.command_id}", cause=f"{command}", hint=_HINT)
        return cls(number, command)


class Echo(Message, frozen=True):
    """Client: asks for the engine's clock."""

    TYPE: ClassVar[int] = ord("H")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<Bq")
    client_ns: int


class LoginAnswer(Message, frozen=True):
    """Engine: `state` is LOGIN_OPEN, or LOGIN_REFUSED and the connection closes."""

    TYPE: ClassVar[int] = ord("l")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BBIB")
    environment: int
    epoch: int
    state: int


class Ack(Message, frozen=True):
    """Engine: what became of a command; sent only after its frame is durable.

    The answer to a resend is the first answer again: its `seq`, `ts_ns` and quantities are those of the command that
    was executed, and the fills that it caused follow once more. Only `epoch` is that of the engine that answers.
    """

    TYPE: ClassVar[int] = ord("A")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHIQQqBBI")
    number: int
    epoch: int
    seq: int
    command_id: int
    ts_ns: int
    status: int
    reason: int
    open_qty: int


class Fill(Message, frozen=True):
    """Engine: a trade, told once to each side's member; `fill_no` from 0 within the command `seq`."""

    TYPE: ClassVar[int] = ord("F")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHIQHQqIB")
    number: int
    epoch: int
    seq: int
    fill_no: int
    order_id: int
    price: int
    qty: int
    liquidity: int


class Cancelled(Message, frozen=True):
    """Engine: an order ended that no command of its own named; `reason` says why, `qty` was still open.

    Told to the order's member, whoever's command `seq` is: its own mass cancel, a lost session, the end of the day,
    market operations.
    """

    TYPE: ClassVar[int] = ord("X")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHIQQIB")
    number: int
    epoch: int
    seq: int
    order_id: int
    qty: int
    reason: int


class EchoAnswer(Message, frozen=True):
    """Engine: the client's clock given back, and the engine's own."""

    TYPE: ClassVar[int] = ord("h")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<Bqq")
    client_ns: int
    engine_ns: int


class Quote(Message, frozen=True):
    """Market data: the best of both sides; quantity 0 means that the side is empty."""

    TYPE: ClassVar[int] = ord("Q")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHIQqIqI")
    number: int
    epoch: int
    seq: int
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int


class Print(Message, frozen=True):
    """Market data: a trade; `flags` bit 0 marks the canary book."""

    TYPE: ClassVar[int] = ord("P")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHIQqIB")
    number: int
    epoch: int
    seq: int
    price: int
    qty: int
    flags: int = 0


class Trading(Message, frozen=True):
    """Market data: the symbol's state changed; `halted` is 1 or 0."""

    TYPE: ClassVar[int] = ord("T")
    FORMAT: ClassVar[struct.Struct] = struct.Struct("<BHIQB")
    number: int
    epoch: int
    seq: int
    halted: int


FROM_CLIENT: Final[tuple[type[Message], ...]] = (Login, Order, Echo)
FROM_ENGINE: Final[tuple[type[Message], ...]] = (LoginAnswer, Ack, Fill, Cancelled, EchoAnswer)
FROM_MARKET_DATA: Final[tuple[type[Message], ...]] = (Quote, Print, Trading)

_BY_TYPE: Final = {kind.TYPE: kind for kind in FROM_CLIENT + FROM_ENGINE + FROM_MARKET_DATA}


def pack(*messages: Message) -> bytes:
    """The bytes of several messages in a row."""
    return b"".join(message.pack() for message in messages)


def unpack(raw: bytes) -> Message:
    """Read exactly one complete message.

    Raises:
        WireError: unknown type, or another length than the type has.
    """
    kind = _BY_TYPE.get(raw[0]) if raw else None
    if kind is None:
        raise WireError("read message", where="byte 0", cause=f"unknown type {raw[:1]!r}", hint=_HINT)
    if len(raw) != kind.FORMAT.size:
        cause = f"{len(raw)} bytes, expected {kind.FORMAT.size}"
        raise WireError("read message", where=kind.__name__, cause=cause, hint="feed streams through Splitter")
    return kind.read(raw)


class Splitter:
    """Cuts one connection's byte stream into messages, whatever the reads' boundaries were.

    >>> splitter = Splitter(FROM_CLIENT)
    >>> raw = Echo(5).pack()
    >>> list(splitter.feed(raw[:3])), list(splitter.feed(raw[3:]))
    ([], [Echo(client_ns=5)])
    """

    __slots__ = ("_pending", "_types")

    def __init__(self, accepted: Collection[type[Message]]) -> None:
        """Only the types in `accepted` may come from this peer."""
        self._types = {kind.TYPE: kind for kind in accepted}
        self._pending = b""

    @property
    def pending(self) -> int:
        """Bytes of a message that has not arrived completely."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that `chunk` completes; consume the iterator before the next call.

        Raises:
            WireError: a type that this peer may not send; messages before it have been given out.
        """
        buffer = self._pending + chunk if self._pending else chunk
        position = 0
        self._pending = b""
        while position < len(buffer):
            kind = self._types.get(buffer[position])
            if kind is None:
                found = buffer[position : position + 1]
                raise WireError("split stream", where=f"byte {position}", cause=f"unknown type {found!r}", hint=_HINT)
            end = position + kind.FORMAT.size
            if end > len(buffer):
                self._pending = buffer[position:]
                return
            yield kind.read(buffer[position:end])
            position = end
