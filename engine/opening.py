"""The right to open a symbol: once per epoch, whoever asks.

A task that the scheduler replaces starts from genesis, or from the old epoch's journal, and would number its commands
from there again: the same seqs twice in one epoch's journal. So a task puts `<SYMBOL>/opened.json` into the epoch's
folder before it opens the symbol, on condition that nobody has. Where somebody has, the symbol stays closed: only a
new epoch, which starts where the journal of this one ends, may trade it again. The record says where the epoch starts
(`engine.lineage`), so it is the one place from which a reader learns how the epochs' journals join.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from engine import clock
from engine.errors import AlreadyExistsError
from engine.lineage import Link, Opened, opened_key
from engine.storage import Store

__all__ = ["Opening"]

LOG = logging.getLogger(__name__)
ASKED_AT_ONCE: Final = 10
"""As many connections as an S3 client keeps: 52 symbols take six round trips, well below a second across regions."""
PAUSE_S: Final = 0.25


class Opening:
    """Takes symbols for one task."""

    def __init__(self, *, store: Store, epoch: int, site: str, task: str, pause_s: float = PAUSE_S) -> None:
        """`store` is opened at the folder of all epochs, `.../recovered/`."""
        self._store = store
        self._epoch = epoch
        self._site = site
        self._task = task
        self._pause_s = pause_s

    async def take(self, symbols: Mapping[str, tuple[Link, ...]]) -> dict[str, Opened]:
        """Take the symbols, all at once; gives those that another task has opened, each with its record.

        `symbols` gives each one's lineage, of which this epoch is the last link. Waits for a store that fails: what
        cannot be taken must not open.
        """
        executor = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="opening")
        try:
            holders = await asyncio.gather(
                *(self._holder(executor, symbol, lineage) for symbol, lineage in symbols.items())
            )
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        return {symbol: holder for symbol, holder in holders if holder.task != self._task}

    async def _holder(self, executor: ThreadPoolExecutor, symbol: str, lineage: tuple[Link, ...]) -> tuple[str, Opened]:
        loop = asyncio.get_running_loop()
        said = ""
        while True:
            try:
                return symbol, await loop.run_in_executor(executor, self._put_or_read, symbol, lineage)
            except Exception as error:  # noqa: BLE001 - whatever the store raises: nobody knows who holds the symbol
                if str(error) != said:
                    said = str(error)
                    LOG.warning("%s: not taken yet: %s: %s", symbol, type(error).__name__, error)
            await asyncio.sleep(self._pause_s)

    def _put_or_read(self, symbol: str, lineage: tuple[Link, ...]) -> Opened:
        """The record that stands; a put that was repeated after a lost answer finds its own."""
        key = opened_key(self._epoch, symbol)
        mine = Opened(self._epoch, self._site, str(clock.now_ns()), self._task, lineage)
        try:
            self._store.put(key, msgspec.json.encode(mine), if_absent=True)
        except AlreadyExistsError:
            return _read(self._store.get(key))
        return mine


def _read(raw: bytes) -> Opened:
    """A record that cannot be read is somebody's all the same."""
    try:
        return msgspec.json.decode(raw, type=Opened)
    except msgspec.MsgspecError:
        return Opened(epoch=0, site="unknown", at_ns="0", task="unknown")
