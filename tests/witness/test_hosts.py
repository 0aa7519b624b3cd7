"""Hosts that are wrong: what Python finds first on their path changes clock or build, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import witness

HOSTS = Path(witness.__file__).parent / "hosts"
ROOT = HOSTS.parents[1]
CLOCK = "from engine import clock; print(clock.now_ns(), clock.lease_ns())"
REPLAY = """
from engine.messages import Command, Kind
from engine.replayer import {engine}, replayer
from engine.venue import Venue
def order(n):
    return Command(n, 1 << 48 | n, 0, 10_000 + n % 7 * 100, 100, 1, int(Kind.NEW), n % 2, 0, 1, 0).pack()
commands = b"".join(map(order, range(1, 3001)))
for _ in range(3):
    machine = replayer(Venue.listed("AAPL"), {engine})
    machine.apply(commands)
    print(machine.digest().hex())
"""


def told(program: str, host: str = "") -> list[str]:
    """What a process of a host prints."""
    environment = {**os.environ, "PYTHONPATH": str(HOSTS / host)} if host else dict(os.environ)
    command = (sys.executable, "-c", program)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_the_wall_clock_is_half_a_minute_ahead_and_the_clock_of_promises_is_not() -> None:
    before_ns, before_lease_ns = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    wall_ns, lease_ns = (int(word) for word in told(CLOCK, "fast_clock"))
    after_ns, after_lease_ns = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert before_ns <= wall_ns - 30_000_000_000 <= after_ns
    assert before_lease_ns <= lease_ns <= after_lease_ns


@pytest.mark.parametrize("engine", ["REFERENCE", "KERNEL"])
def test_a_replay_that_depends_on_chance_gives_another_state_each_time(engine: str) -> None:
    program = REPLAY.format(engine=engine)
    assert len(set(told(program))) == 1, "on a host that is right the same commands give the same state"
    assert len(set(told(program, "undecided_replay"))) > 1
