"""The processes of an instance that carry a drill out, by the names under which they are killed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from emulator.processes import read_records
from emulator.world import records_of

TASK, WORKER = "task", "worker"
STEP = re.compile(r"airflow worker -- ([0-9a-f-]{36})")
"""The title that Airflow gives the process in which a step runs: its task instance's id."""


def tasks(var: Path) -> dict[str, psutil.Process]:
    """Task instance id -> the process in which that step runs now."""
    found: dict[str, psutil.Process] = {}
    scheduler = recorded(var, "airflow-scheduler")
    with suppress(psutil.NoSuchProcess):
        for process in scheduler.children(recursive=True) if scheduler is not None else ():
            with suppress(psutil.NoSuchProcess):
                title = STEP.fullmatch(" ".join(process.cmdline()).strip())
                if title is not None:
                    found[title[1]] = process
    return found


def recorded(var: Path, name: str) -> psutil.Process | None:
    """The service of the world in this folder by the name of its command, where it runs."""
    pids = [record.pid for record in read_records(records_of(var)) if record.name == name and record.alive()]
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pids[0]) if pids else None
    return None


OF_A_STEP: Mapping[str, Callable[[psutil.Process], psutil.Process | None]] = {
    TASK: lambda step: step,
    WORKER: lambda step: step.parent(),  # the executor's process, which would tell the scheduler of the step's end
}
SERVICES: Mapping[str, str] = {
    "scheduler": "airflow-scheduler",
    "triggerer": "airflow-triggerer",
    "api": "airflow-api-server",
    "aws": "aws",
}
VICTIMS = (*OF_A_STEP, *SERVICES)
