"""An instance that stays up, for drivers that run drill after drill on it: begin one, wait for its end, look around."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from drill.airflow_api import AirflowApi, AirflowError
from drill.aws import drill_lock, inventory, sites, stacks
from drill.aws.sessions import default_session
from drill.docket import Docket
from drill.run import ENDED, new_drill_id
from drill.settings import Settings
from drill.site_settings import PRIMARY
from emulator.service import exports
from engine.storage import StorageError
from tests.drills.instance import REPOSITORY, SYMBOLS, Instance
from tests.drills.real_loss import signed_in
from tests.patience import NotInTime, until

FLOW = (f"--symbols={','.join(SYMBOLS)}", "--members=10", "--customers=20", "--rate=200")
ENVIRONMENT = {"AEX_BUFFER_S": "3", "AEX_QUIET_S": "90", "AEX_SYMBOLS_PER_TASK": "4", "AEX_SNAPSHOT_EVERY_S": "10"}
PARAMETERS = {"window_s": 10, "load_s": 5}
PATIENCE_S = 480.0
POLL_S = 0.05
AWAY = (AirflowError, BotoCoreError, ClientError, StorageError, httpx.HTTPError)
"""What asking raises while that is down which was killed."""


class Ground:
    """A small instance and what is known of it. The caller's environment is the instance's."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.settings = Settings()
        self.home = default_session(self.settings.dr_region)
        self.airflow = AirflowApi(self.settings)
        self.places = sorted({self.settings.primary_region, self.settings.dr_region})
        self._client = signed_in("operator")

    def ready(self) -> None:
        """Wait until the exchange trades, members are back and no drill is under way. Raises AssertionError."""
        self.instance.until(lambda: self.instance.verb("status").returncode == 0, within_s=PATIENCE_S)

    def begin(self) -> Docket:
        """Start a small drill."""
        drill = new_drill_id()
        self.airflow.trigger(drill, dict(PARAMETERS))
        return Docket(drill, self.settings, default_session)

    def steps(self, drill: str) -> list[dict[str, Any]]:
        """Airflow's task instances of the run."""
        found = self._client.get(f"/api/v2/dags/dr_drill/dagRuns/{drill}/taskInstances").raise_for_status()
        return list(found.json()["task_instances"])

    def ended(self, docket: Docket) -> bool:
        """Whether the drill has its outcome, and Airflow is through with it."""
        return docket.outcome() is not None and self.airflow.state(docket.drill) in ENDED

    def account(self) -> inventory.Snapshot:
        """What is in the account now."""
        return inventory.snapshot(self.home, self.places)

    def left(self, before: inventory.Snapshot) -> Iterator[str]:
        """What is in the account now and was not before: the primary excepted, which may have been opened anew."""
        lock = (self.home, self.settings.journal_bucket, self.settings.dr_region)
        if drill_lock.standing(*lock) is not None:
            yield "the drill lock"
        listings = (stacks.listing(default_session(place), place) for place in self.places)
        yield from (one.ref.name for every in listings for one in every if one.ref.name.startswith("aex-dr-"))
        after = inventory.snapshot(self.home, self.places, services=before.services)
        fresh = inventory.orphans(self.home, before, after)
        yield from (one.id for one in sites.without(self.home, fresh, PRIMARY, self.places))


def patiently(done: Callable[[], bool]) -> bool:
    """Ask until it is so; what is down is asked again. False where it never was."""

    def there() -> bool:
        with suppress(*AWAY):
            return done()
        return False

    try:
        return until(there, PATIENCE_S, "what a drill was waited for", pause_s=POLL_S)
    except NotInTime:
        return False


def add_options(parser: argparse.ArgumentParser, var: str) -> None:
    """Where the instance lives, and its ports."""
    parser.add_argument("--var", type=Path, default=Path(var))
    for name, port in (("airflow", 8080), ("aws", 4566), ("dns", 5354)):
        parser.add_argument(f"--{name}-port", type=int, default=port)


@contextmanager
def ground(options: argparse.Namespace) -> Iterator[Ground]:
    """Boot an instance, give it, and end it in order, also after a SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.disable(logging.INFO)  # Airflow, once imported, shows everybody's
    ports = tuple(f"--{name}-port={getattr(options, f'{name}_port')}" for name in ("airflow", "aws", "dns"))
    instance = Instance((REPOSITORY / options.var).resolve(), (*ports, *FLOW), ENVIRONMENT)
    try:
        instance.up()
        os.environ.update(exports(instance.var))
        yield Ground(instance)
    finally:
        instance.verb("down")
