from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine.gateway import Gateway
from engine.messages import CANARY_MEMBER, OPERATOR_MEMBER, Environment, Reason, Status
from engine.outlet import Outlet
from engine.sequencer import Batch
from engine.wire import (
    FROM_ENGINE,
    LOGIN_OPEN,
    LOGIN_REFUSED,
    Ack,
    Echo,
    EchoAnswer,
    Login,
    LoginAnswer,
    Order,
    Splitter,
)

NUMBER = 2
MEMBERS: list[Any] = []


class Desk:
    """A site with one open symbol, number 2, and one closed, number 3."""

    def __init__(self) -> None:
        self.environment = Environment.LIVE
        self.epoch = 4
        self.appended: list[Any] = []
        self.sequencers = {NUMBER: SimpleNamespace(append=self.appended.append)}
        self.closed = frozenset({3})
        self.opened = True

    def is_open(self) -> bool:
        return self.opened


class Member:
    """A client that reads whole messages."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._splitter = Splitter(FROM_ENGINE)
        self._messages: list[Any] = []

    async def connect(self, *first: Any) -> Any:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        MEMBERS.append(self)
        self.write(*first)
        return self

    def write(self, *messages: Any) -> Any:
        self.writer.write(b"".join(message.pack() for message in messages))

    async def read(self) -> Any:
        """The next message, or None at the end of the connection."""
        while not self._messages:
            try:
                data = await self.reader.read(4096)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._messages.extend(self._splitter.feed(data))
        return self._messages.pop(0)


@pytest.fixture(autouse=True)
async def _hang_up() -> Any:
    yield
    while MEMBERS:
        MEMBERS.pop().writer.close()


@pytest.fixture
def desk() -> Any:
    return Desk()


@pytest.fixture
async def gateway(desk: Any) -> Any:
    one = Gateway(desk)
    port = await one.open("127.0.0.1", 0)
    yield SimpleNamespace(send=one.send, close=one.close, port=port)
    await one.close()


@pytest.fixture
def dial(gateway: Any) -> Any:
    return lambda *first: Member(gateway.port).connect(*first)


async def test_a_member_of_this_environment_is_let_in(dial: Any) -> None:
    member = await dial(Login(1, Environment.LIVE))
    assert await member.read() == LoginAnswer(Environment.LIVE, 4, LOGIN_OPEN)


@pytest.mark.parametrize("login", [Login(1, Environment.DRILL), Login(0, Environment.LIVE), Login(101, 1)])
async def test_a_stranger_is_refused_and_disconnected(dial: Any, login: Any) -> None:
    member = await dial(login)
    assert await member.read() == LoginAnswer(Environment.LIVE, 4, LOGIN_REFUSED)
    assert await member.read() is None


@pytest.mark.parametrize("member", [1, CANARY_MEMBER, OPERATOR_MEMBER])
@pytest.mark.parametrize("ours", list(Environment))
async def test_a_gateway_takes_nothing_of_the_other_environment(
    dial: Any, desk: Any, order: Any, ours: Environment, member: int
) -> None:
    """F20: an exercise's members, canaries and operators get no command into the market, nor the market's into it."""
    desk.environment = ours
    (theirs,) = set(Environment) - {ours}
    trader = await dial(Login(2, ours))
    stranger = await dial(Login(member, theirs), *(Order(NUMBER, order(member=member)) for _ in range(3)))
    assert await stranger.read() == LoginAnswer(ours, 4, LOGIN_REFUSED)
    assert await stranger.read() is None
    kept = order(member=2)
    trader.write(Order(NUMBER, kept), Echo(5))
    assert [type(await trader.read()) for _ in range(2)] == [LoginAnswer, EchoAnswer]
    assert desk.appended == [kept]


async def test_nobody_is_let_in_before_the_site_is_open(dial: Any, desk: Any) -> None:
    desk.opened = False
    member = await dial(Login(1, Environment.LIVE))
    assert (await member.read()).state == LOGIN_REFUSED


async def test_commands_reach_the_sequencer_in_order_whatever_the_reads_boundaries(
    dial: Any, desk: Any, order: Any
) -> None:
    member = await dial(Login(1, Environment.LIVE))
    commands = [order() for _ in range(20)]
    stream = b"".join(Order(NUMBER, command).pack() for command in commands)
    for start in range(0, len(stream), 77):
        member.writer.write(stream[start : start + 77])
        await member.writer.drain()
    member.write(Echo(5))
    assert [type(await member.read()), type(await member.read())] == [LoginAnswer, EchoAnswer]
    assert desk.appended == commands


@pytest.mark.parametrize("case", ["another member", "unknown value", "unlisted", "no login", "garbage"])
async def test_whatever_breaks_the_rules_ends_the_connection_and_appends_nothing(
    dial: Any, desk: Any, order: Any, case: Any
) -> None:
    login = () if case == "no login" else (Login(1, Environment.LIVE),)
    member = await dial(*login)
    if case == "garbage":
        member.writer.write(b"\xee" * 60)
    elif case == "unlisted":
        member.write(Order(9, order()))
    else:
        wrong = {"another member": {"member": 2}, "unknown value": {"side": 7}}.get(case, {})
        member.write(Order(NUMBER, order(**wrong)))
    while await member.read() is not None:
        pass
    assert desk.appended == []


async def test_a_closed_symbol_rejects_without_a_seq(dial: Any, order: Any) -> None:
    member = await dial(Login(1, Environment.LIVE), Order(3, order()))
    await member.read()
    ack = await member.read()
    assert (type(ack), ack.seq, ack.status, ack.reason) == (Ack, 0, Status.REJECTED, Reason.HALTED)


async def test_a_newer_login_replaces_the_older_and_gets_its_answers(dial: Any, gateway: Any) -> None:
    older = await dial(Login(1, Environment.LIVE))
    await older.read()
    newer = await dial(Login(1, Environment.LIVE))
    await newer.read()
    assert await older.read() is None
    gateway.send(1, EchoAnswer(1, 2).pack())
    assert await newer.read() == EchoAnswer(1, 2)


async def test_a_slow_consumer_is_cut_off(desk: Any, order: Any) -> None:
    gateway = Gateway(desk, max_backlog_bytes=1000)
    member = await Member(await gateway.open("127.0.0.1", 0)).connect(Login(1, Environment.LIVE))
    await member.read()
    gateway.send(1, EchoAnswer(1, 2).pack() * 1_000_000)
    while await member.read() is not None:
        pass
    assert gateway._sessions == {}
    await gateway.close()


@pytest.mark.parametrize("held", [True, False])
async def test_the_outlet_writes_once_per_session_and_only_with_the_lease(held: Any) -> None:
    writes: list[Any] = []
    published: list[Any] = []
    feed: Any = SimpleNamespace(publish=published.append)
    sessions = SimpleNamespace(send=lambda member, messages: writes.append((member, messages)))
    outlet = Outlet(sessions=sessions, feed=feed, may_release=lambda: held)
    for number in (1, 2):
        batch = Batch(number, 1)
        batch.answers = [(1, b"a%d" % number), (2, b"b%d" % number)]
        batch.prints = [b"p%d" % number]
        outlet.release(batch)
    assert writes == []
    outlet.flush()
    assert (writes, published) == (([(1, b"a1a2"), (2, b"b1b2")], [b"p1p2"]) if held else ([], []))


async def test_closing_lets_every_answer_leave_first(dial: Any, gateway: Any) -> None:
    member = await dial(Login(1, Environment.LIVE))
    await member.read()
    gateway.send(1, EchoAnswer(1, 2).pack() * 100_000)
    closing = asyncio.create_task(gateway.close())
    answers = 0
    while await member.read() is not None:
        answers += 1
    await closing
    assert answers == 100_000
