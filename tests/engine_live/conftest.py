"""A Firehose on loopback that remembers every record and answers as it is told; the smallest of desks and sinks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from engine.messages import Command, Kind, Side, command_id


class FakeFirehose:
    """`script` holds the answers to come; when it is empty every put is confirmed, once `gate` is set."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, bytes]] = []
        self.held: defaultdict[str, list[bytes]] = defaultdict(list)
        self.script: deque[tuple[int, dict]] = deque()
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Condition()
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        document = json.loads(body)
        record = base64.b64decode(document["Record"]["Data"])
        stream = document["DeliveryStreamName"]
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        async with self.arrived:
            self.attempts.append((stream, record))
            self.arrived.notify_all()
        await self.gate.wait()
        if self.script:
            status, answer = self.script.popleft()
            return web.json_response(answer, status=status)
        self.held[stream].append(record)
        return web.json_response({"RecordId": str(len(self.attempts)), "Encrypted": False})

    async def wait_for_attempts(self, count: int) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.attempts) >= count)


@pytest.fixture
async def firehose() -> AsyncIterator[FakeFirehose]:
    fake = FakeFirehose()
    application = web.Application(client_max_size=4 << 20)
    application.router.add_post("/", fake.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    fake.gate.set()
    await runner.cleanup()


@pytest.fixture
def order() -> Callable[..., Command]:
    """Makes commands with rising ids per member: order(member, side, price, qty, ...)."""
    numbers: defaultdict[int, int] = defaultdict(int)

    def make(member: int = 1, side: int = Side.BUY, price: int = 100, qty: int = 10, **more: int) -> Command:
        numbers[member] += 1
        fields = {"ts_ns": 1, "target_id": 0, "customer": 7, "kind": Kind.NEW} | more
        return Command(command_id=command_id(member, numbers[member]), side=side, price=price, qty=qty, **fields)

    return make
