"""The processes of an instance that carry a drill out, each by the name under which it is killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from emulator.processes import read_records
from emulator.world import records_of

Find = Callable[[Path, str], psutil.Process | None]
"""The process of the world in a folder; the second argument is Airflow's id of the task that runs, where one does."""


def task(var: Path, instance: str) -> psutil.Process | None:
    """The process in which the step itself runs: Airflow gives it the task instance's id as its title."""
    for found in _scheduler(var):
        with suppress(psutil.NoSuchProcess):
            if instance and " ".join(found.cmdline()).strip() == f"airflow worker -- {instance}":
                return found
    return None


def worker(var: Path, instance: str) -> psutil.Process | None:
    """The executor's process that watches over the step's, and would tell the scheduler of its end."""
    running = task(var, instance)
    with suppress(psutil.NoSuchProcess):
        return running.parent() if running is not None else None
    return None


def _scheduler(var: Path) -> list[psutil.Process]:
    found = _recorded("airflow-scheduler")(var, "")
    with suppress(psutil.NoSuchProcess):
        return found.children(recursive=True) if found is not None else []
    return []


def _recorded(name: str) -> Find:
    def find(var: Path, _: str) -> psutil.Process | None:
        pids = [record.pid for record in read_records(records_of(var)) if record.name == name and record.alive()]
        return psutil.Process(pids[0]) if pids else None

    return find


VICTIMS: Mapping[str, Find] = {
    "task": task,
    "worker": worker,
    "scheduler": _recorded("airflow-scheduler"),
    "triggerer": _recorded("airflow-triggerer"),
    "api": _recorded("airflow-api-server"),
    "aws": _recorded("aws"),
}
