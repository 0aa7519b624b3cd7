"""One local process per container: started, watched, stopped, never outliving the emulator."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

INHERITED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(slots=True)
class Container:
    """A running process and what it needs to be reported."""

    name: str
    process: subprocess.Popen[bytes]
    essential: bool
    pid_file: Path

    def exit_code(self) -> int | None:
        """Return docker's exit code: 128 + signal for a killed process, None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        return 128 - code if code < 0 else code

    def signal(self, number: int) -> None:
        """Signal the container's whole process group; one that is gone is fine."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Kill what the exited process left behind in its group and forget the pid file."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)


def base_environment() -> dict[str, str]:
    """What every container gets: a PATH whose `python` is ours, and nothing of the parent's AWS settings."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # Not resolved: in a virtual environment the link's directory is what makes `python` find its packages.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return kept | {
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _die_with_parent() -> None:
    """Run in the child before exec: SIGKILL when the thread that started it dies."""
    assert _LIBC is not None
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one container."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    essential: bool
    root: Path
    log: Path
    pid_file: Path


def start(launch: Launch) -> Container:
    """Start a container's process; call it from a thread that lives as long as the emulator.

    Raises:
        OSError: there is no such command.
    """
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    with launch.log.open("ab") as log:
        process = subprocess.Popen(
            list(launch.command),
            cwd=launch.root,
            env=dict(launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if _LIBC is not None else None,  # noqa: PLW1509 - one C call, no Python locks
        )
    launch.pid_file.write_text(f"{process.pid} {_born(process.pid)}\n")
    return Container(launch.name, process, launch.essential, launch.pid_file)


def _born(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0


def sweep(folder: Path) -> list[int]:
    """Kill what a crashed emulator left behind, by pid file and start time; returns the pids."""
    killed = []
    for path in sorted(folder.glob("*.pid")):
        pid, born = path.read_text().split()
        if _born(int(pid)) == float(born):
            with suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)
                killed.append(int(pid))
        path.unlink()
    return killed
