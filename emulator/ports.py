"""The two loopback sockets, bound before anything slow is imported."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


class PortTakenError(Exception):
    """A port of ours is in use."""


@contextlib.contextmanager
def bound(kind: socket.SocketKind, port: int) -> Iterator[socket.socket]:
    """Hold a socket of 127.0.0.1.

    Raises:
        PortTakenError: somebody else has the port.
    """
    opened = socket.socket(socket.AF_INET, kind)
    try:
        if kind is socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind(("127.0.0.1", port))
            if kind is socket.SOCK_STREAM:
                opened.listen(1024)
        except OSError as taken:
            name = "TCP" if kind is socket.SOCK_STREAM else "UDP"
            message = f"127.0.0.1:{port}/{name} cannot be bound ({taken.strerror}); is another emulator running?"
            raise PortTakenError(message) from taken
        opened.setblocking(False)
        yield opened
    finally:
        opened.close()
