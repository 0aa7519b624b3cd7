"""The plan of a world: which commands make it up, in which order, and how each shows that it is ready.

This is the one place that names them. Everything here is data; `emulator.world` carries it out.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from emulator.admission import WorldError
from emulator.airflow import Airflow
from emulator.clock import wall_ns
from emulator.processes import Command
from emulator.settings import ACCOUNT, ROOT_KEY, ROOT_SECRET, client_environment
from emulator.settings import Settings as Aws

KEPT: Final = "instance.json"
"""Marks a folder as that of the instance which `make up` keeps."""
KEPT_BUFFER_S: Final = 30
KEPT_DAYS: Final = 1
KEPT_SNAPSHOT_S: Final = 120
KEPT_CAPTURES_S: Final = 600
"""Longer than a drill; a minute of captures is 10 MB at 1,000 commands/s, and each drill gets all of them."""
UPKEEP_S: Final = 6 * 3600.0
REPOSITORY: Final = Path(__file__).resolve().parents[1]
_FOREIGN: Final = ("AIRFLOW_", "AWS_")
"""What the caller's shell must not pass on to a world: another Airflow's database, another account's credentials."""


@dataclass(frozen=True, slots=True)
class Step:
    """Commands that belong together.

    With `ready`, they are services: the step stands once `ready()` is true, and none of them may end. Without, each
    does its work and ends with status 0. A step starts when all steps named in `after` stand, so independent ones
    start side by side. `patience_s` bounds the boot of the step, `grace_s` its stop.
    """

    name: str
    commands: tuple[Command, ...]
    after: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    patience_s: float = 120.0
    grace_s: float = 10.0
    logs: str = "log"
    each: bool = False  # its services do not need one another: where one ends, it alone is started again


@dataclass(frozen=True, slots=True)
class Chore:
    """A command that a world which is kept up runs again and again, `every_s` after its last end."""

    command: Command
    every_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A world: where it lives, its steps, the environment of every command, and the ports that must be free.

    `keep` is for a world that stays up: a service that ends is started again, with whatever stands on it, and `chores`
    keep the disk from filling.
    """

    var: Path
    steps: tuple[Step, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[tuple[int, str, bool], ...] = ()  # number, the option that chooses it, UDP
    furnish: Callable[[], Mapping[str, str]] = dict  # writes what the commands expect to find; more environment
    keep: bool = False
    chores: tuple[Chore, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line chose."""

    var: Path
    airflow: bool
    airflow_port: int
    aws_port: int
    dns_port: int
    symbols: str  # names by commas; empty: all
    members: int
    customers: int
    rate: int
    seed: int
    keep: bool = False  # the instance that stays up, and goes on where it stopped; else a new exchange each time
    day_s: int = 3600  # of a kept instance: a laptop's day
    reports: Path | None = None  # where copies of reports go; below `var` by default

    @property
    def aws(self) -> Aws:
        """Return the embedded AWS of this world."""
        return Aws(self.aws_port, self.dns_port, state=self.var / "aws", run=self.var / "run")

    @property
    def endpoint(self) -> str:
        """Address of the embedded AWS."""
        return self.aws.endpoint


def exchange_plan(settings: Settings) -> Plan:
    """Return the world in which a drill runs: AWS, Airflow, the exchange at its primary site, and the witnesses."""
    airflow = Airflow(settings.var / "airflow", REPOSITORY, settings.airflow_port)
    ports = [(settings.aws_port, "--aws-port", False), (settings.dns_port, "--dns-port", True)]
    steps = [_aws(settings)]
    if settings.airflow:
        ports.append((settings.airflow_port, "--airflow-port", False))
        steps += _airflow(airflow)
    steps += [_deploy(), _witnesses(settings)]
    if settings.keep:
        steps.append(_keeper(settings))
    return Plan(
        var=settings.var,
        steps=tuple(steps),
        environment=environment(settings, airflow),
        ports=tuple(ports),
        furnish=lambda: furnish(settings, airflow),
        keep=settings.keep,
        chores=(_upkeep(settings),) if settings.keep else (),
    )


def furnish(settings: Settings, airflow: Airflow) -> Mapping[str, str]:
    """Write what Airflow needs; forget the exchange of the last world, unless this one is kept and goes on with it."""
    kept = settings.var / KEPT
    if settings.keep:
        kept.write_text(json.dumps({"symbols": settings.symbols}) + "\n")
    elif kept.exists():
        message = (
            f"{settings.var} holds the journal of the instance that `make up` keeps, and this world would begin a new"
            " one; choose another place with --var DIR"
        )
        raise WorldError(message)
    else:
        forget(settings)
    return airflow.furnish() if settings.airflow else {}


def forget(settings: Settings) -> None:
    """Put the last world's captures aside and drop its journal and its mailbox: the exchange starts anew."""
    for name in ("captures", "agent"):
        last = settings.var / f"{name}.last"
        if (settings.var / name).exists():
            shutil.rmtree(last, ignore_errors=True)
            (settings.var / name).rename(last)
    for bucket in ("aex-journal", "aex-witness"):
        shutil.rmtree(settings.aws.state / "s3" / ACCOUNT / f"{bucket}-{ACCOUNT}", ignore_errors=True)
    shutil.rmtree(settings.aws.state / "firehose", ignore_errors=True)


def _keeper(settings: Settings) -> Step:
    """Keeps the exchange trading: a next epoch where an engine died, an outcome for a drill that died, retention."""
    return Step(
        name="keeper",
        commands=(Command("keeper", (sys.executable, "-m", "drill", "keep")),),
        after=("witnesses", *(("airflow",) if settings.airflow else ())),
        ready=lambda: True,
        each=True,
    )


def _upkeep(settings: Settings) -> Chore:
    """Bounds Airflow's database and every log."""
    airflow = ("--airflow",) if settings.airflow else ()
    verb = (sys.executable, "-m", "emulator", "upkeep", "--var", str(settings.var), *airflow)
    return Chore(Command("upkeep", verb), every_s=UPKEEP_S)


def _aws(settings: Settings) -> Step:
    serve = ("--port", str(settings.aws_port), "--dns-port", str(settings.dns_port))
    places = ("--state", str(settings.var / "aws"), "--run", str(settings.var / "run"))
    return Step(
        name="aws",
        commands=(Command("aws", (sys.executable, "-m", "emulator", "serve", *serve, *places)),),
        ready=lambda: answers(f"{settings.endpoint}/_ministack/health"),
        patience_s=60,
        grace_s=20,  # it stops its tasks, which flush their journals
    )


def _airflow(airflow: Airflow) -> list[Step]:
    return [
        Step(name="airflow database", commands=(airflow.migration(),), logs="airflow/logs"),
        Step(
            name="airflow",
            commands=airflow.components(),
            after=("airflow database",),
            ready=airflow.healthy,
            grace_s=30,  # a triggerer gives its own child 10 s
            logs="airflow/logs",
            each=True,
        ),
    ]


def _deploy() -> Step:
    """Build evidence, journal, zone and the primary site, by the product's own verb; it reads `AEX_...`."""
    return Step(
        name="exchange",
        commands=(Command("deploy", (sys.executable, "-m", "drill", "deploy")),),
        after=("aws",),
        patience_s=1800,  # it bounds each of its parts by itself: stacks, drain, recovery of a long journal
    )


def _witnesses(settings: Settings) -> Step:
    witness = (sys.executable, "-m", "witness")
    bucket = ("--bucket", f"aex-witness-{ACCOUNT}")
    name = ("--name", "exchange.aex.example")
    since_s = wall_ns() / 1e9
    captures = ["--captures", str(settings.var / "captures")]
    if settings.keep:
        captures += ["--keep-s", str(min(KEPT_CAPTURES_S, settings.day_s))]
    flow = ("--members", str(settings.members), "--customers", str(settings.customers))
    pace = ("--rate", str(settings.rate), "--seed", str(settings.seed))
    return Step(
        name="witnesses",
        commands=(
            Command(
                "witness-members",
                (*witness, "members", *bucket, *name, *flow, *pace, *captures),
            ),
            Command(
                "witness-exercise",
                (*witness, "exercise", *bucket, "--captures", str(settings.var / "exercise")),
            ),
            Command("witness-monitor", (*witness, "monitor", *bucket, *name)),
            Command(
                "witness-agent",
                (
                    *witness,
                    "agent",
                    *bucket,
                    *name,
                    "--killer",
                    f"{settings.endpoint}/_aex/kill",
                    "--state",
                    str(settings.var / "agent"),
                    "--saboteur-role",
                    f"arn:aws:iam::{ACCOUNT}:role/aex-saboteur",
                    "--injector-role",
                    f"arn:aws:iam::{ACCOUNT}:role/aex-fault-injector",
                ),
            ),
        ),
        after=("exchange",),
        ready=lambda: all(_has_spoken(settings, who, since_s) for who in ("members", "monitor")),
        patience_s=60,
        each=True,
    )


def _has_spoken(settings: Settings, who: str, since_s: float) -> bool:
    """Say whether a witness has left a word in the witness bucket since a moment (seconds since 1970)."""
    import boto3  # noqa: PLC0415 - half a second, needed once
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    store = boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name="us-west-2",
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_SECRET,
    )
    try:
        spoken = store.head_object(Bucket=f"aex-witness-{ACCOUNT}", Key=f"words/{who}/latest.json")
    except (BotoCoreError, ClientError):
        return False
    return bool(spoken["LastModified"].timestamp() >= since_s - 1)  # S3 tells whole seconds


def environment(settings: Settings, airflow: Airflow) -> dict[str, str]:
    """Return the whole environment of every command of the world, and of the one that runs in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    connection = {
        "conn_type": "aws",
        "login": ROOT_KEY,
        "password": ROOT_SECRET,
        "extra": {"endpoint_url": settings.endpoint, "region_name": "us-east-1"},
    }
    return inherited | {
        **client_environment(settings.aws),
        "AEX_VAR": str(settings.var),
        "AEX_AIRFLOW_URL": airflow.url if settings.airflow else "",
        "AEX_AIRFLOW_USER": "operator",
        "AEX_AIRFLOW_PASSWORDS": str(airflow.passwords),
        "AEX_SYMBOLS": settings.symbols,
        **(_kept(settings) if settings.keep else {}),
        # The embedded CloudWatch has seconds, and nobody but the world's own processes caches its names.
        "AEX_METRIC_PERIOD_S": "1",
        "AEX_TTL_S": "1",
        "AEX_WITNESS_BUCKET": f"aex-witness-{ACCOUNT}",
        "AEX_REPORTS": _from_here(settings.reports or settings.var / "reports"),
        "AIRFLOW_CONN_AEX_AWS": json.dumps(connection),
        "AIRFLOW_HOME": str(airflow.home),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "GX_ANALYTICS_ENABLED": "false",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


def _kept(settings: Settings) -> dict[str, str]:
    """What stays up has short days and keeps few of them, and goes home after a drill that lost its primary.

    Larger and fewer objects keep every listing quick.
    """
    chosen = {
        "AEX_BUFFER_S": str(KEPT_BUFFER_S),
        "AEX_FAILBACK": "true",
        "AEX_JOURNAL_DAYS": str(KEPT_DAYS),
        "AEX_SNAPSHOT_EVERY_S": str(KEPT_SNAPSHOT_S),
    }
    return {"AEX_DAY_S": str(settings.day_s)} | {name: os.environ.get(name, value) for name, value in chosen.items()}


def _from_here(path: Path) -> str:
    """Return the path relative to the working directory where it lies below: it is printed in records."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def answers(url: str) -> bool:
    """Say whether a loopback address answers a GET with a success."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2):
            return True
    except OSError:  # refused, reset, timed out, or an error status
        return False
