"""One small exchange for all tests here; Great Expectations is loaded once (6 s)."""

from __future__ import annotations

from typing import Any

import pytest

from expectations.judge import Judge
from expectations.suites import suites
from expectations.validate import _Reader
from tests.expectations import exchange as exchange_world

SYMBOLS = exchange_world.SYMBOLS + exchange_world.TESTS


@pytest.fixture(scope="session")
def world() -> Any:
    return exchange_world


@pytest.fixture(scope="session")
def judge() -> Any:
    return Judge()


@pytest.fixture(scope="session")
def declared_suites() -> Any:
    return suites(environment=1, epoch=1)


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: Any) -> Any:
    """Frames of a healthy exchange; a test copies what it plants in."""
    exchange = exchange_world.write(tmp_path_factory.mktemp("healthy"))
    frames, _ = _Reader(exchange.source(), frozenset(exchange_world.TESTS)).read(SYMBOLS)
    return frames


@pytest.fixture
def exchange(tmp_path: Any) -> Any:
    """A healthy exchange's files, to be damaged."""
    return exchange_world.write(tmp_path)
