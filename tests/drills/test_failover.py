"""A real loss, and the exchange's way out and home again: two people approve a failover, then dr_failback."""

from __future__ import annotations

import sys

import pytest

from drill.run import EXIT
from tests.drills.conftest import SYMBOLS, World
from tests.drills.test_whole_drill import Filed, check_nothing_left, check_record

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]

ALL = f"{len(SYMBOLS)}/{len(SYMBOLS)}"


def ended(world: World) -> list[Filed]:
    """What each last line on standard output names, oldest first."""
    lines = [dict(word.split("=", 1) for word in line.split()) for line in world.out().splitlines() if "drill=" in line]
    return [Filed(line, world.var / "reports" / line["drill"]) for line in lines]


def test_a_lost_primary_is_failed_over_by_two_people_and_the_exchange_goes_home(world: World) -> None:
    world.start(sys.executable, "-m", "tests.drills.real_loss")
    status = world.end()
    failover, failback = ended(world)
    _moved(failover)
    _went_home(failback)
    assert status == EXIT["FAILBACK"]
    check_nothing_left(world, world.mark())


def _moved(one: Filed) -> None:
    named = ("verdict", "symbols", "rpo_orders", "control", "teardown")
    assert [one.line[name] for name in named] == ["FAILOVER", ALL, "0", "not_run", "not_run"]
    check_record(one)
    people = [one.json(f"raw/approval-{number}.json")["user"] for number in (1, 2)]
    assert people == ["admin", "deputy"]
    assert "REAL EVENT, not a drill" in (one.folder / "report.html").read_text()


def _went_home(one: Filed) -> None:
    named = ("verdict", "symbols", "rpo_orders", "control", "teardown")
    assert [one.line[name] for name in named] == ["FAILBACK", ALL, "0", "not_run", "clean"]
    check_record(one)
    way = one.json("report.json")["result"]["failback"]
    assert (way["went_home"], way["from_epoch"], way["epoch"]) == (True, 2, 3)
    assert {row["equal"] for row in way["symbols"]} == {True}
    assert {row["frozen_seq"] == row["home_seq"] > 0 for row in way["symbols"]} == {True}
    assert int(one.line["acked"]) > 0
