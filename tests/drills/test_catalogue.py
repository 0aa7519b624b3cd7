"""A part of the fault catalogue under a real scheduler, in one world; `make faults` runs all of it.

Chosen because both end early: credentials that are refused before anything is lost, and a DR role with a right too
many, which must stop the drill at the build. F01, which goes all the way, is in test_whole_drill.
"""

from __future__ import annotations

import json
import sys

import pytest

from drill.core.evidence import assemble
from drill.core.faults import fault, observe
from drill.core.verdict import judge
from tests.drills.conftest import World

pytestmark = [pytest.mark.drill, pytest.mark.timeout(540)]

CHOSEN = ("F18", "F20")
CATALOGUE = (sys.executable, "-m", "drill", "faults", "--no-control", "--only", ",".join(CHOSEN), "--json")


def test_faults_of_the_platform_are_caught_and_read_from_the_filed_record(world: World) -> None:
    world.start(*CATALOGUE)
    status = world.end()
    [said] = world.out().splitlines()
    record = json.loads(said)
    assert status == 0, world.out() + world.err()
    assert (record["caught"], record["injected"], record["control"]) == (len(CHOSEN), len(CHOSEN), None)
    assert [line.split()[0] for line in world.err().splitlines() if line.startswith("F")] == list(CHOSEN)
    for row in record["faults"]:
        assert row["missing"] == []
        assert row["phase"] == fault(row["fault_id"]).seen_in
        # Anybody finds the same again in the copy of the record, with nothing running.
        folder = world.var / "reports" / row["drill"]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        evidence = assemble(files)
        assert observe(row["fault_id"], evidence, judge(evidence)).caught
        report = json.loads(files["report.json"])
        [told] = report["result"]["faults"]
        assert (told["fault_id"], told["applied_at_ns"] is not None) == (row["fault_id"], True)
    assert world.err().splitlines()[-1].endswith("nothing left")
