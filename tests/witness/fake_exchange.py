"""A tiny exchange that speaks the wire format: acknowledges everything, fills crossing orders, and can move."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from typing import Any

from engine.messages import Kind, Status, TimeInForce
from engine.wire import FROM_CLIENT, Ack, Echo, EchoAnswer, Fill, Login, LoginAnswer, Order, Print, Splitter
from witness.directory import Listed
from witness.resolver import NameUnresolvedError

LISTED = tuple(Listed(f"SYM{n}", n, 1, 10_000 + 100 * n, n > 4) for n in range(1, 7))


class FakeNames:
    """Stands in for the resolver: one table of names."""

    def __init__(self, table: dict[str, str]) -> None:
        self.table = table
        self.asked = 0

    async def address(self, name: str) -> str:
        self.asked += 1
        if name not in self.table:
            raise NameUnresolvedError(f"cannot resolve {name}")
        return self.table[name]


class FakeExchange:
    def __init__(self, listed: Sequence[Listed] = LISTED, *, epoch: int = 1, ports: tuple[int, int, int]) -> None:
        self.listed, self.epoch, self.state = listed, epoch, "open"
        self.ports = ports
        self.logins: list[int] = []
        self.commands: list[Any] = []
        self.connections: set[asyncio.StreamWriter] = set()
        self.servers: list[asyncio.Server] = []
        self.feeds: set[asyncio.StreamWriter] = set()
        self.seq: dict[int, int] = {}
        self.resting: dict[int, Any] = {}
        self.canaries: dict[int, int] = {}
        self.refuse = False
        self.mute_orders = False

    async def start(self, address: str) -> None:
        orders, feed, directory = self.ports
        served = ((self._orders, orders), (self._feed, feed), (self._directory, directory))
        for serve, port in served:
            self.servers.append(await asyncio.start_server(serve, address, port))

    async def stop(self) -> None:
        for server in self.servers:
            server.close()
        for writer in list(self.connections):
            writer.transport.abort()
        self.servers.clear()

    async def _orders(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        splitter, member = Splitter(FROM_CLIENT), 0
        try:
            while chunk := await reader.read(1 << 16):
                out = bytearray()
                for message in splitter.feed(chunk):
                    if isinstance(message, Login):
                        member = message.member
                        self.logins.append(member)
                        out += LoginAnswer(message.environment, self.epoch, 0 if self.refuse else 1).pack()
                    elif isinstance(message, Echo):
                        out += EchoAnswer(message.client_ns, time.time_ns()).pack()
                    elif isinstance(message, Order):
                        answer = self._apply(message)
                        out += b"" if self.mute_orders else answer
                writer.write(bytes(out))
                if self.refuse:
                    break
        except ConnectionError:
            return
        finally:
            self.connections.discard(writer)
            writer.close()

    def _apply(self, order: Order) -> bytes:
        command, number = order.command, order.number
        self.commands.append(order)
        seq = self.seq[number] = self.seq.get(number, 0) + 1
        status, open_qty, out = Status.CANCELLED, 0, b""
        if command.kind == Kind.NEW and command.tif in {TimeInForce.GTC, TimeInForce.DAY}:
            status, open_qty = Status.OPEN, command.qty
            self.resting[command.command_id] = open_qty
            if command.flags:
                self.canaries[number] = command.command_id
        elif command.kind == Kind.NEW and command.flags and number in self.canaries:
            maker = self.canaries.pop(number)
            out += Fill(number, self.epoch, seq, 0, maker, command.price, command.qty, 1).pack()
            out += Fill(number, self.epoch, seq, 0, command.command_id, command.price, command.qty, 2).pack()
            status = Status.FILLED
            printed = Print(number, self.epoch, seq, command.price, command.qty, 1).pack()
            for feed in self.feeds:
                feed.write(printed)
        elif command.kind == Kind.CANCEL:
            self.resting.pop(command.target_id, None)
        elif command.target_id in self.resting:
            status = Status.OPEN
            less = self.resting[command.target_id] - command.qty
            open_qty = command.qty if command.kind == Kind.REPLACE else max(0, less)
            status = Status.OPEN if open_qty else Status.CANCELLED
        return Ack(number, self.epoch, seq, command.command_id, time.time_ns(), status, 0, open_qty).pack() + out

    async def _feed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        self.feeds.add(writer)
        await reader.read(1)
        self.feeds.discard(writer)
        self.connections.discard(writer)
        writer.close()

    async def _directory(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        while line := await reader.readline():
            asked = json.loads(line)
            answer: dict[str, Any] = {
                "site": "primary", "environment": "LIVE", "epoch": self.epoch, "state": self.state,
                "sent_ns": asked.get("sent_ns"), "now_ns": str(time.time_ns()),
            }  # fmt: skip
            if asked["ask"] == "listing":
                answer["instruments"] = [
                    {"symbol": one.symbol, "number": one.number, "lot": one.lot,
                     "reference_price": one.reference_price, "test": one.test} for one in self.listed
                ]  # fmt: skip
            writer.write(json.dumps(answer).encode() + b"\n")
        self.connections.discard(writer)
        writer.close()


def random_address(chance: random.Random) -> str:
    return f"127.{chance.randint(1, 254)}.{chance.randint(0, 254)}.{chance.randint(1, 254)}"
