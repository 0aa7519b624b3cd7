"""The market-data task: one feed made of every engine's feed, fanned out to whoever connects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from engine.address import own_address
from engine.feed import Feed
from engine.ports import Ports
from engine.resolver import NameNotFoundError, resolve
from engine.stop import stop_event
from engine.wire import FROM_MARKET_DATA, Quote

__all__ = ["FeedReader", "follow_engines", "serve_market_data"]

LOG = logging.getLogger(__name__)
READ_BYTES = 1 << 16
RETRY_S = 0.5
RESOLVE_EVERY_S = 2.0
_SIZES = {message.TYPE: message.FORMAT.size for message in FROM_MARKET_DATA}


class FeedReader:
    """Cuts one engine's stream into whole messages, notes the last quotes, and passes the bytes on."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._rest = b""

    def read(self, data: bytes) -> None:
        """Pass on every complete message of the stream so far, as one piece.

        Raises:
            ValueError: a type that is no market data; the stream cannot be trusted any further.
        """
        buffer = self._rest + data
        position = 0
        while position < len(buffer):
            kind = buffer[position]
            if kind not in _SIZES:
                raise ValueError(f"unexpected message of type {kind}")
            end = position + _SIZES[kind]
            if end > len(buffer):
                break
            if kind == Quote.TYPE:
                number = buffer[position + 1] | buffer[position + 2] << 8
                self._feed.remember(number, buffer[position:end])
            position = end
        self._rest = buffer[position:]
        if position:
            self._feed.publish(buffer[:position])


async def serve_market_data(names: Sequence[str], address: str | None, ports: Ports) -> None:
    """Run the task until SIGTERM or SIGINT; the engines' feeds and its own are on the same port of other addresses."""
    stop = stop_event()
    feed = Feed()
    await feed.open(address or await own_address(), ports.feed)
    following = asyncio.create_task(follow_engines(names, ports.feed, feed))
    await stop.wait()
    following.cancel()
    feed.close()


async def follow_engines(names: Sequence[str], port: int, feed: Feed) -> None:
    """Follow every engine of every name for ever; a name may have one address per task, and they change."""
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(_follow_name(name, port, feed))


async def _follow_name(name: str, port: int, feed: Feed) -> None:
    following: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            following = {address: task for address, task in following.items() if not task.done()}
            for address in await _addresses(name):
                if address not in following:
                    following[address] = asyncio.create_task(_follow(name, address, port, feed))
            await asyncio.sleep(RESOLVE_EVERY_S if following else RETRY_S)
    finally:
        for task in following.values():
            task.cancel()


async def _addresses(name: str) -> tuple[str, ...]:
    try:
        return await resolve(name)
    except NameNotFoundError:
        return ()


async def _follow(name: str, address: str, port: int, feed: Feed) -> None:
    """One connection, from its beginning to its end; whoever calls looks the name up again before the next one."""
    try:
        reader, writer = await asyncio.open_connection(address, port)
    except OSError:
        await asyncio.sleep(RETRY_S)
        return
    LOG.info("following %s at %s:%d", name, address, port)
    stream = FeedReader(feed)
    try:
        while data := await reader.read(READ_BYTES):
            stream.read(data)
    except (OSError, ValueError) as error:
        LOG.warning("feed of %s at %s: %s", name, address, error)
    finally:
        writer.close()
    LOG.info("feed of %s at %s ended", name, address)
