"""Drill after drill on one instance, and what each leaves: in the account, on the disk, in the long-lived processes.

    python -m tests.drills.soak --drills 50

Prints a line a drill and a last line; status 0 only if no drill left anything in the account, none ended otherwise than
judged on its merits, and processes, descriptors and memory of what stays up do not grow with the number of drills.
Evidence is kept, so the disk without it is what must not grow by more than the journal that an hour of trading writes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Any

import psutil

from drill.core.verdict import GREEN
from emulator.processes import family, read_records
from emulator.settings import ACCOUNT
from emulator.world import records_of
from tests.drills.ground import Ground, add_options, ground, patiently

COLUMNS = "{:>4}  {:<31}{:<24}{:>10}{:>13}{:>12}{:>13}{:>15}{:>6}  {}"
WARM_UP = 2
"""Drills after which caches are full and connections made: growth is measured from there."""
MOST = {"processes": 0.2, "descriptors": 1.0, "memory_mib": 3.0}
"""Growth per drill that is still noise: what leaks grows by a whole one, or by megabytes, each time."""
JUDGED = (*GREEN, "FAIL")


@dataclass(frozen=True, slots=True)
class Sample:
    """What stands after a drill. Memory is resident, disk is that of the instance's folder without its evidence."""

    processes: int
    descriptors: int
    memory_mib: float
    disk_mib: float
    evidence_mib: float


def sample(var: Path) -> Sample:
    """Look at every process of the world and at its folder."""
    kin = family([record for record in read_records(records_of(var)) if record.alive()], mark=None)
    descriptors = memory = 0
    for process in kin:
        with suppress(psutil.NoSuchProcess):
            descriptors += process.num_fds()
            memory += process.memory_info().rss
    evidence = sum(_bytes(folder) for folder in (var / "aws" / "s3" / ACCOUNT).glob("aex-evidence*"))
    return Sample(
        processes=len(kin),
        descriptors=descriptors,
        memory_mib=memory / 2**20,
        disk_mib=(_bytes(var) - evidence) / 2**20,
        evidence_mib=evidence / 2**20,
    )


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # removed while we counted
            total += path.lstat().st_size
    return total


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """Growth per drill after the warm-up, by least squares; nothing while there are fewer than three drills."""
    kept = samples[WARM_UP:]
    if len(kept) < 3:
        return {}
    return {name: linear_regression(range(len(kept)), [getattr(one, name) for one in kept]).slope for name in MOST}


def leaks(samples: Sequence[Sample]) -> Iterator[str]:
    """What grows with the number of drills."""
    for name, slope in growth(samples).items():
        if slope > MOST[name]:
            yield f"{name} grow by {slope:.1f} a drill, at most {MOST[name]} is noise"


def one_drill(here: Ground) -> tuple[str, str, list[str]]:
    """Run a drill to its end: its id, outcome, and what is to be said against it."""
    here.ready()
    before = here.account()
    docket = here.begin()
    if not patiently(lambda: here.ended(docket)):
        return docket.drill, "none", ["no outcome"]
    here.ready()
    outcome = docket.outcome() or "none"
    against = [] if outcome in JUDGED else [f"ended {outcome}"]
    return docket.drill, outcome, [*against, *(f"left {name}" for name in here.left(before))]


def say(*cells: Any) -> None:
    """One line of the table."""
    print(COLUMNS.format(*cells).rstrip(), flush=True)  # noqa: T201 - the result


def main(argv: list[str] | None = None) -> int:
    """Boot, run drill after drill, end the instance."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.soak", description=__doc__)
    parser.add_argument("--drills", type=int, default=50)
    add_options(parser, "var/soak")
    options = parser.parse_args(argv)
    samples: list[Sample] = []
    clean = 0
    say("n", "drill", "outcome", "processes", "descriptors", "memory MiB", "disk MiB", "evidence MiB", "s", "")
    with ground(options) as here:
        for number in range(1, options.drills + 1):
            began = time.monotonic()
            drill, outcome, against = one_drill(here)
            now = sample(here.instance.var)
            figures = (f"{now.memory_mib:.0f}", f"{now.disk_mib:.1f}", f"{now.evidence_mib:.1f}")
            seconds = f"{time.monotonic() - began:.0f}"
            say(number, drill, outcome, now.processes, now.descriptors, *figures, seconds, "; ".join(against))
            samples.append(now)
            clean += not against
    against = list(leaks(samples))
    trend = ", ".join(f"{name} {slope:+.2f}" for name, slope in growth(samples).items())
    print(f"clean {clean}/{len(samples)}; per drill: {trend or 'too few for a trend'}", *against, sep="; ", flush=True)  # noqa: T201 - the result
    return 0 if samples and clean == len(samples) and not against else 1


if __name__ == "__main__":
    sys.exit(main())
