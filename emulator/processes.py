"""The processes of a world: started in sessions of their own, recorded, stopped, and proven gone.

A record (`<name>.json`) holds pid and creation time, because a pid alone may since belong to a stranger. What a child
starts in turn is found by its session and by the world's mark in its environment: a child leaves nothing unseen.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "AEX_WORLD"
"""Environment name that every process of a world carries; its value is the world's own random id."""

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_STEP_S: Final = 0.05
_ORPHAN_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: a name (also of its log and its record), the argument list, additions to the environment.

    `nice` is how far it stands back where all share few cores (nice(2)).
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    nice: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """A process by pid and creation time (seconds since 1970, as the kernel tells it)."""

    name: str
    pid: int
    create_time: float

    def alive(self) -> bool:
        """Say whether this very process still runs; a zombie does not, nor does a stranger with the same pid."""
        try:
            found = psutil.Process(self.pid)
            return found.create_time() == self.create_time and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(slots=True)
class Child:
    """A started command."""

    command: Command
    record: Record
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        """The command's name."""
        return self.command.name

    def status(self) -> int | None:
        """Return the exit status (negative: the signal that ended it), or None while it runs."""
        return self.popen.poll()

    def last_lines(self, count: int) -> list[str]:
        """Return the last non-empty lines of its log."""
        with self.log.open("rb") as handle:
            handle.seek(max(0, self.log.stat().st_size - 65536))
            lines = handle.read().decode("utf-8", "replace").splitlines()
        return [line.rstrip() for line in lines if line.strip()][-count:]


def die_with_parent(nice: int = 0) -> Callable[[], None] | None:
    """Return the hook that asks Linux for a SIGTERM when the supervisor ends in whatever way; elsewhere None.

    `kill -9` of the supervisor leaves it no chance to stop anything, so the kernel does.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # loaded before the fork: only a system call happens after it
    parent = os.getpid()

    def hook() -> None:
        os.nice(nice)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended between fork and prctl
            os.kill(os.getpid(), signal.SIGTERM)

    return hook


class Roster:
    """Starts the children of one world and keeps their records under `directory`."""

    def __init__(self, directory: Path, mark: str) -> None:
        self.directory = directory
        self.mark = mark
        self.children: list[Child] = []
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, command: Command, *, env: Mapping[str, str], log: Path) -> Child:
        """Start a command in a session of its own and record it; what its log held is in `<name>.log.1` from now on."""
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command.argv,
                env={**env, **command.env, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(command.nice),  # noqa: PLW1509 - the supervisor has a single thread
            )
        child = Child(command, _record(command.name, popen.pid), popen, log)
        self.children.append(child)
        write_record(self.directory, child.record)
        return child

    def stop(self, children: Iterable[Child], *, grace_s: float) -> list[str]:
        """Stop children together, then what they left; SIGTERM first, SIGKILL after the grace; return who needed it.

        A third of the grace later they and their kin are asked again. Another third later the kin are told by SIGHUP
        that they are alone: Airflow's scheduler waits for its idle workers, now and then for ever, and these have
        inherited a handler that ignores SIGTERM; the scheduler ends when they do.
        """
        ours = list(children)
        kin = family([child.record for child in ours], mark=None)
        pids = {child.record.pid for child in ours}
        leaders = [found for found in kin if found.pid in pids]
        ask_to_stop(leaders)
        _, patient = psutil.wait_procs(leaders, timeout=grace_s / 3)
        if patient:
            ask_to_stop(kin)
            _, patient = psutil.wait_procs(patient, timeout=grace_s / 3)
        if patient:
            hang_up(found for found in kin if found.pid not in pids)
        killed = end(leaders, grace_s=grace_s / 3)
        ask_to_stop(kin)
        killed += end(kin, grace_s=_ORPHAN_GRACE_S)
        for child in ours:
            child.popen.wait()
            (self.directory / f"{child.name}.json").unlink(missing_ok=True)
        return killed


def _record(name: str, pid: int) -> Record:
    try:
        return Record(name, pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:  # it ended at once and somebody else reaped it
        return Record(name, pid, 0.0)


def write_record(directory: Path, record: Record) -> None:
    """Write `<name>.json` in one step, so that a reader never sees half of it."""
    path = directory / f"{record.name}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"name": record.name, "pid": record.pid, "create_time": record.create_time}) + "\n")
    draft.replace(path)


def read_records(directory: Path) -> list[Record]:
    """Read every record below a directory; a file that is no record (another part's, or torn) is passed over."""
    found = []
    for path in sorted(directory.rglob("*.json")):
        try:
            content = json.loads(path.read_bytes())
            found.append(
                Record(str(content.get("name", path.stem)), int(content["pid"]), float(content["create_time"]))
            )
        except (ValueError, KeyError, TypeError, AttributeError, FileNotFoundError):
            continue
    return found


def family(records: Iterable[Record], *, mark: str | None) -> list[psutil.Process]:
    """Return every live process of ours but the caller: recorded or descended, of a recorded session, or marked."""
    leaders = {record.pid: record for record in records}
    known = {found.pid: found for record in leaders.values() for found in _descendants(record)}
    kin = (found for found in psutil.process_iter() if found.pid != os.getpid() and _is_kin(found, leaders, mark))
    return list((known | {found.pid: found for found in kin}).values())


def _descendants(leader: Record) -> list[psutil.Process]:
    """Return what a recorded process has started: also what has a session and an environment of its own."""
    try:
        return psutil.Process(leader.pid).children(recursive=True) if leader.alive() else []
    except psutil.NoSuchProcess:
        return []


def _is_kin(found: psutil.Process, leaders: Mapping[int, Record], mark: str | None) -> bool:
    try:
        if found.status() == psutil.STATUS_ZOMBIE or found.uids().real != os.getuid():
            return False
        return _in_session(found, leaders) or (mark is not None and found.environ().get(MARK) == mark)
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
        return False


def _in_session(found: psutil.Process, leaders: Mapping[int, Record]) -> bool:
    """Say whether a process is a recorded one or a member of the session that a recorded one leads or led.

    The kernel gives a pid out again only when no session of that number is left. So a living pid with another creation
    time means that the session we knew is gone, and its members are strangers.
    """
    leader = leaders.get(os.getsid(found.pid)) or leaders.get(found.pid)
    if leader is None or found.create_time() < leader.create_time:
        return False
    return leader.alive() or not psutil.pid_exists(leader.pid) or _is_own_zombie(leader)


def _is_own_zombie(leader: Record) -> bool:
    try:
        found = psutil.Process(leader.pid)
        return found.create_time() == leader.create_time
    except psutil.NoSuchProcess:
        return True


def end(processes: Iterable[psutil.Process], *, grace_s: float) -> list[str]:
    """Wait for processes that were asked to stop; kill what outlives the grace and return those as `name (pid)`."""
    alive = _still_alive(processes)
    deadline = time.monotonic() + grace_s
    while alive and time.monotonic() < deadline:
        time.sleep(_STEP_S)
        alive = _still_alive(alive)
    killed = [f"{_title(found)} ({found.pid})" for found in alive]
    for found in alive:
        _signal(found, signal.SIGKILL)
    while alive := _still_alive(alive):  # SIGKILL cannot be refused; only the kernel's own delay is waited for
        time.sleep(_STEP_S)
    return killed


def ask_to_stop(processes: Iterable[psutil.Process]) -> None:
    """Send SIGTERM to each process that is still there."""
    for found in processes:
        _signal(found, signal.SIGTERM)


def hang_up(processes: Iterable[psutil.Process]) -> None:
    """Send SIGHUP to each process that is still there; few take it over, so it ends those that ignore SIGTERM."""
    for found in processes:
        _signal(found, signal.SIGHUP)


def _signal(found: psutil.Process, number: signal.Signals) -> None:
    try:
        found.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _still_alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [found for found in processes if _runs(found)]


def _runs(found: psutil.Process) -> bool:
    try:
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _title(found: psutil.Process) -> str:
    try:
        return " ".join(found.cmdline()[:4]) or found.name()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "process"
