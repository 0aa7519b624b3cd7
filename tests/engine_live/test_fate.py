"""What becomes of orders when sessions, sites and days end: resends, cancel on disconnect, market operations."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from engine.codec import decode_frame
from engine.messages import EDGE_MEMBER, OPERATOR_MEMBER, Command, Environment, Kind, Reason, Side, Status, command_id
from engine.wire import (
    CANCEL_ON_DISCONNECT,
    FROM_ENGINE,
    FROM_MARKET_DATA,
    Ack,
    Cancelled,
    Echo,
    EchoAnswer,
    Fill,
    Login,
    LoginAnswer,
    Order,
    Quote,
    Trading,
)
from tests.engine_live.test_life import AAL, Line, login, reach, world, write_journal

__all__ = ["world"]


def journalled(firehose: Any, stream: str = "matching-engine-AAL") -> list[Command]:
    return [command for raw in firehose.held[stream] for command in decode_frame(raw).unpacked()]


async def enter(address: str, member: int, options: int = 0) -> Line:
    line = await Line(FROM_ENGINE).dial(address, 7000, Login(member, Environment.LIVE, options))
    assert (await line.until(LoginAnswer)).state == 1
    return line


@pytest.mark.timeout(60)
async def test_a_member_learns_at_the_new_site_what_the_lost_one_never_told(
    world: Any, firehose: Any, order: Any
) -> None:
    primary, backup = world.address(), world.address()
    task = await world.trade(primary)
    await reach(primary, "open")
    seller, buyer = await login(primary, 1), await login(primary, 2)
    seller.write(Order(AAL, order(1, Side.SELL, 101, 10)))
    await seller.until(Ack)
    taken, never = order(2, Side.BUY, 101, 4), order(2, Side.BUY, 101, 1)
    firehose.gate.clear()
    buyer.write(Order(AAL, taken))
    await firehose.wait_for_attempts(2)
    task.kill()
    await task.wait()
    stream, record = firehose.attempts[-1]
    firehose.held[stream] = [raw for raw in firehose.held[stream] if raw != record] + [record]
    firehose.gate.set()

    write_journal(world.folder, firehose.held)
    for name in ("recover.json", "open.json"):
        world.control(f"epoch=2/{name}", {"from_epoch": 1})
    more = ("--recover", f"file://{world.folder}/journal", "--stream-suffix", "-e2")
    await world.trade(backup, *more, epoch=2, site="dr-1")
    await reach(backup, "open")
    buyer = await login(backup, 2)
    buyer.write(Order(AAL, taken), Order(AAL, never), Order(AAL, taken))
    known = await buyer.until(Ack)
    assert (known.command_id, known.seq, known.epoch, known.status) == (taken.command_id, 2, 2, Status.FILLED)
    fill = await buyer.read()
    assert (type(fill), fill.seq, fill.order_id, fill.qty) == (Fill, 2, taken.command_id, 4)
    executed = await buyer.until(Ack)
    assert (executed.command_id, executed.seq, executed.status) == (never.command_id, 3, Status.FILLED)
    assert (await buyer.until(Ack)).seq == 2
    assert [one.command_id for one in journalled(firehose, "matching-engine-AAL-e2")] == [never.command_id]


@pytest.mark.timeout(60)
async def test_what_a_member_has_resting_goes_with_its_session_if_it_chose_so(
    world: Any, firehose: Any, order: Any
) -> None:
    address = world.address()
    task = await world.trade(address)
    await reach(address, "open")
    feed = await Line(FROM_MARKET_DATA).dial(address, 7100)
    chosen, other = await enter(address, 1, CANCEL_ON_DISCONNECT), await enter(address, 2)
    mine, theirs = order(1, Side.BUY, 100, 5), order(2, Side.BUY, 99, 7)
    chosen.write(Order(AAL, mine))
    other.write(Order(AAL, theirs))
    await chosen.until(Ack)
    await other.until(Ack)

    newer = await enter(address, 1, CANCEL_ON_DISCONNECT)  # takes over: the member was never gone
    assert await chosen.read() is None
    newer.write(Echo(1))
    await newer.until(EchoAnswer)
    assert [command.kind for command in journalled(firehose)] == [Kind.NEW, Kind.NEW]

    other.writer.close()  # did not choose so
    newer.writer.close()
    while (await feed.until(Quote)).bid != 99:
        pass
    last = journalled(firehose)[-1]
    assert (last.kind, last.member, last.target_id >> 48) == (Kind.MASS_CANCEL, EDGE_MEMBER, 1)

    member = await enter(address, 1)
    member.write(Order(AAL, order(1, target_id=mine.command_id, kind=Kind.CANCEL)))
    assert (await member.until(Ack)).reason == Reason.UNKNOWN_ORDER
    task.send_signal(signal.SIGTERM)
    assert await task.wait() == 0


@pytest.mark.timeout(60)
async def test_an_exchange_that_stops_cancels_for_nobody(world: Any, firehose: Any, order: Any) -> None:
    address = world.address()
    task = await world.trade(address)
    await reach(address, "open")
    member = await enter(address, 1, CANCEL_ON_DISCONNECT)
    member.write(Order(AAL, order(1)))
    await member.until(Ack)
    task.send_signal(signal.SIGTERM)
    assert await task.wait() == 0
    assert [command.kind for command in journalled(firehose)] == [Kind.NEW]


@pytest.mark.timeout(60)
async def test_market_operations_halt_resume_and_end_the_day(world: Any, order: Any) -> None:
    address = world.address()
    await world.trade(address)
    await reach(address, "open")
    feed = await Line(FROM_MARKET_DATA).dial(address, 7100)
    operator, member = await enter(address, OPERATOR_MEMBER), await enter(address, 1)
    day, kept = order(1, Side.BUY, 100, 5, tif=1), order(1, Side.BUY, 99, 7)
    member.write(Order(AAL, day), Order(AAL, kept))
    await member.until(Ack)
    await member.until(Ack)

    def operate(number: int, kind: Kind) -> Order:
        return Order(AAL, Command(1, command_id(OPERATOR_MEMBER, number), 0, 0, 0, 0, int(kind)))

    operator.write(operate(1, Kind.HALT))
    assert (await operator.until(Ack)).status == Status.DONE
    assert (await feed.until(Trading)).halted == 1
    member.write(Order(AAL, order(1)))
    refused = await member.until(Ack)
    assert (refused.seq, refused.status, refused.reason) == (4, Status.REJECTED, Reason.HALTED)

    operator.write(operate(2, Kind.RESUME), operate(3, Kind.DAY_END))
    assert (await feed.until(Trading)).halted == 0
    ended = await member.until(Cancelled)
    assert (ended.order_id, ended.qty, ended.reason, ended.seq) == (day.command_id, 5, Reason.DAY_END, 6)
    member.write(Order(AAL, order(1, kind=Kind.DAY_END)))
    assert (await member.until(Ack)).reason == Reason.NOT_ALLOWED


@pytest.mark.timeout(60)
@pytest.mark.parametrize("login", [Login(EDGE_MEMBER, 1), Login(1, 1, 2)], ids=["the edge's number", "unknown option"])
async def test_what_nobody_may_be_or_choose_is_refused_at_login(world: Any, login: Login) -> None:
    address = world.address()
    await world.trade(address)
    await reach(address, "open")
    line = await Line(FROM_ENGINE).dial(address, 7000, login)
    assert (await line.until(LoginAnswer)).state == 0


@pytest.mark.timeout(60)
async def test_a_member_that_poses_as_a_canary_is_cut_off(world: Any, firehose: Any, order: Any) -> None:
    address = world.address()
    await world.trade(address)
    await reach(address, "open")
    member = await enter(address, 1)
    member.write(Order(AAL, order(1, flags=1)))
    assert await member.read() is None
    assert journalled(firehose) == []
