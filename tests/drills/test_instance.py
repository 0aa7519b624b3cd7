"""An instance that stays up: killed under load, opened again, over days; what members know against what is on disk."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from emulator.service import supervisor
from tests.drills.instance import REPOSITORY, SYMBOLS, Instance

pytestmark = [pytest.mark.drill, pytest.mark.timeout(580)]

DAY_END = 8
CLOCK_MEMBER = 65_003
AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")


def is_healthy(instance: Instance) -> bool:
    return instance.verb("status").returncode == 0


def test_what_is_killed_under_load_comes_back_and_nothing_acknowledged_or_registered_is_lost(
    instance: Instance,
) -> None:
    instance.up()
    drill = _a_drill_outlives_its_airflow_and_ends_aborted_when_its_ground_is_killed(instance)
    _an_engine_that_is_killed_costs_an_epoch(instance)
    os.kill(supervisor(instance.var).pid, signal.SIGKILL)  # type: ignore[union-attr]
    instance.up()
    instance.until(lambda: is_healthy(instance))
    assert [site for _, site in instance.epochs()] == ["primary"] * len(instance.epochs())
    assert len(instance.epochs()) >= 4
    assert instance.verb("down").returncode == 0
    assert instance.json("aex-evidence", f"drills/{drill}/outcome.json")["outcome"] == "ABORTED"
    _nothing_acknowledged_is_missing(instance)


def _a_drill_outlives_its_airflow_and_ends_aborted_when_its_ground_is_killed(instance: Instance) -> str:
    """First all of Airflow is killed in the drill's trading window, then the embedded AWS with all its tasks."""
    text = instance.var / "drill.err"
    visit = [sys.executable, "-m", "emulator", "visit", "--var", str(instance.var), "--"]
    drill = [sys.executable, "-m", "drill", "run", "--window-s", "300", "--load-s", "5"]
    with text.open("wb") as log:
        run = subprocess.Popen([*visit, *drill], cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=log)
    instance.until(lambda: re.search(r"loss +begins", text.read_text()))
    identity = re.search(r"drill (drill-\S+):", text.read_text())
    assert identity is not None
    _airflow_that_is_killed_keeps_its_drill_alive(instance, identity[1])
    instance.kill("aws")
    instance.until(instance.said("world", r"aws is back after"))
    folder = f"drills/{identity[1]}/"
    outcome = instance.until(lambda: instance.json("aex-evidence", f"{folder}outcome.json"), within_s=300)
    assert outcome["outcome"] == "ABORTED"
    assert any(key == f"{folder}report.html" for key, _ in instance.objects("aex-evidence", folder))
    run.terminate()
    run.wait(60)
    return identity[1]


def _airflow_that_is_killed_keeps_its_drill_alive(instance: Instance, drill: str) -> None:
    """Nobody else renews the drill's lease: Airflow has taken the drill up again."""
    for name in AIRFLOW:
        instance.kill(name)
    held = instance.lease()
    assert held["drill"] == drill
    for name in AIRFLOW:
        instance.until(instance.said("world", rf"{name} is back after"))
    instance.until(lambda: int(instance.lease()["expires_ns"]) > int(held["expires_ns"]))


def _an_engine_that_is_killed_costs_an_epoch(instance: Instance) -> None:
    instance.until(lambda: is_healthy(instance))
    before = instance.epochs()[-1][0]
    instance.kill_engine()
    instance.until(instance.said("keeper", rf"symbols trade at primary in 1 tasks, epoch {before + 1}"))


def _nothing_acknowledged_is_missing(instance: Instance) -> None:
    acknowledged, journalled = instance.acknowledged(), instance.journalled()
    assert len(acknowledged) > 3_000
    lost = {place: identity for place, identity in acknowledged.items() if place not in journalled}
    assert lost == {}
    other = {place for place, identity in acknowledged.items() if journalled[place]["command_id"] != identity}
    assert other == set()


def test_over_three_days_disk_and_recovery_stay_flat(instance: Instance) -> None:
    """Compressed days of six seconds, one of them kept; figures are bytes and commands, not seconds."""
    instance.environment |= {"AEX_SNAPSHOT_EVERY_S": "2", "AEX_CLOCK_MARGIN_S": "1", "AEX_BUFFER_S": "1"}
    instance.options += ("--day-s=6", "--no-airflow")
    instance.up()
    sizes = []
    closed = instance.said("keeper", r"the day is closed: removed .* of journal")
    for day in (2, 5):
        instance.until(lambda day=day: len(closed()) >= day)  # type: ignore[misc]
        sizes.append(sum(len(body) for _, body in instance.objects("aex-journal", "journal/")))
    assert sizes[1] < 1.5 * sizes[0]
    os.kill(supervisor(instance.var).pid, signal.SIGKILL)  # type: ignore[union-attr]
    instance.up()
    assert instance.verb("down").returncode == 0
    _recovery_began_at_a_snapshot(instance)
    commands = instance.journalled().values()
    ends = [command for command in commands if command["kind"] == DAY_END]
    assert len({command["command_id"] for command in ends}) >= 2
    assert {command["command_id"] >> 48 for command in ends} == {CLOCK_MEMBER}


def _recovery_began_at_a_snapshot(instance: Instance) -> None:
    """What was replayed is what the last snapshot did not hold: two seconds of flow, and what is between two looks."""
    replayed = 0
    for symbol in SYMBOLS:
        result = instance.json("aex-journal", f"recovered/epoch=2/{symbol}/result.json")
        assert result["status"] == "recovered"
        assert result["snapshot"] is not None
        replayed += result["snapshot"]["tail"]
        assert result["seq"] > 2 * result["snapshot"]["tail"]
    assert replayed < 300 * 10
