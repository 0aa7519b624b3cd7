"""Market data to whoever connects: the engine's own feed and the market-data task's fan-out are the same thing."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

__all__ = ["Feed"]

LOG = logging.getLogger(__name__)
MAX_BACKLOG_BYTES = 4 << 20


class Feed:
    """A set of subscribers, and the last quote of each instrument for those who come later."""

    def __init__(self, *, max_backlog_bytes: int = MAX_BACKLOG_BYTES) -> None:
        self._subscribers: set[_Subscriber] = set()
        self._quotes: dict[int, bytes] = {}
        self._max_backlog_bytes = max_backlog_bytes
        self._server: asyncio.Server | None = None

    @property
    def subscribers(self) -> int:
        """How many are connected now."""
        return len(self._subscribers)

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port (of use when `port` is 0)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Subscriber(self), host, port, reuse_address=True)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening and let every subscriber go once it has what was published."""
        if self._server is not None:
            self._server.close()
        for subscriber in tuple(self._subscribers):
            subscriber.transport.close()

    def remember(self, number: int, quote: bytes) -> None:
        """Keep the last quote of instrument `number` for newcomers."""
        self._quotes[number] = quote

    def publish(self, messages: bytes) -> None:
        """Send whole messages to everybody; drop whoever is more than the allowed backlog behind."""
        for subscriber in tuple(self._subscribers):
            subscriber.transport.write(messages)
            behind = subscriber.transport.get_write_buffer_size()
            if behind > self._max_backlog_bytes:
                LOG.warning("subscriber %s dropped: %d bytes behind", subscriber.peer, behind)
                self._subscribers.discard(subscriber)
                subscriber.transport.abort()

    def join(self, subscriber: _Subscriber) -> None:
        """Add a newcomer and give it the last quote of every instrument."""
        if self._quotes:
            subscriber.transport.write(b"".join(self._quotes.values()))
        self._subscribers.add(subscriber)

    def leave(self, subscriber: _Subscriber) -> None:
        """Forget a subscriber whose connection has ended."""
        self._subscribers.discard(subscriber)


class _Subscriber(asyncio.Protocol):
    """One connection; whatever it sends is ignored: there is no login."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.transport: asyncio.Transport
        self.peer = "?"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.peer = str(transport.get_extra_info("peername"))
        self._feed.join(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol's signature
        self._feed.leave(self)
