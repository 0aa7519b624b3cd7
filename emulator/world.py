"""The supervisor of a world: boots a plan, runs one command in it, and leaves nothing behind.

    python -m emulator world --symbols AAPL,MSFT -- python -m drill run

Standard error gets one line for each step that stands, and one for whatever ends the world early. The command keeps
the terminal; its exit status is the supervisor's. Ctrl-C reaches the supervisor and the command only, since all others
live in sessions of their own: the command ends in its own way, then everything is stopped in reverse order, then the
process table is searched for survivors.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from emulator.admission import MINIMUM_FREE_BYTES, Lock, WorldError, free_port, require_port, require_space
from emulator.airflow import write_private
from emulator.clock import wall_ns
from emulator.plan import Chore, Plan, Settings, Step, exchange_plan
from emulator.processes import (
    MARK,
    Child,
    Record,
    Roster,
    ask_to_stop,
    die_with_parent,
    end,
    family,
    read_records,
    write_record,
)

REFUSED: Final = 4
"""Exit status when the world did not boot or broke: the drill in it counts as rejected or aborted."""
INTERRUPTED: Final = 130
COMMAND_GRACE_S: Final = 120.0
"""How long an interrupted command may take to tear its drill down before it is asked with SIGTERM."""

MOST_RESTARTS: Final = 5
WITHIN_S: Final = 600.0
"""A service that has to be started again more often than this has a cause that starting again does not cure."""
LOG_BYTES: Final = 16 * 1024**2
"""A log of a kept world that grows beyond this becomes `<name>.log.1`, of which there is one."""

_LOGS_EVERY_S: Final = 30.0
_POLL_S: Final = 0.05
_SHOWN_LINES: Final = 15
_SUPERVISOR: Final = "supervisor"


@dataclass(slots=True)
class Interrupts:
    """Counts SIGINT, SIGTERM and SIGHUP; whoever waits looks here, so nothing is ever torn apart in the middle."""

    received: list[signal.Signals] = field(default_factory=list)

    def listen(self) -> None:
        """Take the three signals over for the rest of the process's life."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(signal.Signals(number))


class _InterruptedError(Exception):
    """A signal arrived while the world booted."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A service that ended and was started again; `at_ns` is wall time."""

    name: str
    at_ns: int
    why: str


@dataclass(slots=True)
class Due:
    """A chore and when it is due, on the monotonic clock; `child` while it runs."""

    chore: Chore
    at_s: float
    child: Child | None = None


class World:
    """One world from boot to end; a value of this class lives as long as its lock."""

    def __init__(self, plan: Plan, interrupts: Interrupts) -> None:
        self.plan = plan
        self.interrupts = interrupts
        self.roster = Roster(records_of(plan.var), secrets.token_hex(8))
        self.started: list[tuple[Step, list[Child]]] = []
        self.born_s = time.monotonic()
        self.born_ns = wall_ns()
        self.restarts: list[Restart] = []

    def boot(self) -> None:
        """Start every step whose predecessors stand, until all stand; those that stand already are left alone."""
        standing = {step.name for step, _ in self.started}
        began: dict[str, float] = dict.fromkeys(standing, self.born_s)
        while len(standing) < len(self.plan.steps):
            if self.interrupts.received:
                raise _InterruptedError
            for step in self.plan.steps:
                if step.name not in began and standing.issuperset(step.after):
                    began[step.name] = time.monotonic()
                    self._start(step)
            for step, children in self.started:
                if step.name not in standing and self._stands(step, children, began[step.name]):
                    standing.add(step.name)
                    say(f"{step.name} ready after {time.monotonic() - began[step.name]:.1f} s")
            time.sleep(_POLL_S)

    def _start(self, step: Step) -> None:
        children: list[Child] = []
        self.started.append((step, children))
        for command in step.commands:
            log = self.plan.var / step.logs / f"{command.name}.log"
            children.append(self.roster.start(command, env=self.plan.environment, log=log))

    def _stands(self, step: Step, children: list[Child], began_s: float) -> bool:
        for child in children:
            status = child.status()
            if status is not None and (step.ready is not None or status != 0):
                raise WorldError(obituary(child, "while the world booted"))
        done = step.ready() if step.ready else all(child.status() == 0 for child in children)
        if not done and time.monotonic() - began_s > step.patience_s:
            raise WorldError(f"{step.name} is not ready after {step.patience_s:.0f} s" + _quote(children[-1]))
        return done

    def dead(self) -> Child | None:
        """Return a service that ended although nobody asked it to."""
        for step, children in self.started:
            for child in children:
                if step.ready is not None and child.status() is not None:
                    return child
        return None

    def run(self, command: Sequence[str]) -> int:
        """Run a command in the foreground to its end; return its exit status, or 130 or 4 when something ended it."""
        env = {**self.plan.environment, MARK: self.roster.mark}
        try:
            popen = subprocess.Popen(command, env=env, preexec_fn=die_with_parent())  # noqa: PLW1509 - single thread
        except (FileNotFoundError, PermissionError) as error:
            raise WorldError(f"cannot start {command[0]}: {error.strerror}") from None
        verdict = self._watch(popen)
        status = popen.returncode
        return verdict if verdict is not None else status if status >= 0 else 128 - status

    def _watch(self, popen: subprocess.Popen[bytes]) -> int | None:
        """Wait for the command; pass signals on; end it when the world breaks under it."""
        answered = 0
        verdict: int | None = None
        deadline = float("inf")
        while popen.poll() is None:
            if len(self.interrupts.received) > answered:
                number = self.interrupts.received[answered]
                answered += 1
                verdict = INTERRUPTED
                deadline = min(deadline, time.monotonic() + COMMAND_GRACE_S)
                _pass_on(popen, number, first=answered == 1)
            dead = self.dead() if verdict is None else None
            if dead is not None:
                say(obituary(dead, "under the command, which is asked to stop"))
                verdict = REFUSED
                deadline = time.monotonic() + COMMAND_GRACE_S
                popen.send_signal(signal.SIGINT)
            if time.monotonic() > deadline:
                popen.terminate()
                deadline = time.monotonic() + 10
            time.sleep(_POLL_S)
        return verdict

    def wait(self) -> int:
        """Stay up until a signal comes or a service ends; a world that is kept starts that service again."""
        chores = [Due(chore, time.monotonic() + chore.every_s) for chore in self.plan.chores]
        logs_s = time.monotonic()
        while not self.interrupts.received:
            dead = self.dead()
            if dead is not None and not self.plan.keep:
                raise WorldError(obituary(dead, "although nobody asked it to"))
            if dead is not None:
                self._mend(dead)
            if time.monotonic() - logs_s > _LOGS_EVERY_S:
                logs_s = time.monotonic()
                self._cut_logs()
            for due in chores:
                self._do(due)
            time.sleep(_POLL_S)
        return INTERRUPTED

    def _mend(self, dead: Child) -> None:
        """Start what ended again: alone where its siblings do not need it, else its step and all that stand on it."""
        step, children = next((step, children) for step, children in self.started if dead in children)
        ended = _ended(children) if step.each else {dead.name: _cause(dead)}
        mended: dict[str, str] = {}
        began_s = time.monotonic()
        while True:
            for name, why in ended.items():
                self._count(name, why)
                say(f"{why}; starting it again")
            mended |= ended
            try:
                if step.each:
                    self._again(step, children, ended)
                else:
                    self._fell(step)
                    self.boot()
                break
            except WorldError as failed:
                others = _ended(children) if step.each else {}  # one that ended while another was awaited
                ended = others or {dead.name: str(failed).splitlines()[0]}
        self.note_standing()
        for name in mended:
            say(f"{name} is back after {time.monotonic() - began_s:.1f} s")

    def _count(self, name: str, why: str) -> None:
        """Note a restart. Raises WorldError when there are too many: the cause stays, whatever is started again."""
        self.restarts.append(Restart(name, wall_ns(), why))
        recent = [one for one in self.restarts if one.name == name and one.at_ns > wall_ns() - WITHIN_S * 1e9]
        if len(recent) > MOST_RESTARTS:
            raise WorldError(f"{why}; {len(recent)} times within {WITHIN_S:.0f} s: given up")

    def _again(self, step: Step, children: list[Child], names: Collection[str]) -> None:
        """Replace these children of a step. What they left is ended first: two of a kind must not run at once."""
        places = [place for place, child in enumerate(children) if child.name in names]
        self.roster.stop([children[place] for place in places], grace_s=step.grace_s)
        for place in places:
            fallen = children[place]
            children[place] = self.roster.start(fallen.command, env=self.plan.environment, log=fallen.log)
        began_s = time.monotonic()
        while not self._stands(step, children, began_s):
            if self.interrupts.received:
                raise _InterruptedError
            time.sleep(_POLL_S)

    def _fell(self, fallen: Step) -> None:
        """Stop a step and all that stand on it, last first; `boot` starts them again."""
        names = {fallen.name}
        for step, _ in self.started:  # in order of their start, so each one's predecessors were seen before it
            if names.intersection(step.after):
                names.add(step.name)
        for step, children in reversed([pair for pair in self.started if pair[0].name in names]):
            self.roster.stop(children, grace_s=step.grace_s)
        self.started = [pair for pair in self.started if pair[0].name not in names]

    def _do(self, due: Due) -> None:
        """Begin a chore that is due, see whether it has ended; one that fails is told, and tried at its next time."""
        if due.child is None and time.monotonic() >= due.at_s:
            log = self.plan.var / "log" / f"{due.chore.command.name}.log"
            due.child = self.roster.start(due.chore.command, env=self.plan.environment, log=log)
        status = due.child.status() if due.child else None
        if due.child and status is not None:
            if status:
                say(obituary(due.child, "as a chore"))
            due.child, due.at_s = None, time.monotonic() + due.chore.every_s

    def _cut_logs(self) -> None:
        """Move what a long log holds to `<name>.log.1` and empty it; its writer appends, so nothing is torn."""
        for _, children in self.started:
            for child in children:
                if child.log.exists() and child.log.stat().st_size > LOG_BYTES:
                    shutil.copyfile(child.log, child.log.with_suffix(".log.1"))
                    os.truncate(child.log, 0)

    def note_standing(self) -> None:
        """Write down that the world stands, since when, and what had to be started again."""
        state = {
            "since_ns": str(self.born_ns),
            "pid": os.getpid(),
            "kept": self.plan.keep,
            "restarts": [{"name": one.name, "at_ns": str(one.at_ns), "why": one.why} for one in self.restarts],
        }
        draft = standing_of(self.plan.var).with_suffix(".draft")
        draft.write_text(json.dumps(state) + "\n")
        draft.replace(standing_of(self.plan.var))

    def stop(self) -> None:
        """Stop in reverse order, then end whatever else carries the world's mark, then check that nothing is left."""
        killed = []
        for step, children in reversed(self.started):
            killed += self.roster.stop(children, grace_s=step.grace_s)
        records = [child.record for child in self.roster.children]
        strays = family(records, mark=self.roster.mark)
        ask_to_stop(strays)
        killed += end(strays, grace_s=5)
        if killed:
            say("had to be killed: " + ", ".join(killed))
        if strays:
            say(f"ended {len(strays)} more that nobody had stopped")
        left = family(records, mark=self.roster.mark)
        if left:
            raise WorldError("still alive: " + ", ".join(str(found.pid) for found in left))
        say(f"world ended after {time.monotonic() - self.born_s:.0f} s: {len(records)} processes stopped, nothing left")


def _pass_on(popen: subprocess.Popen[bytes], number: signal.Signals, *, first: bool) -> None:
    """Let the command know of a signal, unless the terminal has sent it the same one already."""
    if not first:
        popen.terminate()
    elif number is not signal.SIGINT or not _in_foreground():
        popen.send_signal(number)
    say("stopping; once more to insist" if first else "insisting")


def _in_foreground() -> bool:
    """Say whether a terminal sends its Ctrl-C to this process's group, and so to the command too."""
    try:
        with open("/dev/tty", "rb") as terminal:  # noqa: PTH123 - a device
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def say(line: str) -> None:
    """Write one line of progress to standard error."""
    print(f"world: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's voice


def obituary(child: Child, when: str) -> str:
    """Tell how a child ended, with the last lines of its log and where the rest is."""
    status = child.status()
    how = f"status {status}" if status is None or status >= 0 else signal.Signals(-status).name
    full = any("No space left on device" in line for line in child.last_lines(_SHOWN_LINES))
    cause = "; the disk is full: make room or choose another place with --var DIR" if full else ""
    return f"{child.name} ended ({how}) {when}{cause}" + _quote(child)


def _cause(child: Child) -> str:
    """Tell in one line that a child of a kept world ended."""
    return obituary(child, "although nobody asked it to").splitlines()[0].removesuffix(", and ends:")


def _ended(children: Sequence[Child]) -> dict[str, str]:
    """Name -> how it ended, of those that did."""
    return {child.name: _cause(child) for child in children if child.status() is not None}


def _quote(child: Child) -> str:
    lines = "".join(f"\n  | {line}" for line in child.last_lines(_SHOWN_LINES))
    return f"; its log is {child.log}, and ends:{lines}" if lines else f"; its log {child.log} is empty"


def standing_of(var: Path) -> Path:
    """Return the file that is there while a world stands."""
    return records_of(var) / "standing"


def records_of(var: Path) -> Path:
    """Return the folder of the supervisor's own records."""
    return var / "run" / "world"


def sweep(var: Path) -> list[str]:
    """End what a killed world left: recorded processes, members of their sessions, carriers of its mark."""
    records = read_records(var / "run")
    mark_path = records_of(var) / "mark"
    mark = mark_path.read_text().strip() if mark_path.exists() else None
    left = family([record for record in records if record.name != _SUPERVISOR], mark=mark)
    names = {record.pid: record.name for record in records}
    told = [f"{names.get(found.pid, 'a descendant')} ({found.pid})" for found in left]
    ask_to_stop(left)
    end(left, grace_s=20)
    for path in records_of(var).glob("*.json"):
        path.unlink()
    return told


def run_world(plan: Plan, command: Sequence[str], *, minimum_free: int = MINIMUM_FREE_BYTES) -> int:
    """Boot a plan, run the command in it (none: stay up), stop everything; return the exit status."""
    interrupts = Interrupts()
    interrupts.listen()
    lock = Lock(plan.var / "run" / "world.lock")
    try:
        plan.var.mkdir(parents=True, exist_ok=True)
        (plan.var / "run").mkdir(exist_ok=True)
        lock.take_or_refuse(_another(plan.var))
        return _run_locked(plan, command, interrupts, minimum_free)
    except WorldError as error:
        say(str(error))
        return REFUSED
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        say(f"disk full: {error.filename or plan.var}; make room, or choose another place with --var DIR")
        return REFUSED
    finally:
        lock.release()


def _run_locked(plan: Plan, command: Sequence[str], interrupts: Interrupts, minimum_free: int) -> int:
    standing_of(plan.var).unlink(missing_ok=True)
    left = sweep(plan.var)
    if left:
        say(f"ended {len(left)} processes that a killed world had left: " + ", ".join(left))
    require_space(plan.var, minimum_free)
    for port, option, udp in plan.ports:
        require_port(port, option, udp=udp)
    plan = replace(plan, environment={**plan.environment, **plan.furnish()})
    world = World(plan, interrupts)
    write_record(records_of(plan.var), Record(_SUPERVISOR, os.getpid(), psutil.Process().create_time()))
    (records_of(plan.var) / "mark").write_text(world.roster.mark + "\n")
    write_private(plan.var / "run" / "environment", _exports(plan))
    try:
        world.boot()
        say(f"stands after {time.monotonic() - world.born_s:.1f} s")
        world.note_standing()
        status = world.run(command) if command else world.wait()
    except _InterruptedError:
        status = INTERRUPTED
    finally:
        try:
            world.stop()
        finally:
            standing_of(plan.var).unlink(missing_ok=True)
            (records_of(plan.var) / f"{_SUPERVISOR}.json").unlink(missing_ok=True)
            (plan.var / "run" / "environment").unlink(missing_ok=True)
    if interrupts.received:
        say(f"interrupted ({interrupts.received[0].name})")
    return status


def _exports(plan: Plan) -> str:
    """Return lines for a shell (`. var/run/environment`) that wants to talk to the running world."""
    names = sorted(name for name, value in plan.environment.items() if os.environ.get(name) != value)
    return "".join(f"export {name}={shlex.quote(plan.environment[name])}\n" for name in names)


def _another(var: Path) -> str:
    here = f"python -m emulator world --var {shlex.quote(str(var))}"
    return f"runs in {var}; show it: {here} --show; stop it: {here} --stop"


def show(var: Path) -> int:
    """Print the processes of the world in `var`, one a line; status 0 when it runs, 1 when not."""
    alive = [record for record in read_records(var / "run") if record.alive()]
    for record in alive:
        print(f"{record.pid}\t{record.name}")  # noqa: T201 - standard output is the result
    if not any(record.name == _SUPERVISOR for record in alive):
        say(f"no world runs in {var}" + ("; its leftovers: --stop ends them" if alive else ""))
        return 1
    return 0


def stop(var: Path) -> int:
    """Ask the world in `var` to end and wait for it; without a supervisor, end what one left."""
    supervisors = [record for record in read_records(records_of(var)) if record.name == _SUPERVISOR and record.alive()]
    for record in supervisors:
        found = psutil.Process(record.pid)
        ask_to_stop([found])
        end([found], grace_s=COMMAND_GRACE_S + 60)
    told = sweep(var)
    if told:
        say("ended " + ", ".join(told))
    elif not supervisors:
        say(f"no world runs in {var}")
    return 0


def add_world_verb(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `world` to the emulator's command line; `arguments.act(arguments)` returns its exit status."""
    parser = subparsers.add_parser(
        "world",
        help="boot AWS, Airflow, the exchange and the witnesses, run a command in it, stop everything",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_world_options(parser)
    parser.add_argument("--keep", action="store_true", help="go on with the exchange that is there; mend what ends")
    parser.add_argument("--show", action="store_true", help="list the processes of the world that runs here")
    parser.add_argument("--stop", action="store_true", help="end the world that runs here, or what is left of one")
    parser.add_argument(
        "command", nargs="*", metavar="COMMAND", help="after --; without it the world stays up until Ctrl-C"
    )
    parser.set_defaults(act=run_verb)


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a world is made of."""
    parser.add_argument("--var", type=Path, default=Path("var"), help="where run-time state lives (default: var)")
    parser.add_argument("--airflow", action=argparse.BooleanOptionalAction, default=True, help="with a scheduler")
    for option, port in (("--airflow-port", 8080), ("--aws-port", 4566), ("--dns-port", 5354)):
        parser.add_argument(option, type=int, default=port, help=f"0: any free one (default: {port})")
    for option, count in (
        ("--members", 100),
        ("--customers", 100),
        ("--rate", 10_000),
        ("--seed", 1),
        ("--day-s", 3600),
    ):
        parser.add_argument(option, type=int, default=count, help=f"(default: {count})")
    parser.add_argument("--reports", type=Path, help="where copies of reports go (default: VAR/reports)")
    parser.add_argument("--symbols", default="", help="what the exchange lists, by commas (default: all 100)")


def run_verb(arguments: argparse.Namespace) -> int:
    """Carry out `world` as parsed; return the exit status."""
    var = arguments.var.resolve()
    if arguments.show:
        return show(var)
    if arguments.stop:
        return stop(var)
    chosen = Settings(
        var=var,
        airflow=arguments.airflow,
        airflow_port=arguments.airflow_port,
        aws_port=arguments.aws_port,
        dns_port=arguments.dns_port,
        symbols=arguments.symbols,
        members=arguments.members,
        customers=arguments.customers,
        rate=arguments.rate,
        seed=arguments.seed,
        keep=arguments.keep,
        day_s=arguments.day_s,
        reports=arguments.reports.resolve() if arguments.reports else None,
    )
    return run_world(exchange_plan(with_free_ports(chosen)), arguments.command)


def with_free_ports(settings: Settings) -> Settings:
    """Replace each port 0 by a free one."""
    return replace(
        settings,
        airflow_port=settings.airflow_port or free_port(),
        aws_port=settings.aws_port or free_port(),
        dns_port=settings.dns_port or free_port(),
    )
