from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine.feed import Feed
from engine.market_data import FeedReader
from engine.wire import Print, Quote

QUOTE = Quote(2, 1, 10, 99, 5, 101, 6)
LATER = Quote(2, 1, 12, 99, 5, 101, 1)
OTHER = Quote(3, 1, 4, 1, 1, 2, 2)
TRADE = Print(2, 1, 11, 101, 5)


async def end_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_a_newcomer_gets_the_last_quote_of_each_instrument_and_then_what_is_published() -> None:
    feed = Feed()
    port = await feed.open("127.0.0.1", 0)
    for quote in (QUOTE, OTHER, LATER):
        feed.remember(quote.number, quote.pack())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    known = await reader.readexactly(2 * Quote.FORMAT.size)
    feed.publish(TRADE.pack())
    assert known == LATER.pack() + OTHER.pack()
    assert await reader.readexactly(Print.FORMAT.size) == TRADE.pack()
    feed.close()
    writer.close()


async def test_a_slow_subscriber_is_dropped_and_the_others_are_not() -> None:
    feed = Feed(max_backlog_bytes=1000)
    port = await feed.open("127.0.0.1", 0)
    feed.remember(QUOTE.number, QUOTE.pack())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readexactly(Quote.FORMAT.size)
    feed.publish(TRADE.pack() * 1_000_000)
    assert feed.subscribers == 0
    await end_of(reader)
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readexactly(Quote.FORMAT.size)
    feed.publish(TRADE.pack())
    assert feed.subscribers == 1
    feed.close()
    writer.close()


@pytest.mark.parametrize("step", [1, 7, 40, 1000])
def test_the_reader_passes_on_whole_messages_whatever_the_reads_boundaries(step: Any) -> None:
    passed: list[bytes] = []
    remembered: dict[int, bytes] = {}
    feed: Any = SimpleNamespace(publish=passed.append, remember=remembered.__setitem__)
    reader = FeedReader(feed)
    stream = QUOTE.pack() + TRADE.pack() + OTHER.pack() + LATER.pack()
    for start in range(0, len(stream), step):
        reader.read(stream[start : start + step])
    assert b"".join(passed) == stream
    assert remembered == {2: LATER.pack(), 3: OTHER.pack()}
    assert all(len(piece) >= Print.FORMAT.size for piece in passed)


def test_the_reader_refuses_what_is_no_market_data() -> None:
    with pytest.raises(ValueError, match="type 65"):
        FeedReader(Feed()).read(b"A" * 60)
