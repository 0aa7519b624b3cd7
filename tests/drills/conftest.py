"""A world with a whole drill in it, as an operator starts it: the supervisor's command line, and nothing behind it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from emulator.admission import free_port
from emulator.processes import MARK
from emulator.world import records_of
from tests.drills.instance import Instance

REPOSITORY = Path(__file__).resolve().parents[2]
SYMBOLS = ("AAPL", "ADBE", "AMZN", "MSFT", "NFLX")
SMALL = ("--symbols", ",".join(SYMBOLS), "--members", "10", "--customers", "20", "--rate", "500")
SHORT = ("--window-s", "10", "--load-s", "5")
DRILL = (sys.executable, "-m", "drill", "run", *SHORT)
DEADLINE_S = 480.0
POLL_S = 0.2


@dataclass(frozen=True)
class Known:
    """A process that belonged to the world at some moment; the pid alone may be a stranger's by now."""

    pid: int
    created: float
    title: str

    def lives(self) -> bool:
        try:
            found = psutil.Process(self.pid)
            return found.create_time() == self.created and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass
class World:
    """One world in its own folder. Its output goes to files, so that a test may read along."""

    var: Path
    popen: subprocess.Popen[bytes] | None = None
    known: set[Known] = field(default_factory=set)
    boots: int = 0

    def start(self, *command: str) -> None:
        """Start a supervisor with this command in its world; a session of its own keeps a terminal's Ctrl-C away."""
        self.boots += 1
        ports = ("--airflow-port", "0", "--aws-port", "0", "--dns-port", "0")
        argv = (sys.executable, "-m", "emulator", "world", "--var", str(self.var), *ports, *SMALL, "--", *command)
        with self._output("out").open("wb") as out, self._output("err").open("wb") as err:
            self.popen = subprocess.Popen(
                argv, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    def until(self, line: str) -> None:
        """Read along until the terminal shows a line that matches; the world must not end before."""
        while not re.search(line, self.err(), re.MULTILINE):
            assert self._look() is None, f"the world ended before {line!r}:\n{self.err()}"
            time.sleep(POLL_S)

    def end(self) -> int:
        """Wait for the supervisor's own end; its exit status."""
        deadline = time.monotonic() + DEADLINE_S
        while (status := self._look()) is None:
            assert time.monotonic() < deadline, f"no end after {DEADLINE_S:.0f} s:\n{self.err()}"
            time.sleep(POLL_S)
        return status

    def _look(self) -> int | None:
        """Remember who descends from the supervisor now: tasks have neither its session nor its environment."""
        assert self.popen is not None
        with suppress(psutil.NoSuchProcess):
            for found in psutil.Process(self.popen.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    self.known.add(Known(found.pid, found.create_time(), " ".join(found.cmdline()[:5])))
        return self.popen.poll()

    def signal(self, number: signal.Signals) -> None:
        self._look()
        assert self.popen is not None
        self.popen.send_signal(number)

    def out(self) -> str:
        return self._output("out").read_text()

    def err(self) -> str:
        return self._output("err").read_text()

    def _output(self, name: str) -> Path:
        return self.var.parent / f"{self.boots}.{name}"

    def mark(self) -> str:
        return (records_of(self.var) / "mark").read_text().strip()

    def left(self, *marks: str) -> list[str]:
        """Live processes that descended from a supervisor of this test, carry a mark, or name the world's folder."""
        found = {one.title for one in self.known if one.lives()}
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                environ, line = process.environ(), " ".join(process.cmdline())
                ours = environ.get(MARK) in marks or str(self.var) in line or environ.get("AEX_VAR") == str(self.var)
                if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.add(line)
        return sorted(found)

    def record(self, name: str) -> psutil.Process:
        """A live process of the world by the name of its command."""
        [found] = [one for one in self.known if f"-m {name}" in one.title and one.lives()]
        return psutil.Process(found.pid)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world's folder; whatever a failed test leaves alive is ended by pid."""
    one = World(tmp_path / "var")
    yield one
    if one.popen is not None and one.popen.poll() is None:
        one.popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            one.popen.wait(60)
        one.popen.kill()
        one.popen.wait()
    for known in one.known:
        with suppress(psutil.NoSuchProcess):
            if known.lives():
                psutil.Process(known.pid).kill()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance of five symbols; whatever is left of it is ended."""
    ports = (("airflow", free_port()), ("aws", free_port()), ("dns", free_port()))
    options = tuple(f"--{name}-port={port}" for name, port in ports)
    flow = (f"--symbols={','.join(SYMBOLS)}", "--members=10", "--customers=20", "--rate=300")
    one = Instance(tmp_path / "var", (*options, *flow), {"AEX_BUFFER_S": "3", "AEX_QUIET_S": "10"})
    yield one
    one.verb("down")
