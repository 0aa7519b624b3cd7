"""The platform itself under fire: in each drill one of its processes is killed (SIGKILL) while a phase is under way.

    python -m tests.drills.resilience --seed 1 --drills 6
    python -m tests.drills.resilience --phase rehydrate --kill scheduler

The instance stays up, as under `make up`: what is killed is started again by its supervisor, and the drill must go on,
or end ABORTED with teardown and report. Each drill's record is verified as an auditor would, and the account is
compared with what was there before. Prints a line a drill, the last line is `survived n/n`; status 0 only if all did.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, product
from pathlib import Path
from typing import Any

import msgspec
import psutil

from drill.aws import inventory
from drill.copies import ANCHOR, KEYS, auditors_kit, copy
from drill.core.phases import PHASES, REAL_ONLY
from drill.core.verdict import Verdict
from drill.docket import Docket
from tests.drills.ground import Ground, add_options, ground, patiently
from tests.drills.survival import Found, objections
from tests.drills.victims import OF_A_STEP, SERVICES, VICTIMS, recorded, tasks

STRUCK = (*(name for name in PHASES if name not in REAL_ONLY), "report", "seal")
"""The steps that a kill is timed by."""
COLUMNS = "{:<31}{:<14}{:<11}{:<24}{:<40}{:>5}  {}"


def survive(here: Ground, phase: str, kill: str) -> tuple[str, Found]:
    """Run one drill, kill the process in the phase, wait for the end; the drill's id, and what was found."""
    here.ready()
    before = here.account()
    docket = here.begin()
    struck = _strike(here, docket, phase, kill)
    if not patiently(lambda: here.ended(docket)):
        return docket.drill, Found(phase=struck, kill=kill, outcome="")
    here.ready()
    return docket.drill, _found(here, docket, struck, kill, before)


def _strike(here: Ground, docket: Docket, phase: str, kill: str) -> str:
    """Kill as soon as the process is at work in the phase; the phase, or nothing if it never was."""
    ends = _end_of_a_step if kill in OF_A_STEP else _end_of_a_service
    hit = False

    def over() -> bool:
        nonlocal hit
        hit = ends(here, docket, phase, kill)
        return hit or here.ended(docket)

    patiently(over)
    return phase if hit else ""


def _end_of_a_step(here: Ground, docket: Docket, phase: str, kill: str) -> bool:
    """The step's own process, or the one that watches over it, whether the step has begun to say so or not."""
    running = tasks(here.instance.var)
    if not running:
        return False
    step = next((one["id"] for one in here.steps(docket.drill) if one["task_id"] == phase), "")
    victim = OF_A_STEP[kill](running[step]) if step in running else None
    return victim is not None and _killed(victim)


def _end_of_a_service(here: Ground, docket: Docket, phase: str, kill: str) -> bool:
    """A service once the phase has begun. A triggerer is at work in a step that has deferred, if it ever does."""
    if not any(f"-{phase}-begin-" in name for name in docket.names()):
        return False
    if kill == "triggerer":
        waits = any(one["task_id"] == phase and one["state"] != "running" for one in here.steps(docket.drill))
        if not waits:
            return False
    victim = recorded(here.instance.var, SERVICES[kill])
    return victim is not None and _killed(victim)


def _killed(victim: psutil.Process) -> bool:
    """SIGKILL; False where it had ended by itself."""
    with suppress(psutil.NoSuchProcess):
        victim.kill()
        return True
    return False


def _found(here: Ground, docket: Docket, phase: str, kill: str, before: inventory.Snapshot) -> Found:
    reports = Path(here.settings.reports)
    folder = copy(docket, reports)
    auditors_kit(docket, reports)
    verdict = msgspec.json.decode(docket.find("verdict.json") or b"", type=Verdict)
    return Found(
        phase=phase,
        kill=kill,
        outcome=docket.outcome() or "",
        retried=tuple(one["task_id"] for one in here.steps(docket.drill) if one["try_number"] > 1),
        rulings=tuple((ruling.rule, ruling.outcome, ruling.text) for ruling in verdict.rulings),
        report=docket.find("report.html") is not None,
        verified=_verified(folder),
        left=tuple(here.left(before)),
    )


def _verified(folder: Path) -> str:
    """What the auditor's own command says against the bundle; nothing where it is authentic."""
    kit = ("--key", str(folder.parent / KEYS), "--anchor", str(folder.parent / ANCHOR))
    argv = (sys.executable, "-m", "drill", "verify", str(folder / "bundle.zip"), *kit)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1]


def drawn(seed: int) -> Iterator[tuple[str, str]]:
    """Every phase with every process, in an order that the seed tells."""
    every = list(product(STRUCK, VICTIMS))
    yield from random.Random(seed).sample(every, len(every))


def strikes(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The strikes that were asked for, in the seed's order."""
    fitting = (
        (phase, kill)
        for phase, kill in drawn(options.seed)
        if options.phase in {None, phase} and options.kill in {None, kill}
    )
    return islice(fitting, options.first - 1, options.first - 1 + options.drills)


def chosen(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.resilience", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws phases and processes")
    parser.add_argument("--drills", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="begin with this one of the seed's draws")
    parser.add_argument("--phase", choices=STRUCK, help="this phase; with --kill one drill")
    parser.add_argument("--kill", choices=sorted(VICTIMS), help="this process")
    add_options(parser, "var/resilience")
    return parser.parse_args(argv)


def say(*cells: Any) -> None:
    """One line of the table."""
    print(COLUMNS.format(*cells).rstrip(), flush=True)  # noqa: T201 - the result


def main(argv: list[str] | None = None) -> int:
    """Boot, strike drill after drill, end the instance; status 0 only if each survived."""
    options = chosen(argv)
    survived = total = 0
    say("drill", "phase", "killed", "outcome", "rules", "s", "")
    with ground(options) as here:
        for phase, kill in strikes(options):
            began = time.monotonic()
            drill, found = survive(here, phase, kill)
            against = list(objections(found))
            rules = " ".join(sorted({rule for rule, outcome, _ in found.rulings if outcome == found.outcome}))
            seconds = f"{time.monotonic() - began:.0f}"
            say(drill, phase, kill, found.outcome or "none", rules[:39], seconds, "; ".join(against))
            total, survived = total + 1, survived + (not against)
    print(f"survived {survived}/{total}", flush=True)  # noqa: T201 - the result
    return 0 if total and survived == total else 1


if __name__ == "__main__":
    sys.exit(main())
