"""An instance that stays up: killed under load, opened again, over days; what members know against what is on disk."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator.admission import free_port
from emulator.processes import read_records
from emulator.service import log_of, supervisor
from emulator.settings import ACCOUNT
from emulator.world import records_of
from engine.listing import instrument
from oracle.frames import read_frames
from witness.capture import ACK, RECORD

REPOSITORY = Path(__file__).resolve().parents[2]
SYMBOLS = ("AAPL", "ADBE", "AMZN", "MSFT", "NFLX")
DAY_END = 8
CLOCK_MEMBER = 65_003
TEST_SYMBOLS = 3
POLL_S = 0.2


@dataclass
class Instance:
    """One instance in its own folder, driven by the verbs that an operator has."""

    var: Path
    options: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    def up(self, *, within_s: float = 240) -> str:
        """Boot it; what it said."""
        done = self.verb("up", *self.options, within_s=within_s)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def verb(self, verb: str, *more: str, within_s: float = 120) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "emulator", verb, "--var", str(self.var), *more]
        said = (subprocess.PIPE, subprocess.PIPE)
        return subprocess.run(
            argv,
            cwd=REPOSITORY,
            env=os.environ | self.environment,
            stdout=said[0],
            stderr=said[1],
            text=True,
            timeout=within_s,
            check=False,
        )

    def until(self, what: Callable[[], object], *, within_s: float = 120) -> Any:
        """Poll until it is so; the world's own log is the failure's text."""
        deadline = time.monotonic() + within_s
        while not (seen := what()):
            assert time.monotonic() < deadline, f"not within {within_s:.0f} s:\n{log_of(self.var).read_text()}"
            time.sleep(POLL_S)
        return seen

    def said(self, log: str, line: str) -> Callable[[], list[str]]:
        """Whether `var/log/<log>.log` has a line that matches."""
        path = self.var / "log" / f"{log}.log"
        return lambda: re.findall(line, path.read_text(), re.MULTILINE) if path.exists() else []

    def kill(self, name: str) -> None:
        """SIGKILL a process of the world by its record's name."""
        (pid,) = [record.pid for record in read_records(records_of(self.var)) if record.name == name]
        os.kill(pid, signal.SIGKILL)

    def kill_engine(self) -> None:
        """SIGKILL an engine task: one of the processes that the embedded AWS runs."""
        (pid,) = [record.pid for record in read_records(records_of(self.var)) if record.name == "aws"]
        tasks = psutil.Process(pid).children()
        next(task for task in tasks if "trade" in task.cmdline()).kill()

    def objects(self, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every current object of a bucket, from the disk."""
        folder = self.var / "aws" / "s3" / ACCOUNT / f"{bucket}-{ACCOUNT}"
        for path in sorted((folder / "keys").glob("*.json")):
            state = json.loads(path.read_bytes())
            if state["key"].startswith(prefix) and state["object"] is not None:
                yield state["key"], (folder / "blobs" / state["object"]["__blob__"]).read_bytes()

    def json(self, bucket: str, key: str) -> Any:
        found = [json.loads(body) for name, body in self.objects(bucket, key) if name == key]
        return found[0] if found else None

    def acknowledged(self) -> dict[tuple[str, int], int]:
        """(symbol, seq) -> command id, as members' captures have it."""
        symbols = {instrument(symbol).number: symbol for symbol in SYMBOLS}
        found = {}
        for path in sorted((self.var / "captures").glob("*.bin")):
            for record in RECORD.iter_unpack(path.read_bytes()[: path.stat().st_size // RECORD.size * RECORD.size]):
                kind, number, seq, identity = record[0], record[4], record[8], record[9]
                if kind == ACK and number in symbols:
                    found[symbols[number], seq] = identity
        return found

    def journalled(self) -> dict[tuple[str, int], dict[str, int]]:
        """(symbol, seq) -> command, of the epoch to which the newest opening's lineage counts that seq."""
        every: dict[tuple[str, int, int], dict[str, int]] = {}
        for _, body in self.objects("aex-journal", "journal/"):
            for frame in read_frames(gzip.decompress(body)):
                for seq, command in enumerate(frame.commands, start=frame.first_seq):
                    every[frame.symbol, frame.epoch, seq] = command
        ends = self._ends()
        return {
            (symbol, seq): command
            for (symbol, epoch, seq), command in every.items()
            if symbol in ends and epoch in ends[symbol] and seq <= ends[symbol][epoch]
        }

    def _ends(self) -> dict[str, dict[int, int]]:
        """Symbol -> epoch -> last seq that counts: where the next epoch began; the newest one has no end."""
        opened: dict[str, Any] = {}
        for key, body in self.objects("aex-journal", "recovered/"):
            if key.endswith("/opened.json"):
                record, symbol = json.loads(body), key.split("/")[-2]
                if symbol in SYMBOLS and record["epoch"] > opened.get(symbol, {"epoch": 0})["epoch"]:
                    opened[symbol] = record
        ends: dict[str, dict[int, int]] = {}
        for symbol, record in opened.items():
            links = record["lineage"]
            starts = [link["start_seq"] for link in links[1:]]
            ends[symbol] = {link["epoch"]: end for link, end in zip(links, [*starts, 2**62], strict=True)}
        return ends

    def epochs(self) -> list[tuple[int, str]]:
        keys = re.compile(r"control/epoch=\d+\.json")
        records = [json.loads(body) for key, body in self.objects("aex-journal", "control/") if keys.fullmatch(key)]
        return sorted((record["epoch"], record["site"]) for record in records)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance of five symbols; whatever is left of it is ended."""
    ports = (("airflow", free_port()), ("aws", free_port()), ("dns", free_port()))
    options = tuple(f"--{name}-port={port}" for name, port in ports)
    flow = (f"--symbols={','.join(SYMBOLS)}", "--members=10", "--customers=20", "--rate=300")
    one = Instance(tmp_path / "var", (*options, *flow), {"AEX_BUFFER_S": "3", "AEX_QUIET_S": "10"})
    yield one
    one.verb("down")


def is_healthy(instance: Instance) -> bool:
    return instance.verb("status").returncode == 0


@pytest.mark.instance
def test_what_is_killed_under_load_comes_back_and_nothing_acknowledged_or_registered_is_lost(
    instance: Instance,
) -> None:
    instance.up()
    _a_drill_whose_ground_is_killed_ends_aborted(instance)
    _an_engine_that_is_killed_costs_an_epoch(instance)
    _a_scheduler_that_is_killed_is_started_again(instance)
    os.kill(supervisor(instance.var).pid, signal.SIGKILL)  # type: ignore[union-attr]
    instance.up()
    instance.until(lambda: is_healthy(instance))
    assert [site for _, site in instance.epochs()] == ["primary"] * len(instance.epochs())
    assert len(instance.epochs()) >= 4
    assert instance.verb("down").returncode == 0
    _nothing_acknowledged_is_missing(instance)


def _a_drill_whose_ground_is_killed_ends_aborted(instance: Instance) -> None:
    """The drill is in its trading window when the embedded AWS is killed with all its tasks."""
    log = (instance.var / "drill.err").open("wb")
    visit = [sys.executable, "-m", "emulator", "visit", "--var", str(instance.var), "--"]
    drill = [sys.executable, "-m", "drill", "run", "--window-s", "90", "--load-s", "5"]
    run = subprocess.Popen([*visit, *drill], cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=log)
    text = instance.var / "drill.err"
    instance.until(lambda: re.search(r"loss +begins", text.read_text()))
    instance.kill("aws")
    instance.until(instance.said("world", r"aws is back after"))
    identity = re.search(r"drill (drill-\S+):", text.read_text())
    assert identity is not None
    folder = f"drills/{identity[1]}/"
    outcome = instance.until(lambda: instance.json("aex-evidence", f"{folder}outcome.json"))
    assert outcome["outcome"] == "ABORTED"
    assert any(key == f"{folder}report.html" for key, _ in instance.objects("aex-evidence", folder))
    run.terminate()
    run.wait(60)
    log.close()


def _an_engine_that_is_killed_costs_an_epoch(instance: Instance) -> None:
    instance.until(lambda: is_healthy(instance))
    before = instance.epochs()[-1][0]
    instance.kill_engine()
    instance.until(instance.said("keeper", rf"symbols trade at primary in 1 tasks, epoch {before + 1}"))


def _a_scheduler_that_is_killed_is_started_again(instance: Instance) -> None:
    instance.kill("airflow-scheduler")
    instance.until(instance.said("world", r"airflow-scheduler is back after"))


def _nothing_acknowledged_is_missing(instance: Instance) -> None:
    acknowledged, journalled = instance.acknowledged(), instance.journalled()
    assert len(acknowledged) > 3_000
    lost = {place: identity for place, identity in acknowledged.items() if place not in journalled}
    assert lost == {}
    other = {place for place, identity in acknowledged.items() if journalled[place]["command_id"] != identity}
    assert other == set()


@pytest.mark.instance
def test_over_three_days_disk_and_recovery_stay_flat(instance: Instance) -> None:
    """Compressed days of ten seconds, one of them kept; figures are bytes and commands, not seconds."""
    instance.environment |= {"AEX_SNAPSHOT_EVERY_S": "2", "AEX_CLOCK_MARGIN_S": "1", "AEX_BUFFER_S": "1"}
    instance.options += ("--day-s=10", "--no-airflow")
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
