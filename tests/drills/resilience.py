"""The platform itself under fire: in each drill one of its processes is killed (SIGKILL) while a phase is under way.

    python -m tests.drills.resilience --seed 1 --drills 6
    python -m tests.drills.resilience --phase rehydrate --kill scheduler

The instance stays up, as under `make up`: what is killed is started again by its supervisor, and the drill must go on,
or end ABORTED with teardown and report. Each drill's record is verified as an auditor would, and the account is
compared with what was there before. Prints a line a drill, the last line is `survived n/n`; status 0 only if all did.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, product
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from botocore.exceptions import BotoCoreError, ClientError

from drill.airflow_api import AirflowApi, AirflowError
from drill.aws import drill_lock, inventory, sites, stacks
from drill.aws.sessions import default_session
from drill.copies import ANCHOR, KEYS, auditors_kit, copy
from drill.core.phases import PHASES, REAL_ONLY
from drill.core.verdict import Verdict
from drill.docket import Docket
from drill.run import ENDED, new_drill_id
from drill.settings import Settings
from drill.site_settings import PRIMARY
from emulator.service import exports
from engine.storage import StorageError
from tests.drills.instance import REPOSITORY, SYMBOLS, Instance
from tests.drills.real_loss import signed_in
from tests.drills.survival import Found, objections
from tests.drills.victims import OF_A_STEP, SERVICES, VICTIMS, recorded, tasks

STRUCK = (*(name for name in PHASES if name not in REAL_ONLY), "report", "seal")
"""The steps that a kill is timed by."""
FLOW = (f"--symbols={','.join(SYMBOLS)}", "--members=10", "--customers=20", "--rate=200")
ENVIRONMENT = {"AEX_BUFFER_S": "3", "AEX_QUIET_S": "90", "AEX_SYMBOLS_PER_TASK": "4", "AEX_SNAPSHOT_EVERY_S": "10"}
PARAMETERS = {"window_s": 10, "load_s": 5}
COLUMNS = "{:<31}{:<14}{:<11}{:<24}{:<40}{:>5}  {}"
PATIENCE_S = 480.0
POLL_S = 0.05
AWAY = (AirflowError, BotoCoreError, ClientError, StorageError, httpx.HTTPError)
"""What asking raises while that is down which was killed."""


class Resilience:
    """One instance and the drills under which it is struck. The caller's environment is the instance's."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.settings = Settings()
        self.home = default_session(self.settings.dr_region)
        self.airflow = AirflowApi(self.settings)
        self.client = signed_in("operator")
        self.places = sorted({self.settings.primary_region, self.settings.dr_region})

    def survive(self, phase: str, kill: str) -> tuple[str, Found]:
        """Run one drill, kill the process in the phase, wait for the end; the drill's id, and what was found."""
        self._ready()
        before = inventory.snapshot(self.home, self.places)
        drill = new_drill_id()
        docket = Docket(drill, self.settings, default_session)
        self.airflow.trigger(drill, dict(PARAMETERS))
        struck = self._strike(docket, phase, kill)
        ended = self._patiently(lambda: self._ended(docket))
        if not ended:
            return drill, Found(phase=struck, kill=kill, outcome="")
        self._ready()
        return drill, self._found(docket, struck, kill, before)

    def _ready(self) -> None:
        """The exchange trades, members are back, no drill is under way."""
        self.instance.until(lambda: self.instance.verb("status").returncode == 0, within_s=PATIENCE_S)

    def _strike(self, docket: Docket, phase: str, kill: str) -> str:
        """Kill as soon as the process is at work in the phase; the phase, or nothing if it never was."""
        ends = self._end_of_a_step if kill in OF_A_STEP else self._end_of_a_service
        hit = False

        def over() -> bool:
            nonlocal hit
            hit = ends(docket, phase, kill)
            return hit or self._ended(docket)

        self._patiently(over)
        return phase if hit else ""

    def _end_of_a_step(self, docket: Docket, phase: str, kill: str) -> bool:
        """The step's own process, or the one that watches over it, whether the step has begun to say so or not."""
        running = tasks(self.instance.var)
        if not running:
            return False
        step = next((one["id"] for one in self._steps(docket.drill) if one["task_id"] == phase), "")
        victim = OF_A_STEP[kill](running[step]) if step in running else None
        return victim is not None and _killed(victim)

    def _steps(self, drill: str) -> list[dict[str, Any]]:
        """Airflow's task instances of the run."""
        found = self.client.get(f"/api/v2/dags/dr_drill/dagRuns/{drill}/taskInstances").raise_for_status()
        return list(found.json()["task_instances"])

    def _end_of_a_service(self, docket: Docket, phase: str, kill: str) -> bool:
        """A service once the phase has begun. A triggerer is at work in a step that has deferred, if it ever does."""
        if not any(f"-{phase}-begin-" in name for name in docket.names()):
            return False
        if kill == "triggerer":
            waits = any(one["task_id"] == phase and one["state"] != "running" for one in self._steps(docket.drill))
            if not waits:
                return False
        victim = recorded(self.instance.var, SERVICES[kill])
        return victim is not None and _killed(victim)

    def _ended(self, docket: Docket) -> bool:
        return docket.outcome() is not None and self.airflow.state(docket.drill) in ENDED

    def _found(self, docket: Docket, phase: str, kill: str, before: inventory.Snapshot) -> Found:
        reports = Path(self.settings.reports)
        folder = copy(docket, reports)
        auditors_kit(docket, reports)
        verdict = msgspec.json.decode(docket.find("verdict.json") or b"", type=Verdict)
        return Found(
            phase=phase,
            kill=kill,
            outcome=docket.outcome() or "",
            retried=tuple(one["task_id"] for one in self._steps(docket.drill) if one["try_number"] > 1),
            rulings=tuple((ruling.rule, ruling.outcome, ruling.text) for ruling in verdict.rulings),
            report=docket.find("report.html") is not None,
            verified=_verified(folder),
            left=tuple(self._left(before)),
        )

    def _left(self, before: inventory.Snapshot) -> Iterator[str]:
        """What is in the account now and was not before: the primary excepted, which may have been opened anew."""
        lock = (self.home, self.settings.journal_bucket, self.settings.dr_region)
        if drill_lock.standing(*lock) is not None:
            yield "the drill lock"
        listings = (stacks.listing(default_session(place), place) for place in self.places)
        yield from (one.ref.name for every in listings for one in every if one.ref.name.startswith("aex-dr-"))
        after = inventory.snapshot(self.home, self.places, services=before.services)
        fresh = inventory.orphans(self.home, before, after)
        yield from (one.id for one in sites.without(self.home, fresh, PRIMARY, self.places))

    @staticmethod
    def _patiently(done: Callable[[], bool]) -> bool:
        """Ask until it is so; what is down is asked again. False where it never was."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(*AWAY):
                if done():
                    return True
            time.sleep(POLL_S)
        return False


def _killed(victim: psutil.Process) -> bool:
    """SIGKILL; False where it had ended by itself."""
    with suppress(psutil.NoSuchProcess):
        victim.kill()
        return True
    return False


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


def chosen(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.resilience", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws phases and processes")
    parser.add_argument("--drills", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="begin with this one of the seed's draws")
    parser.add_argument("--phase", choices=STRUCK, help="this phase; with --kill one drill")
    parser.add_argument("--kill", choices=sorted(VICTIMS), help="this process")
    parser.add_argument("--var", type=Path, default=Path("var/resilience"))
    parser.add_argument("--airflow-port", type=int, default=8080)
    parser.add_argument("--aws-port", type=int, default=4566)
    parser.add_argument("--dns-port", type=int, default=5354)
    return parser.parse_args(argv)


def say(*cells: Any) -> None:
    """One line of the table."""
    print(COLUMNS.format(*cells).rstrip(), flush=True)  # noqa: T201 - the result


def strikes(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The strikes that were asked for, in the seed's order."""
    fitting = (
        (phase, kill)
        for phase, kill in drawn(options.seed)
        if options.phase in {None, phase} and options.kill in {None, kill}
    )
    return islice(fitting, options.first - 1, options.first - 1 + options.drills)


def main(argv: list[str] | None = None) -> int:
    """Boot, strike drill after drill, end the instance; status 0 only if each survived."""
    options = chosen(argv)
    logging.disable(logging.INFO)  # Airflow, once imported, shows everybody's
    ports = tuple(f"--{name}-port={getattr(options, f'{name}_port')}" for name in ("airflow", "aws", "dns"))
    instance = Instance((REPOSITORY / options.var).resolve(), (*ports, *FLOW), ENVIRONMENT)
    instance.up()
    survived = total = 0
    try:
        os.environ.update(exports(instance.var))
        resilience = Resilience(instance)
        say("drill", "phase", "killed", "outcome", "rules", "s", "")
        for phase, kill in strikes(options):
            began = time.monotonic()
            drill, found = resilience.survive(phase, kill)
            against = list(objections(found))
            rules = " ".join(sorted({rule for rule, outcome, _ in found.rulings if outcome == found.outcome}))
            seconds = f"{time.monotonic() - began:.0f}"
            say(drill, phase, kill, found.outcome or "none", rules[:39], seconds, "; ".join(against))
            total, survived = total + 1, survived + (not against)
    finally:
        instance.verb("down")
    print(f"survived {survived}/{total}", flush=True)  # noqa: T201 - the result
    return 0 if total and survived == total else 1


if __name__ == "__main__":
    sys.exit(main())
