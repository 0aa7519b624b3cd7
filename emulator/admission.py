"""What must hold before a world may boot: room on the disk, free ports, and no other world in the same place."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import Final

MINIMUM_FREE_BYTES: Final = 2 * 1024**3
"""A default drill writes well under 1 GiB (journal, captures, logs, database); the rest is margin."""


class WorldError(Exception):
    """A world that cannot boot or go on: `str()` is the one line to show, cause first, then what to do."""


def require_space(directory: Path, minimum: int = MINIMUM_FREE_BYTES) -> None:
    """Refuse when the disk that holds `directory` has less than `minimum` bytes left."""
    free = shutil.disk_usage(directory).free
    if free < minimum:
        raise WorldError(
            f"disk nearly full: {free / 1024**3:.1f} GiB free at {directory}, {minimum / 1024**3:.1f} GiB needed; "
            "make room, or choose another place with --var DIR"
        )


def require_port(port: int, option: str, *, udp: bool = False) -> None:
    """Refuse when somebody already listens on 127.0.0.1:port."""
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if not udp:  # a connection that has just ended does not make the port taken
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            cause = "in use" if error.errno == errno.EADDRINUSE else "not permitted"
            where = f"port {port}/{'udp' if udp else 'tcp'} is {cause} on 127.0.0.1"
            raise WorldError(f"{where}; choose another with {option} PORT (0: any free one)") from None


def free_port() -> int:
    """Return a port that is free for TCP and UDP on 127.0.0.1 now."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind(("127.0.0.1", 0))
            port = int(stream.getsockname()[1])
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Lock:
    """At most one world per `var`: an advisory lock that the kernel releases however its owner ends.

    The file's content (the owner's pid) is only for the message; what counts is the lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take_or_refuse(self, hint: str) -> None:
        """Take the lock, or refuse with its owner's pid and the hint when another process holds it."""
        if not self._take():
            raise WorldError(f"another world (pid {self._owner()}) {hint}")

    def _take(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def _owner(self) -> int | None:
        text = self.path.read_text().strip() if self.path.exists() else ""
        return int(text) if text.isdigit() else None

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
