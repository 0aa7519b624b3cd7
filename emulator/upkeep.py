"""`python -m emulator upkeep`: bound what an instance writes beside its journal: Airflow's database and logs.

Old runs leave Airflow's database (the evidence keeps their facts), old task logs and the logs of ended ECS tasks leave
the disk. The journal's own retention is the platform's (`python -m drill retention`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from emulator.clock import utc, wall_ns

DAY_NS: Final = 86_400_000_000_000
KEPT_DAYS: Final = 30


def prune(paths: Iterable[Path], before_ns: int) -> int:
    """Remove the files that were written last before a moment (ns since 1970), and folders that are empty then."""
    removed = 0
    for path in sorted(paths, reverse=True):  # what lies in a folder comes before it
        try:
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.lstat().st_mtime_ns < before_ns:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue
    return removed


def upkeep(var: Path, days: int, *, airflow: bool) -> int:
    """Do it; returns the exit status of Airflow's own cleaning."""
    before_ns = wall_ns() - days * DAY_NS
    tasks = (var / "run" / "tasks").glob("*.log")
    runs = (var / "airflow" / "logs").glob("*/**/*")  # the components' own logs lie directly in the folder
    removed = prune(tasks, before_ns) + prune(runs, before_ns)
    sys.stderr.write(f"upkeep: {removed} logs older than {days} days removed\n")
    if not airflow:
        return 0
    at = utc(before_ns)
    moment = f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}T{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}+00:00"
    clean = ("db", "clean", "--clean-before-timestamp", moment, "--skip-archive", "--yes", "--error-on-cleanup-failure")
    return subprocess.run((sys.executable, "-m", "airflow", *clean), check=False).returncode


def add_upkeep_verb(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `upkeep` to the emulator's command line."""
    parser = subparsers.add_parser("upkeep", help="remove old logs and rows of an instance")
    parser.add_argument("--var", type=Path, default=Path("var"), help="where run-time state lives")
    parser.add_argument("--days", type=int, default=KEPT_DAYS, help=f"what is kept (default: {KEPT_DAYS})")
    parser.add_argument("--airflow", action="store_true", help="its database too (AIRFLOW_HOME says which)")
    parser.set_defaults(act=lambda given: upkeep(given.var.resolve(), given.days, airflow=given.airflow))
