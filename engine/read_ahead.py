"""Objects before they are asked for: while one is verified and matched, the next ones are fetched.

Memory is bounded: by `OBJECTS` small ones, of `WINDOW` bytes together, and by two pieces of a large one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from engine.storage import CHUNK, Entry, Store

__all__ = ["read_ahead"]

THREADS: Final = 4
OBJECTS: Final = 2 * THREADS
WINDOW: Final = 4 * CHUNK
"""Bytes of objects of at most one piece that may be under way or wait."""


def read_ahead(store: Store, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Each entry with its object in pieces; an object's error is raised when its pieces are asked for."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
    waiting: deque[tuple[Entry, Future[list[bytes]] | None]] = deque()
    under_way, source = 0, iter(entries)
    try:
        while True:
            while len(waiting) < OBJECTS and under_way < WINDOW and (entry := next(source, None)) is not None:
                small = entry.size <= CHUNK
                waiting.append((entry, pool.submit(_whole, store, entry.key) if small else None))
                under_way += entry.size
            if not waiting:
                return
            entry, future = waiting.popleft()
            yield entry, _fetched(future) if future else _pumped(pool, store.chunks(entry.key))
            under_way -= entry.size
    finally:
        pool.shutdown(cancel_futures=True)


def _whole(store: Store, key: str) -> list[bytes]:
    return list(store.chunks(key))


def _fetched(future: Future[list[bytes]]) -> Iterator[bytes]:
    yield from future.result()


def _pumped(pool: ThreadPoolExecutor, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, each fetched while the one before it is in use."""
    coming = pool.submit(next, pieces, None)
    while (piece := coming.result()) is not None:
        coming = pool.submit(next, pieces, None)
        yield piece
