"""An instance that stays up: `python -m emulator up | down | status | visit`.

`up` boots a kept world in the background and returns when it stands; `down` ends it; `status` says on one screen how it
is: the world from here, the exchange and its drills from the platform's own `python -m drill status`; `visit` runs a
command in its environment.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from emulator.airflow import USERS
from emulator.clock import utc, wall_ns
from emulator.processes import Record, read_records
from emulator.settings import ACCOUNT
from emulator.world import REFUSED, records_of, standing_of, stop

HEALTHY, UNHEALTHY = 0, 1
_POLL_S: Final = 0.1
_SUPERVISOR: Final = "supervisor"
_SHOWN_RESTARTS: Final = 3


def log_of(var: Path) -> Path:
    """Return the supervisor's own log."""
    return var / "log" / "world.log"


def supervisor(var: Path) -> Record | None:
    """Return the supervisor that runs in `var`, if one does."""
    found = (record for record in read_records(records_of(var)) if record.name == _SUPERVISOR)
    return next((record for record in found if record.alive()), None)


def standing(var: Path) -> dict[str, Any] | None:
    """Return what the supervisor has written down about its world, None while none stands."""
    if supervisor(var) is None or not standing_of(var).exists():
        return None
    state: dict[str, Any] = json.loads(standing_of(var).read_text())
    return state


def exports(var: Path) -> dict[str, str]:
    """Return the environment that the running world has written for its visitors."""
    path = var / "run" / "environment"
    words = shlex.split(path.read_text()) if path.exists() else []
    return dict(word.split("=", 1) for word in words if "=" in word)


# --- up and down --------------------------------------------------------------------------------------------------


def up(var: Path, options: Sequence[str]) -> int:
    """Boot a kept world in the background; returns when it stands, with its exit status where it does not."""
    if standing(var) is not None:
        _tell("the instance is up already")
        return _greet(var)
    log = log_of(var)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        world = subprocess.Popen(
            (sys.executable, "-m", "emulator", "world", "--keep", "--var", str(var), *options),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _follow(world, var, log)
    except KeyboardInterrupt:
        world.send_signal(signal.SIGTERM)
        world.wait()
        _tell("interrupted; everything was stopped")
        return 130


def _follow(world: subprocess.Popen[bytes], var: Path, log: Path) -> int:
    """Show what the supervisor says until its world stands or it ends."""
    with log.open() as lines:
        while True:
            ended = world.poll()
            sys.stderr.write(lines.read())
            sys.stderr.flush()
            if ended is not None:
                return ended or REFUSED
            state = standing(var)
            if state is not None and state["pid"] == world.pid:
                return _greet(var)
            time.sleep(_POLL_S)


def _greet(var: Path) -> int:
    place = exports(var)
    shown = _shown(var)
    _say(f"pages      {place.get('AEX_AIRFLOW_URL', 'no Airflow')}  users: {', '.join(USERS)}")
    _say(f"passwords  {_from_here(Path(place.get('AEX_AIRFLOW_PASSWORDS', '-')))} (only you may read it)")
    _say(f"a shell    . {shown}/run/environment")
    _say("next       make status | make drill | make down")
    return HEALTHY


def down(var: Path) -> int:
    """End the instance in order; its history, evidence and journal stay."""
    ran = supervisor(var) is not None
    stop(var)
    if ran:
        _tell(
            f"the instance is down; its history, evidence and journal stay in {_shown(var)}: make up goes on with them"
        )
    return HEALTHY


def visit(var: Path, command: Sequence[str]) -> int:
    """Run a command in the instance's environment; returns its exit status, 4 where no instance is up."""
    if standing(var) is None:
        _tell("no instance is up; make up")
        return REFUSED
    popen = subprocess.Popen(command, env=os.environ | exports(var))
    while True:
        try:
            return popen.wait()
        except KeyboardInterrupt:  # the terminal has sent it to the command too, which ends in its own way
            continue


# --- status -------------------------------------------------------------------------------------------------------


def status(var: Path) -> int:
    """Print one screen; returns 0 when all is well, else 1 with the last line saying what is wrong and what to do."""
    state = standing(var)
    if state is None:
        booting = supervisor(var) is not None
        wrong = "the instance is booting; ask again" if booting else "no instance is up; make up"
        said = _last_words(var)
        _say(f"unhealthy  {wrong}" + (f" (it said last: {said})" if said and not booting else ""))
        return UNHEALTHY
    alive = [record for record in read_records(records_of(var)) if record.alive()]
    since_ns = int(state["since_ns"])
    _say(f"world      up since {_moment(since_ns)} ({_span(wall_ns() - since_ns)}), {len(alive)} processes")
    for one in state["restarts"][-_SHOWN_RESTARTS:]:
        _say(f"           {_moment(int(one['at_ns']))} started again: {one['why']}")
    place = exports(var)
    passwords = _from_here(Path(place["AEX_AIRFLOW_PASSWORDS"]))
    _say(f"airflow    {place['AEX_AIRFLOW_URL']}; users {', '.join(USERS)}; passwords in {passwords}")
    journal = var / "aws" / "s3" / ACCOUNT / f"aex-journal-{ACCOUNT}"
    objects = sum(1 for _ in (journal / "keys").glob("*.json"))
    _say(f"journal    {_mebibytes(_size(journal))} in {objects:,} objects")
    used, free = _size(var), shutil.disk_usage(var).free
    _say(f"disk       {_mebibytes(used)} in {_shown(var)}, {_mebibytes(free)} free")
    platform = subprocess.run((sys.executable, "-m", "drill", "status"), env=os.environ | place, check=False)
    return HEALTHY if platform.returncode == 0 else UNHEALTHY


def _last_words(var: Path) -> str:
    """Return the last line of a supervisor that ended."""
    log = log_of(var)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    told = [line.removeprefix("world: ") for line in lines if line.startswith("world: ")]
    return told[-1] if told else ""


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:  # it was removed while we counted
            continue
    return total


def _shown(var: Path) -> Path:
    return _from_here(var)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB" if size < 10 * 2**30 else f"{size / 2**30:,.1f} GiB"


def _moment(at_ns: int) -> str:
    at = utc(at_ns)
    return f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} UTC"


def _span(duration_ns: int) -> str:
    hours, minutes = divmod(duration_ns // 60_000_000_000, 60)
    return f"{hours // 24} d {hours % 24} h {minutes} min" if hours else f"{minutes} min"


def _say(line: str) -> None:
    """Write one line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(f"instance: {line}\n")
    sys.stderr.flush()


def add_service_verbs(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `up`, `down` and `status` to the emulator's command line."""
    for verb, purpose in (
        ("up", "boot an instance in the background, or say that it is up"),
        ("down", "end the instance; what it keeps stays"),
        ("status", "one screen: what runs and how it is; status 0 when all is well"),
        ("visit", "run a command in the instance's environment"),
    ):
        parser = subparsers.add_parser(verb, help=purpose)
        if verb == "up":
            from emulator.world import add_world_options  # noqa: PLC0415 - beside its use

            add_world_options(parser)
        else:
            parser.add_argument("--var", type=Path, default=Path("var"), help="where run-time state lives")
        if verb == "visit":
            parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
        parser.set_defaults(act=run_verb)


def run_verb(arguments: argparse.Namespace) -> int:
    """Carry out a verb as parsed; return the exit status."""
    var = arguments.var.resolve()
    if arguments.verb == "up":
        return up(var, _options(arguments))
    if arguments.verb == "visit":
        return visit(var, arguments.command)
    return down(var) if arguments.verb == "down" else status(var)


def _options(arguments: argparse.Namespace) -> list[str]:
    """The world's options as they were given."""
    names = ("airflow_port", "aws_port", "dns_port", "members", "customers", "rate", "seed", "day_s", "symbols")
    given = [f"--{name.replace('_', '-')}={getattr(arguments, name)}" for name in names]
    given += [f"--reports={arguments.reports}"] if arguments.reports else []
    return given if arguments.airflow else [*given, "--no-airflow"]
