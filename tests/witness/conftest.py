from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.witness.fake_exchange import FakeExchange, random_address
from tests.witness.memory_s3 import MemoryS3
from witness.bucket import ObjectClient, WitnessBucket


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ports() -> tuple[int, int, int]:
    return free_port(), free_port(), free_port()


@pytest.fixture
def addresses() -> tuple[str, str]:
    chance = random.Random(str(Path.cwd()))
    return random_address(chance), random_address(chance)


@pytest.fixture
async def start_exchange(ports: tuple[int, int, int]) -> AsyncIterator[Callable[..., Any]]:
    started: list[FakeExchange] = []

    async def start(address: str, **settings: Any) -> FakeExchange:
        exchange = FakeExchange(ports=ports, **settings)
        await exchange.start(address)
        started.append(exchange)
        return exchange

    yield start
    for exchange in started:
        await exchange.stop()


@pytest.fixture
def s3() -> MemoryS3:
    return MemoryS3()


@pytest.fixture
def bucket(s3: MemoryS3) -> WitnessBucket:
    return WitnessBucket(cast("ObjectClient", s3), "aex-witness-000000000000")
