"""An instance that stays up, driven by the verbs that an operator has; and what is on its disk."""

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

from emulator.processes import read_records
from emulator.service import log_of
from emulator.settings import ACCOUNT
from emulator.world import records_of
from engine.listing import instrument
from oracle.frames import read_frames
from witness.capture import ACK, RECORD

REPOSITORY = Path(__file__).resolve().parents[2]
SYMBOLS = ("AAPL", "ADBE", "AMZN", "MSFT", "NFLX")
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

    def visit(self, *command: str, within_s: float) -> subprocess.CompletedProcess[str]:
        """Run a Python command in its environment."""
        return self.verb("visit", "--", sys.executable, *command, within_s=within_s)

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

    def lease(self) -> dict[str, str]:
        """The drill lock: who holds it, and until when."""
        return dict(self.json("aex-journal", "control/drill-lock.json"))

    def epochs(self) -> list[tuple[int, str]]:
        keys = re.compile(r"control/epoch=\d+\.json")
        records = [json.loads(body) for key, body in self.objects("aex-journal", "control/") if keys.fullmatch(key)]
        return sorted((record["epoch"], record["site"]) for record in records)
