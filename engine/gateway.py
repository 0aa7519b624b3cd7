"""Order entry over TCP: one session per member, commands in, answers out; a newer login replaces the older.

A member may choose at login that what it has resting here is cancelled when its session ends: when the connection is
gone and no newer one of that member has taken over. An exchange that stops or halts ends no session in this sense. The
cancellation is a command like any other, journalled under the edge's own number, so that replay knows it.

asyncio's Protocol instead of streams, and answers written once per commit: 10,000 commands a second must cost a small
share of a core.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, cast

from engine import clock
from engine.messages import (
    CANARY_MEMBER,
    COMMAND_SIZE,
    MAX_MEMBER,
    OPERATOR_MEMBER,
    Command,
    Reason,
    Status,
    member_of,
)
from engine.site import Site
from engine.wire import (
    CANCEL_ON_DISCONNECT,
    LOGIN_OPEN,
    LOGIN_REFUSED,
    Ack,
    Echo,
    EchoAnswer,
    Login,
    LoginAnswer,
    Order,
)

__all__ = ["Gateway"]

LOG = logging.getLogger(__name__)
MAX_BACKLOG_BYTES: Final = 4 << 20
CLOSE_S: Final = 2.0
ORDER_HEAD: Final = 3
ORDER_SIZE: Final = ORDER_HEAD + COMMAND_SIZE
assert Order.FORMAT.size == ORDER_SIZE


class Gateway:
    """The members' sessions of one engine task."""

    def __init__(self, site: Site, *, max_backlog_bytes: int = MAX_BACKLOG_BYTES) -> None:
        self.site = site
        self._max_backlog_bytes = max_backlog_bytes
        self._sessions: dict[int, _Session] = {}
        self._server: asyncio.Server | None = None
        self._stopping = False

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port (of use when `port` is 0)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), host, port, reuse_address=True)
        return int(self._server.sockets[0].getsockname()[1])

    def stop_accepting(self) -> None:
        """No new sessions, no new commands; answers still leave."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for session in self._sessions.values():
            session.transport.pause_reading()

    async def close(self) -> None:
        """End every session once its answers are written; one that does not read them in time is cut off."""
        self.stop_accepting()
        sessions = tuple(self._sessions.values())
        for session in sessions:
            session.transport.close()
        if sessions:
            await asyncio.wait([session.ended for session in sessions], timeout=CLOSE_S)
        self.drop_sessions("its answers were not read in time")

    def drop_sessions(self, reason: str) -> None:
        """End every session now; members look for the site that took over."""
        for session in tuple(self._sessions.values()):
            session.end(reason)

    def send(self, member: int, messages: bytes) -> None:
        """One write to the member's session; a member that reads too slowly is cut off, as it would cost memory."""
        session = self._sessions.get(member)
        if session is None:
            return
        session.transport.write(messages)
        behind = session.transport.get_write_buffer_size()
        if behind > self._max_backlog_bytes:
            session.end(f"slow consumer, {behind} bytes behind")

    def admit(self, session: _Session) -> None:
        """The session of its member from now on."""
        older = self._sessions.get(session.member)
        self._sessions[session.member] = session
        if older is not None:
            older.end("replaced by a newer login")

    def forget(self, session: _Session) -> None:
        """Its connection has ended; a session that replaced it stays, and so do that member's orders."""
        if self._sessions.get(session.member) is not session:
            return
        del self._sessions[session.member]
        if session.cancels and not self._stopping:
            for sequencer in self.site.sequencers.values():
                sequencer.cancel_for(session.member)


class _Session(asyncio.Protocol):
    """One connection: a login first, then commands and echoes. Whatever else comes ends it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._site = gateway.site
        self._rest = b""
        self._ended = False
        self.member = 0
        self.cancels = False
        self.transport: asyncio.Transport
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol's signature
        self._ended = True
        self._gateway.forget(self)
        self.ended.set_result(None)

    def end(self, reason: str) -> None:
        """Cut the connection; what was not yet written is lost to it, not to the journal."""
        if not self._ended:
            self._ended = True
            LOG.warning("member %d: connection ended: %s", self.member, reason)
            self._gateway.forget(self)
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        position, size = 0, len(buffer)
        while position < size and not self._ended:
            kind = buffer[position]
            if kind == Order.TYPE and self.member:
                end = position + ORDER_SIZE
                if end > size:
                    break
                self._order(buffer, position)
            else:
                end = self._other(kind, buffer, position)
                if end > size:
                    break
            position = end
        self._rest = buffer[position:]

    def _order(self, buffer: bytes, position: int) -> None:
        number = buffer[position + 1] | buffer[position + 2] << 8
        command = Command.unpack(buffer, position + ORDER_HEAD)
        if member_of(command.command_id) != self.member:
            self.end(f"command {command.command_id} of another member")
        elif not command.is_known():
            self.end(f"command {command.command_id} holds an unknown value")
        elif command.is_canary != (self.member == CANARY_MEMBER):
            self.end(f"command {command.command_id}: canaries are the canary's, and nothing else is")
        elif (sequencer := self._site.sequencers.get(number)) is not None:
            sequencer.append(command)
        elif number in self._site.closed:
            self._refuse(number, command)
        else:
            self.end(f"instrument {number} is not traded here")

    def _refuse(self, number: int, command: Command) -> None:
        """A closed symbol has no journal to number the command in: seq 0, and nothing happened."""
        now_ns = clock.now_ns()
        ack = Ack(number, self._site.epoch, 0, command.command_id, now_ns, Status.REJECTED, Reason.HALTED, 0)
        self.transport.write(ack.pack())

    def _other(self, kind: int, buffer: bytes, position: int) -> int:
        """Read a login or an echo at `position`; returns where it ends, beyond the buffer if it is incomplete."""
        message = Login if kind == Login.TYPE and not self.member else Echo
        if kind != message.TYPE:
            self.end(f"unexpected message of type {kind}")
            return position
        end = position + message.FORMAT.size
        if end > len(buffer):
            return end
        if message is Login:
            self._login(Login.read(buffer[position:end]))
        else:
            answer = EchoAnswer(Echo.read(buffer[position:end]).client_ns, clock.now_ns())
            self.transport.write(answer.pack())
        return end

    def _login(self, login: Login) -> None:
        site = self._site
        known = 1 <= login.member <= MAX_MEMBER or login.member in {CANARY_MEMBER, OPERATOR_MEMBER}
        known = known and login.options in {0, CANCEL_ON_DISCONNECT}
        accepted = known and login.environment == site.environment and site.is_open()
        state = LOGIN_OPEN if accepted else LOGIN_REFUSED
        self.transport.write(LoginAnswer(site.environment, site.epoch, state).pack())
        if accepted:
            self.member = login.member
            self.cancels = bool(login.options & CANCEL_ON_DISCONNECT)
            self._gateway.admit(self)
        else:
            self._ended = True
            LOG.info("member %d of environment %d: login refused", login.member, login.environment)
            self.transport.close()
