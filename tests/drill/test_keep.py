"""The keeper: when it opens the exchange again, and when it must not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drill import keep, primary
from drill.aws.fence import Epoch
from drill.keep import PATIENCE, Keeper
from drill.primary import Standing
from drill.settings import Settings

DOWN = Standing(Epoch(epoch=4, site="primary", environment="LIVE", at_ns=1), (), 1, opened=True)
NEVER = Standing(None, (), 0, opened=False)


class World:
    """What the keeper sees, and what it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.standing = DOWN
        self.drills: list[Any] = []
        self.living: set[str] = set()
        self.deployed = 0
        self.said: list[str] = []
        self.trouble: Exception | None = None
        unfinished = SimpleNamespace(drills=lambda: self.drills, lives=lambda one: one.drill in self.living)
        monkeypatch.setattr(keep, "default_session", lambda _region: None)
        monkeypatch.setattr(keep, "Unfinished", lambda _settings: unfinished)
        monkeypatch.setattr(keep, "conclude_dead", self._conclude)
        monkeypatch.setattr(primary, "look", lambda *_given: self.standing)
        monkeypatch.setattr(keep, "deploy", self._deploy)
        self.keeper = Keeper(Settings(), self.said.append)

    def _deploy(self, _settings: Settings) -> None:
        self.deployed += 1

    def _conclude(self, _settings: Settings, unfinished: Any) -> list[str]:
        if self.trouble:
            raise self.trouble
        dead = [one for one in unfinished.drills() if not unfinished.lives(one)]
        self.drills = [one for one in self.drills if one not in dead]
        return [f"{one.drill} concluded" for one in dead]

    def looks(self, times: int) -> int:
        for _ in range(times):
            self.keeper.look()
        return self.deployed


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def drill(name: str, kind: str = "loss") -> Any:
    return SimpleNamespace(drill=name, plan=lambda: SimpleNamespace(kind=kind))


def test_an_exchange_that_stays_closed_is_opened_again(world: World) -> None:
    assert world.looks(PATIENCE - 1) == 0
    assert world.looks(1) == 1
    assert world.said == ["epoch 4 at primary does not trade: opening the next one"]


def test_a_drill_that_takes_the_exchange_down_is_left_to_it(world: World) -> None:
    world.drills, world.living = [drill("drill-1")], {"drill-1"}
    assert world.looks(3 * PATIENCE) == 0


def test_a_drill_that_leaves_production_alone_is_no_reason_to_leave_it_closed(world: World) -> None:
    world.drills, world.living = [drill("drill-1", "planned")], {"drill-1"}
    assert world.looks(PATIENCE) == 1


def test_a_drill_that_died_is_concluded_and_the_exchange_opened(world: World) -> None:
    world.drills = [drill("drill-1")]
    assert world.looks(PATIENCE) == 1
    assert world.said[0] == "drill-1 concluded"


def test_what_was_never_opened_is_left_alone(world: World) -> None:
    world.standing = NEVER
    assert world.looks(3 * PATIENCE) == 0


def test_trouble_is_said_once_and_looked_past(world: World) -> None:
    world.trouble = OSError("no  route")
    world.looks(3)
    assert world.said == ["looks again in 5 s: OSError: no route"]
    world.trouble = None
    assert world.looks(PATIENCE) == 1
