"""What is traded here, and is it open: the task behind the exchange's public name."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from engine import clock
from engine.address import own_address
from engine.listing import Instrument
from engine.resolver import NameNotFoundError, resolve
from engine.status import ask_status
from engine.stop import stop_event

__all__ = ["Directory", "serve_directory"]

LOG = logging.getLogger(__name__)
CACHE_NS = 500_000_000
MAX_ASK_BYTES = 4096
ASKS = ("listing", "heartbeat")


class Directory:
    """Answers asks, one JSON line each; open means that every engine says so for this site and epoch."""

    def __init__(
        self,
        *,
        site: str,
        environment: str,
        epoch: int,
        instruments: Sequence[Instrument],
        engines: Sequence[str],
        status_port: int,
    ) -> None:
        self._site = site
        self._environment = environment
        self._epoch = epoch
        self._engines = tuple(engines)
        self._status_port = status_port
        self._listing = [_entry(instrument) for instrument in instruments]
        self._open = False
        self._asked_ns: int | None = None
        self._lock = asyncio.Lock()

    async def open(self, host: str, port: int) -> asyncio.Server:
        """Listen for asks."""
        return await asyncio.start_server(self._serve, host, port, limit=MAX_ASK_BYTES)

    async def answer(self, ask: dict[str, Any]) -> dict[str, Any]:
        """The answer to one ask; nanoseconds are strings, as JSON numbers lose them above 2**53."""
        state = "open" if await self._is_open() else "closed"
        answer: dict[str, Any] = {
            "site": self._site,
            "environment": self._environment,
            "epoch": self._epoch,
            "state": state,
            "sent_ns": ask.get("sent_ns"),
            "now_ns": str(clock.now_ns()),
        }
        if ask["ask"] == "listing":
            answer["instruments"] = self._listing
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = await self.answer(_parse(line))
                writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError) as error:
            LOG.warning("ask of %s: %s", writer.get_extra_info("peername"), error)
        finally:
            writer.close()

    async def _is_open(self) -> bool:
        """Asked at most twice a second however many members ask; late comers share the question under way."""
        async with self._lock:
            if self._asked_ns is None or clock.lease_ns() - self._asked_ns > CACHE_NS:
                answers = await asyncio.gather(*(self._engine_is_open(name) for name in self._engines))
                self._open = bool(answers) and all(answers)
                self._asked_ns = clock.lease_ns()
            return self._open

    async def _engine_is_open(self, name: str) -> bool:
        try:
            addresses = await resolve(name)
            answers = await asyncio.gather(*(ask_status(address, self._status_port) for address in addresses))
        except (NameNotFoundError, OSError, ValueError):
            return False
        return all(self._is_ours(answer) and answer.get("state") == "open" for answer in answers)

    def _is_ours(self, answer: dict[str, Any]) -> bool:
        expected = (self._site, self._environment, self._epoch)
        return (answer.get("site"), answer.get("environment"), answer.get("epoch")) == expected


async def serve_directory(directory: Directory, address: str | None, port: int) -> None:
    """Run the task until SIGTERM or SIGINT."""
    stop = stop_event()
    server = await directory.open(address or await own_address(), port)
    await stop.wait()
    server.close()


def _entry(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "number": instrument.number,
        "lot": instrument.lot,
        "reference_price": instrument.reference_price,
        "test": instrument.test,
    }


def _parse(line: bytes) -> dict[str, Any]:
    ask = json.loads(line)
    if not isinstance(ask, dict) or ask.get("ask") not in ASKS:
        raise ValueError(f"expected an object with ask = {' | '.join(ASKS)}, found {line[:80]!r}")
    return ask
