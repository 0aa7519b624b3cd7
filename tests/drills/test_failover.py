"""A real loss, and the exchange's way out: two people approve a failover."""

from __future__ import annotations

import sys

import pytest

from drill.run import EXIT
from tests.drills.conftest import SYMBOLS, World
from tests.drills.test_whole_drill import check_record, filed

pytestmark = [pytest.mark.drill, pytest.mark.timeout(540)]


def test_a_lost_primary_is_failed_over_when_two_people_have_approved(world: World) -> None:
    world.start(sys.executable, "-m", "tests.drills.real_loss")
    status = world.end()
    one = filed(world)
    assert {key: one.line[key] for key in ("verdict", "symbols", "rpo", "control", "teardown")} == {
        "verdict": "FAILOVER",
        "symbols": f"{len(SYMBOLS)}/{len(SYMBOLS)}",
        "rpo": "0",
        "control": "not_run",
        "teardown": "not_run",
    }
    assert status == EXIT["FAILOVER"]
    check_record(one)
    people = [one.json(f"raw/approval-{number}.json")["user"] for number in (1, 2)]
    assert people == ["admin", "deputy"]
    page = (one.folder / "report.html").read_text()
    assert "REAL EVENT, not a drill" in page
