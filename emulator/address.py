"""Each task's own loopback address, as awsvpc gives each task an interface.

The pool is 127.<port high byte>.<port low byte>.1-254 of the emulator's API port, so that two emulators on one
machine never hand out the same address.
"""

from __future__ import annotations

import socket
from collections import deque

LAST_HOST = 254


class NoAddressError(Exception):
    """No free address, or the machine does not let us bind 127.x.y.z (macOS needs aliases)."""


class Pool:
    """Free addresses; a released one goes to the end of the queue."""

    def __init__(self, port: int) -> None:
        high, low = divmod(port, 256)
        self._free = deque(f"127.{high}.{low}.{host}" for host in range(1, LAST_HOST + 1) if (high, low) != (0, 0))

    def take(self) -> str:
        """Return a free address that can be bound.

        Raises:
            NoAddressError: the pool is empty or the address cannot be bound.
        """
        if not self._free:
            message = f"all {LAST_HOST} task addresses are in use"
            raise NoAddressError(message)
        address = self._free.popleft()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError as refused:
                self._free.append(address)
                message = f"cannot bind {address}: {refused.strerror}"
                raise NoAddressError(message) from refused
        return address

    def release(self, address: str) -> None:
        """Give an address back."""
        self._free.append(address)
