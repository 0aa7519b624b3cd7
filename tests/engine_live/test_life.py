"""Whole tasks as the container runs them: own processes, own loopback addresses, a Firehose that only confirms."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.codec import decode_frame
from engine.fill import FILL
from engine.listing import instrument
from engine.messages import Environment, Reason, Side
from engine.status import ask_status
from engine.wire import (
    FROM_ENGINE,
    FROM_MARKET_DATA,
    Ack,
    Echo,
    EchoAnswer,
    Fill,
    Login,
    LoginAnswer,
    Order,
    Print,
    Quote,
    Splitter,
)

AAL, AAPL = instrument("AAL").number, instrument("AAPL").number
PATIENCE_S = 20
LINES: list[Any] = []


class World:
    """Starts tasks on loopback addresses of this test alone, and ends what is left of them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._host = 0
        self._tasks: list[asyncio.subprocess.Process] = []
        self._environment = os.environ | {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def address(self) -> str:
        self._host += 1
        number = os.getpid()
        return f"127.{100 + number // 65536 % 100}.{number // 256 % 256}.{number % 250 + self._host}"

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        task = await asyncio.create_subprocess_exec(sys.executable, "-m", "engine", *arguments, env=self._environment)
        self._tasks.append(task)
        return task

    async def trade(self, address: str, *more: str, epoch: int = 1, site: str = "primary") -> Any:
        place = ["--site", site, "--environment", "LIVE", "--epoch", str(epoch), "--symbols", "AAL,AAPL"]
        where = ["--stream-region", "us-west-2", "--control", f"file://{self.folder}/control", "--address", address]
        where += ["--recovered", f"file://{self.folder}/recovered"]
        where += ["--snapshots", f"file://{self.folder}/snapshots"]
        return await self.start("trade", *place, *where, "--commit-ms", "20", "--checkpoint-every", "2", *more)

    def opened(self, epoch: int) -> dict[str, Any]:
        paths = sorted((self.folder / f"recovered/epoch={epoch}").glob("*/opened.json"))
        return {path.parent.name: json.loads(path.read_text()) for path in paths}

    def control(self, name: str, document: dict[str, Any]) -> None:
        path = self.folder / "control" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    async def close(self) -> None:
        for task in self._tasks:
            if task.returncode is None:
                task.kill()
            await task.wait()


@pytest.fixture
async def world(tmp_path: Any, firehose: Any) -> Any:
    one = World(tmp_path, firehose.url)
    yield one
    while LINES:
        LINES.pop().writer.close()
    await one.close()


class Line:
    """A connection that reads whole messages."""

    def __init__(self, accepted: Any) -> None:
        self._splitter = Splitter(accepted)
        self._messages: list[Any] = []

    async def dial(self, address: str, port: int, *first: Any) -> Line:
        self.reader, self.writer = await asyncio.open_connection(address, port)
        LINES.append(self)
        self.write(*first)
        return self

    def write(self, *messages: Any) -> None:
        self.writer.write(b"".join(message.pack() for message in messages))

    async def read(self) -> Any:
        while not self._messages:
            data = await self.reader.read(4096)
            if not data:
                return None
            self._messages.extend(self._splitter.feed(data))
        return self._messages.pop(0)

    async def until(self, kind: Any) -> Any:
        while not isinstance(message := await self.read(), kind):
            assert message is not None, f"the connection ended before a {kind.__name__}"
        return message


async def reach(address: str, state: str) -> dict[str, Any]:
    """Status of a task, once it has reached `state`."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                answer = await ask_status(address, 7001)
            except OSError:
                answer = {}
            if answer.get("state") == state:
                return answer
            await asyncio.sleep(0.02)


async def login(address: str, member: int) -> Line:
    line = await Line(FROM_ENGINE).dial(address, 7000, Login(member, Environment.LIVE))
    assert (await line.until(LoginAnswer)).state == 1
    return line


def write_journal(folder: Path, held: Any) -> None:
    """Deliver what Firehose holds: one object of all frames per symbol."""
    for stream, records in held.items():
        symbol = stream.removeprefix("matching-engine-")
        if symbol.endswith("-e2"):
            continue
        path = folder / f"journal/epoch=1/symbol={symbol}/object.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"".join(records)))


@pytest.mark.timeout(60)
async def test_from_genesis_over_the_loss_to_a_site_that_trades_on(world: Any, firehose: Any, order: Any) -> None:
    primary, backup = world.address(), world.address()
    task = await world.trade(primary)
    await reach(primary, "open")
    feed = await Line(FROM_MARKET_DATA).dial(primary, 7100)
    seller, buyer = await login(primary, 1), await login(primary, 2)

    firehose.gate.clear()
    sell = order(1, Side.SELL, 101, 10)
    seller.write(Order(AAL, sell))
    await firehose.wait_for_attempts(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(seller.read(), 0.05)
    firehose.gate.set()
    assert (await seller.until(Ack)).command_id == sell.command_id

    buyer.write(Order(AAL, order(2, Side.BUY, 101, 4)))
    assert (await seller.until(Fill)).qty == 4
    assert (await buyer.until(Ack)).seq == 2
    assert (await feed.until(Print)).price == 101

    buyer.write(Order(AAPL, order(2, Side.BUY, 99, 1)))
    await firehose.wait_for_attempts(3)
    task.send_signal(signal.SIGTERM)
    assert (await buyer.until(Ack)).number == AAPL
    assert await task.wait() == 0

    write_journal(world.folder, firehose.held)
    recover = ["--recover", f"file://{world.folder}/journal", "--stream-suffix", "-e2"]
    await world.trade(backup, *recover, epoch=2, site="dr-1")
    await reach(backup, "empty")
    world.control("epoch=2/recover.json", {"from_epoch": 1, "drill": "1"})
    status = await reach(backup, "recovered")
    result = json.loads((world.folder / "recovered/epoch=2/AAL/result.json").read_text())
    assert (result["status"], result["seq"], result["fills"]) == ("recovered", 2, 1)
    assert status["symbols"]["AAL"] == {"state": "recovered", "seq": 2, "digest": result["digest"]}
    assert len((world.folder / "recovered/epoch=2/AAL/fills.bin").read_bytes()) == FILL.size
    checkpoint = json.loads((world.folder / "recovered/epoch=2/AAL/checkpoints.jsonl").read_text())
    assert (checkpoint["primary"], world.opened(2)) == (checkpoint["recovered"], {})

    world.control("epoch=2/open.json", {})
    await reach(backup, "open")
    newcomer = await Line(FROM_MARKET_DATA).dial(backup, 7100)
    assert (await newcomer.until(Quote)).ask_qty == 6
    buyer = await login(backup, 2)
    buyer.write(Order(AAL, order(2, Side.BUY, 101, 6)))
    ack = await buyer.until(Ack)
    assert (ack.epoch, ack.seq) == (2, 3)
    before, after = (firehose.held[f"matching-engine-AAL{suffix}"] for suffix in ("", "-e2"))
    chain = [decode_frame(raw) for raw in (*before, *after)]
    assert [frame.epoch for frame in chain] == [1, 1, 2]
    assert all(later.previous == earlier.digest for earlier, later in pairwise(chain))

    # Somebody takes the next epoch: sessions end, nothing is acknowledged any more.
    world.control("epoch=3.json", {"epoch": 3})
    assert await buyer.read() is None or await buyer.read() is None
    status = await reach(backup, "halted")
    assert status["symbols"]["AAL"]["state"] == "halted"


@pytest.mark.timeout(60)
async def test_sigterm_commits_and_acknowledges_what_was_received(world: Any, firehose: Any, order: Any) -> None:
    address = world.address()
    task = await world.trade(address, "--commit-ms", "600000")
    await reach(address, "open")
    member = await login(address, 1)
    command = order(1)
    member.write(Order(AAL, command), Echo(1))
    await member.until(EchoAnswer)
    assert firehose.attempts == []
    task.send_signal(signal.SIGTERM)
    assert (await member.until(Ack)).command_id == command.command_id
    assert await task.wait() == 0
    assert len(firehose.held["matching-engine-AAL"]) == 1


@pytest.mark.timeout(60)
async def test_a_damaged_symbol_stays_closed_and_the_others_open(world: Any, firehose: Any, order: Any) -> None:
    primary, backup = world.address(), world.address()
    task = await world.trade(primary)
    await reach(primary, "open")
    member = await login(primary, 1)
    for number in (AAL, AAPL):
        member.write(Order(number, order(1)))
        await member.until(Ack)
    task.send_signal(signal.SIGTERM)
    assert await task.wait() == 0
    firehose.held["matching-engine-AAL"][0] = b"no frame" * 20
    write_journal(world.folder, firehose.held)
    for name in ("recover.json", "open.json"):
        world.control(f"epoch=2/{name}", {"from_epoch": 1})
    await world.trade(backup, "--recover", f"file://{world.folder}/journal", epoch=2)
    status = await reach(backup, "open")
    assert {symbol: one["state"] for symbol, one in status["symbols"].items()} == {"AAL": "damaged", "AAPL": "open"}
    assert json.loads((world.folder / "recovered/epoch=2/AAL/result.json").read_text())["status"] == "damaged"
    assert list(world.opened(2)) == ["AAPL"]
    member = await login(backup, 1)
    member.write(Order(AAL, order(1)), Order(AAPL, order(1)))
    assert [(ack.number, ack.seq) for ack in (await member.until(Ack), await member.until(Ack))] == [
        (AAL, 0),
        (AAPL, 2),
    ]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("sites", [("primary",), ("primary", "dr-1")])
async def test_a_task_that_is_replaced_after_it_opened_stays_closed(
    world: Any, firehose: Any, order: Any, sites: Any
) -> None:
    """Genesis or recovery: a second start in the same epoch would write the same seqs again."""
    for epoch, site in enumerate(sites, start=1):
        more = ("--recover", f"file://{world.folder}/journal", "--stream-suffix", "-e2") if epoch > 1 else ()
        for name in ("recover.json", "open.json"):
            world.control(f"epoch={epoch}/{name}", {"from_epoch": 1})
        address = world.address()
        task = await world.trade(address, *more, epoch=epoch, site=site)
        await reach(address, "open")
        member = await login(address, 1)
        member.write(Order(AAL, order(1)))
        assert (await member.until(Ack)).epoch == epoch
        task.kill()
        await task.wait()
        write_journal(world.folder, firehose.held)
    opened = world.opened(len(sites))
    assert {symbol: (one["epoch"], one["site"]) for symbol, one in opened.items()} == {
        "AAL": (len(sites), sites[-1]),
        "AAPL": (len(sites), sites[-1]),
    }

    put = len(firehose.attempts)
    await world.trade(address, *more, epoch=epoch, site=site)
    status = await reach(address, "halted")
    assert {one["state"] for one in status["symbols"].values()} == {"halted"}
    line = await Line(FROM_ENGINE).dial(address, 7000, Login(1, Environment.LIVE))
    assert (await line.until(LoginAnswer)).state == 0
    assert (world.opened(len(sites)), len(firehose.attempts)) == (opened, put)


@pytest.mark.timeout(60)
async def test_only_the_symbols_that_were_opened_before_stay_closed(world: Any, order: Any) -> None:
    folder = world.folder / "recovered/epoch=1/AAL"
    folder.mkdir(parents=True)
    (folder / "opened.json").write_text('{"epoch":1,"site":"primary","at_ns":"1","task":"another"}')
    address = world.address()
    await world.trade(address)
    status = await reach(address, "open")
    assert {symbol: one["state"] for symbol, one in status["symbols"].items()} == {"AAL": "halted", "AAPL": "open"}
    member = await login(address, 1)
    member.write(Order(AAL, order(1)), Order(AAPL, order(1)))
    answers = [await member.until(Ack), await member.until(Ack)]
    assert [(ack.number, ack.seq, ack.reason) for ack in answers] == [
        (AAL, 0, Reason.HALTED),
        (AAPL, 1, Reason.NONE),
    ]


@pytest.mark.timeout(60)
async def test_market_data_and_directory_speak_for_the_engines(world: Any, order: Any) -> None:
    engine, fan_out, customer = world.address(), world.address(), world.address()
    task = await world.trade(engine)
    await reach(engine, "open")
    await world.start("marketdata", "--engines", engine, "--address", fan_out)
    place = ["--site", "primary", "--environment", "LIVE", "--epoch", "1", "--symbols", "AAL,AAPL"]
    await world.start("directory", *place, "--engines", engine, "--address", customer)
    member = await login(engine, 1)
    member.write(Order(AAL, order(1, Side.SELL, 101, 10)))
    await member.until(Ack)

    line = await patiently(lambda: Line(FROM_MARKET_DATA).dial(fan_out, 7100))
    while (quote := await line.until(Quote)).number != AAL or not quote.ask_qty:
        pass
    assert (quote.ask, quote.ask_qty) == (101, 10)

    reader, writer = await patiently(lambda: asyncio.open_connection(customer, 7200))
    writer.write(b'{"ask":"listing"}\n{"ask":"heartbeat","sent_ns":"17"}\n')
    listing, heartbeat = [json.loads(await reader.readline()) for _ in range(2)]
    assert [one["symbol"] for one in listing["instruments"]] == ["AAL", "AAPL"]
    assert (heartbeat["state"], heartbeat["sent_ns"], heartbeat["epoch"]) == ("open", "17", 1)

    task.kill()
    await task.wait()
    async with asyncio.timeout(PATIENCE_S):
        while heartbeat["state"] == "open":
            writer.write(b'{"ask":"heartbeat","sent_ns":"18"}\n')
            heartbeat = json.loads(await reader.readline())
    assert heartbeat["state"] == "closed"
    writer.close()


async def patiently(dial: Any) -> Any:
    """The connection that `dial` makes, once somebody listens."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await dial()
            except OSError:
                await asyncio.sleep(0.02)
