"""One member's connection to one engine: commands out, answers in, every byte of both into the ack capture.

A command that an earlier session left unanswered is sent again under its own id. The engine executes nothing twice: it
gives its first answer again, or its only one. Both records are marked as repeated and carry no time of the member's
own, so that nobody takes the way round a lost site for the speed of the exchange.

The hot path of the witness: 10,000 commands a second with as many answers. So answers are parsed in runs of equal type
with `iter_unpack`, and records are packed into the member's capture without an object in between.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Protocol, cast

from engine.messages import COMMAND, Status
from engine.wire import LOGIN_OPEN, Ack, Cancelled, Echo, EchoAnswer, Fill, Login, LoginAnswer, Order, WireError
from witness import clock
from witness.capture import ACK, CANCELLED, FILL, RECORD, REPEATED, SENT, Capture
from witness.flow import Draft
from witness.tally import EpochCount

PORT = 7000
ORDER = struct.Struct("<BH" + COMMAND.format.removeprefix("<"))
"""`Order` with the fields of its command: one pack for a whole message."""
REJECTED = int(Status.REJECTED)
MAKER = 1
UNANSWERED: Draft = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None)


class Listener(Protocol):
    """Who follows a session: the members' house."""

    def opened(self, session: Session) -> EpochCount: ...  # noqa: D102 - see House
    def answered(self, draft: Draft, sent_ns: int, at_ns: int, status: int, reason: int, open_qty: int) -> None: ...  # noqa: D102, PLR0917
    def learned(self, draft: Draft, status: int, reason: int, open_qty: int) -> None: ...  # noqa: D102
    def filled(self, number: int, order_id: int, qty: int) -> None: ...  # noqa: D102
    def ended(self, number: int, order_id: int) -> None: ...  # noqa: D102
    def clock_seen(self, session: Session, offset_ns: int, round_trip_ns: int) -> None: ...  # noqa: D102
    def lost(self, session: Session, cause: str) -> None: ...  # noqa: D102
    def flooded(self, session: Session, *, full: bool) -> None: ...  # noqa: D102


class Session(asyncio.Protocol):
    """Logs in on connect; `opened` is told when the engine lets the member in, `lost` exactly once at the end."""

    def __init__(self, member: int, address: str, environment: int, capture: Capture, listener: Listener) -> None:
        self.member = member
        self.address = address
        self.is_open = False
        self.epoch = 0
        self.pending: dict[int, tuple[int, Draft]] = {}
        """Commands without an answer: command_id -> (sent_ns, draft); 0 for what an earlier session had sent."""
        self.heard_ns = 0
        self.asked_ns = 0
        self._environment = environment
        self._capture = capture
        self._listener = listener
        self._out = bytearray()
        self._rest = b""
        self._cause = "closed by the engine"
        self._count = EpochCount()
        self._transport: asyncio.Transport | None = None
        self._readers: dict[int, tuple[int, Callable[[memoryview, int], None]]] = {
            Ack.TYPE: (Ack.FORMAT.size, self._acks),
            Fill.TYPE: (Fill.FORMAT.size, self._fills),
            Cancelled.TYPE: (Cancelled.FORMAT.size, self._ends),
            LoginAnswer.TYPE: (LoginAnswer.FORMAT.size, self._login),
            EchoAnswer.TYPE: (EchoAnswer.FORMAT.size, self._echo),
        }

    def send(self, draft: Draft, now_ns: int) -> None:
        """Queue a command for the next `flush` and record that it was sent."""
        self._queue(draft, now_ns, repeated=0)
        self.pending[draft[0]] = (now_ns, draft)
        self._count.sent += 1

    def send_again(self, draft: Draft, now_ns: int) -> None:
        """The same for a command that was never answered: its id and content are those of the first time."""
        self._queue(draft, now_ns, repeated=REPEATED)
        self.pending[draft[0]] = (0, draft)
        self._count.resent += 1

    def _queue(self, draft: Draft, now_ns: int, *, repeated: int) -> None:
        command_id, _, number, target, price, qty, customer, kind, side, type_, tif, _ = draft
        self._out += ORDER.pack(
            Order.TYPE, number, now_ns, command_id, target, price, qty, customer, kind, side, type_, tif, 0
        )
        self._capture.pending += RECORD.pack(
            SENT, 0, 0, repeated, number, 0, self.epoch, 0, 0, command_id, now_ns, price, qty, kind, side, type_, tif, 0
        )
        if not self.pending:
            self.asked_ns = now_ns

    def ask_clock(self, now_ns: int) -> None:
        """Ask for the engine's clock."""
        self._out += Echo(now_ns).pack()

    def flush(self) -> None:
        """Hand everything queued to the socket in one write."""
        if self._out and self._transport:
            self._transport.write(bytes(self._out))
            self._out.clear()

    def close(self, cause: str) -> None:
        """Drop the connection; `lost` follows."""
        self._cause = cause
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Log in at once."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not asyncio's subclasses
        self._transport.write(Login(self.member, self._environment).pack())

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: what was not answered stays unknown."""
        self.is_open = False
        self._listener.lost(self, str(exc) if exc else self._cause)

    def pause_writing(self) -> None:
        """The engine does not read: offer it nothing more."""
        self._listener.flooded(self, full=True)

    def resume_writing(self) -> None:
        """It reads again."""
        self._listener.flooded(self, full=False)

    def data_received(self, data: bytes) -> None:
        """Parse runs of messages of one type; a message may be split over reads."""
        if self._rest:
            data = self._rest + data
        self.heard_ns = now_ns = clock.now_ns()
        position, end, view = 0, len(data), memoryview(data)
        try:
            while position < end:
                kind = data[position]
                size, read = self._readers[kind]
                run = run_of(data, position, kind, size)
                if not run:
                    break
                stop = position + run * size
                read(view[position:stop], now_ns)
                position = stop
        except (KeyError, WireError):
            self.close(f"not the wire format: byte {data[position]:#x} at {position} of {end}")
            return
        self._rest = data[position:]

    def _acks(self, run: memoryview, now_ns: int) -> None:
        record, records, pending, count = RECORD.pack, self._capture.pending, self.pending, self._count
        answered = self._listener.answered
        for _, number, epoch, seq, command_id, _, status, reason, open_qty in Ack.FORMAT.iter_unpack(run):
            sent_ns, draft = pending.pop(command_id, (0, UNANSWERED))
            _, _, _, _, price, qty, _, kind, side, type_, tif, _ = draft
            repeated = REPEATED if draft[0] and not sent_ns else 0
            records += record(
                ACK, status, reason, repeated, number, 0, epoch, open_qty, seq, command_id, now_ns,
                price, qty, kind, side, type_, tif, sent_ns,
            )  # fmt: skip
            count.acked += 1
            if status == REJECTED:
                count.rejected += 1
            if sent_ns:
                answered(draft, sent_ns, now_ns, status, reason, open_qty)
            elif repeated:
                count.learned += 1
                self._listener.learned(draft, status, reason, open_qty)
        count.first_ack_ns = count.first_ack_ns or now_ns
        count.last_ack_ns = now_ns
        self.asked_ns = now_ns

    def _fills(self, run: memoryview, now_ns: int) -> None:
        record, records, filled = RECORD.pack, self._capture.pending, self._listener.filled
        for _, number, epoch, seq, fill_no, order_id, price, qty, liquidity in Fill.FORMAT.iter_unpack(run):
            records += record(
                FILL, 0, 0, liquidity, number, fill_no, epoch, 0, seq, order_id, now_ns, price, qty, 0, 0, 0, 0, 0
            )
            self._count.fills += 1
            if liquidity == MAKER:
                filled(number, order_id, qty)

    def _ends(self, run: memoryview, now_ns: int) -> None:
        """Orders that ended without a command of their own."""
        for _, number, epoch, seq, order_id, qty, reason in Cancelled.FORMAT.iter_unpack(run):
            self._capture.pending += RECORD.pack(
                CANCELLED, 0, reason, 0, number, 0, epoch, 0, seq, order_id, now_ns, 0, qty, 0, 0, 0, 0, 0
            )
            self._listener.ended(number, order_id)

    def _login(self, run: memoryview, _now_ns: int) -> None:
        answer = LoginAnswer.read(bytes(run))
        if answer.state != LOGIN_OPEN or answer.environment != self._environment:
            self.close(f"refused: state {answer.state}, environment {answer.environment}")
            return
        self.epoch, self.is_open = answer.epoch, True
        self._count = self._listener.opened(self)

    def _echo(self, run: memoryview, now_ns: int) -> None:
        for _, client_ns, engine_ns in EchoAnswer.FORMAT.iter_unpack(run):
            self._listener.clock_seen(self, engine_ns - (client_ns + now_ns) // 2, now_ns - client_ns)

    def describe(self) -> dict[str, Any]:
        """For logs."""
        return {"member": self.member, "address": self.address, "epoch": self.epoch, "pending": len(self.pending)}


def run_of(data: bytes, position: int, kind: int, size: int) -> int:
    """How many whole messages of `kind` follow each other from `position`.

    The type bytes of a run stand `size` apart, so the strided slice shows them; aligned up to the first other type.

    >>> run_of(b"AxxAxxFyAx", 0, ord("A"), 3)
    2
    """
    kinds = data[position::size]
    run = len(kinds) - len(kinds.lstrip(bytes((kind,))))
    return min(run, (len(data) - position) // size)
