"""The exchange's directory (port 7200): who is listed, and is anybody there. One JSON line per question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

PORT = 7200


class BadAnswerError(ValueError):
    """The directory said something that is not an answer: host and line are named."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An instrument as the directory publishes it. Prices in ticks, quantities in multiples of `lot`."""

    symbol: str
    number: int
    lot: int
    reference_price: int
    test: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the directory, with the asker's own times around it (ns since 1970)."""

    site: str
    epoch: int
    state: str
    now_ns: int
    sent_ns: int
    received_ns: int
    instruments: tuple[Listed, ...]

    @property
    def offset_ns(self) -> int:
        """The host's clock minus ours, by the midpoint of question and answer."""
        return self.now_ns - (self.sent_ns + self.received_ns) // 2


class Line:
    """An open connection to a directory; several questions may follow each other on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self.host = host

    @classmethod
    async def connect(cls, host: str, port: int = PORT) -> Line:
        """Connect to `host`."""
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
        return cls(reader, writer, host)

    async def ask(self, question: str, clock: Callable[[], int]) -> Answer:
        """`question`: "listing" or "heartbeat"; `clock()` gives ns since 1970."""
        sent_ns: int = clock()
        self._writer.write(msgspec.json.encode({"ask": question, "sent_ns": str(sent_ns)}) + b"\n")
        await self._writer.drain()
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError(f"directory {self.host} closed the connection before it answered {question}")
        return parse(line, host=self.host, sent_ns=sent_ns, received_ns=clock())

    def close(self) -> None:
        """Drop the connection."""
        self._writer.close()


def parse(line: bytes, *, host: str, sent_ns: int, received_ns: int) -> Answer:
    """Parse an answer line; raises BadAnswerError. Moments may come as strings (53-bit readers) or as integers."""
    try:
        raw = msgspec.json.decode(line)
        listed = tuple(
            Listed(one["symbol"], int(one["number"]), int(one["lot"]), int(one["reference_price"]), bool(one["test"]))
            for one in raw.get("instruments", ())
        )
        epoch, now_ns = int(raw["epoch"]), int(raw["now_ns"])
        return Answer(raw["site"], epoch, raw["state"], now_ns, sent_ns, received_ns, listed)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswerError(f"directory {host}: not an answer: {line[:120]!r}: {error!r}") from error
