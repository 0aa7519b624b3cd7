"""Recovery points of planned exercises: at a registered moment each symbol cuts its journal and says where.

The order is an object of the control folder, `epoch=E/marks/<drill>.json`. At the first command boundary after its
moment a symbol ends a frame there with a checkpoint; once that frame is confirmed, the task writes down seq, digest
and times of all its symbols, `epoch=E/marks/<drill>/<its first symbol>.json` in the folder of results. Trading goes on.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import PurePosixPath
from typing import Final

import msgspec

from engine import clock
from engine.sequencer import Sequencer, SequencerState
from engine.site import Site
from engine.storage import Store

__all__ = ["Mark", "MarkOrder", "Marked", "Marks"]

LOG = logging.getLogger(__name__)
POLL_S: Final = 0.5
WAIT_S: Final = 0.01
LATE_NS: Final = 60_000_000_000
"""An order whose moment is longer ago was another life's of this site: nobody waits for it any more."""


class MarkOrder(msgspec.Struct, frozen=True):
    """`control/epoch=E/marks/<drill>.json`: the registered moment, UTC nanoseconds as a string."""

    drill: str
    at_ns: str


class Mark(msgspec.Struct, frozen=True):
    """One symbol's recovery point: the state after `seq` had this digest (hex). `halted`: it does not trade.

    `at_ns` is the engine's clock at the boundary, `committed_ns` when the journal had everything up to it.
    """

    seq: int
    digest: str
    at_ns: str
    committed_ns: str
    halted: bool = False


class Marked(msgspec.Struct, frozen=True):
    """What a task writes down for one drill."""

    drill: str
    ordered_ns: str
    symbols: dict[str, Mark]


class Marks:
    """Follows the orders of one task's epoch; each is obeyed once."""

    def __init__(self, *, site: Site, control: Store, recovered: Store, poll_s: float = POLL_S) -> None:
        """`control` is read, `recovered` (the folder of all epochs' results) is written."""
        self._site = site
        self._control = control
        self._recovered = recovered
        self._poll_s = poll_s
        self._seen: set[str] = set()

    async def keep(self) -> None:
        """Look for orders for ever; a store in trouble is asked again."""
        while True:
            try:
                for key in await asyncio.to_thread(self._fresh):
                    await self._obey(key)
            except Exception as error:  # noqa: BLE001 - whatever the store raises, trading must go on
                LOG.warning("marks: %s: %s", type(error).__name__, error)
            await asyncio.sleep(self._poll_s)

    def _fresh(self) -> list[str]:
        prefix = f"epoch={self._site.epoch}/marks/"
        return [entry.key for entry in self._control.list(prefix) if entry.key not in self._seen]

    async def _obey(self, key: str) -> None:
        content = await asyncio.to_thread(self._control.get, key)
        self._seen.add(key)  # one that cannot be read is no reason to look at it again
        order = msgspec.json.decode(content, type=MarkOrder)
        at_ns = int(order.at_ns)
        if clock.now_ns() - at_ns > LATE_NS:
            LOG.warning("mark of drill %s: its moment has passed, nothing is marked", order.drill)
            return
        while (left_ns := at_ns - clock.now_ns()) > 0:  # noqa: ASYNC110 - a moment of the wall clock, which sets no event
            await asyncio.sleep(left_ns / 1e9)
        marked = await self._mark(order)
        content = msgspec.json.encode(marked)
        name = f"epoch={self._site.epoch}/marks/{PurePosixPath(key).stem}/{self._site.instruments[0].symbol}.json"
        await asyncio.to_thread(self._recovered.put, name, content)
        LOG.info("%s: %d symbols marked for drill %s", self._site.name, len(marked.symbols), order.drill)

    async def _mark(self, order: MarkOrder) -> Marked:
        """One symbol after the other: a digest takes its time, and the others' commands go on meanwhile."""
        boundaries: dict[str, tuple[Sequencer | None, int, str, int]] = {}
        for listed in self._site.instruments:
            sequencer = self._site.sequencers.get(listed.number)
            if sequencer is None or sequencer.state != SequencerState.OPEN:
                boundaries[listed.symbol] = (None, 0, "", clock.now_ns())
                continue
            here = sequencer.mark()
            boundaries[listed.symbol] = (sequencer, here.seq, here.digest.hex(), clock.now_ns())
            await asyncio.sleep(0)
        return Marked(
            drill=order.drill,
            ordered_ns=order.at_ns,
            symbols={symbol: await _committed(*boundary) for symbol, boundary in boundaries.items()},
        )


async def _committed(sequencer: Sequencer | None, seq: int, digest: str, at_ns: int) -> Mark:
    """The mark, once the journal has everything up to it; a symbol that halts before has none to show."""
    while sequencer is not None and sequencer.state == SequencerState.OPEN and sequencer.committed_seq < seq:  # noqa: ASYNC110
        await asyncio.sleep(WAIT_S)
    halted = sequencer is None or sequencer.committed_seq < seq
    return Mark(seq=seq, digest=digest, at_ns=str(at_ns), committed_ns=str(clock.now_ns()), halted=halted)
