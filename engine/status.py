"""One JSON line on what an engine task is doing, to whoever connects; then the connection closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

__all__ = ["ask_status", "serve_status"]

MAX_LINE_BYTES = 1 << 20


async def serve_status(describe: Callable[[], dict[str, Any]], host: str, port: int) -> asyncio.Server:
    """Answer every connection with `describe()`, taken at that moment."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(describe(), separators=(",", ":")).encode() + b"\n")
        try:
            await writer.drain()
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)


async def ask_status(host: str, port: int, *, timeout_s: float = 1.0) -> dict[str, Any]:
    """The status line of one engine.

    Raises:
        OSError: no connection, or no answer in time (TimeoutError is one).
        ValueError: an answer that is no JSON object.
    """
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(host, port, limit=MAX_LINE_BYTES)
        try:
            line = await reader.readline()
        finally:
            writer.close()
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError(f"status of {host}:{port}: not an object")  # noqa: TRY004 - a bad value on the wire, not a bad call
    return document
