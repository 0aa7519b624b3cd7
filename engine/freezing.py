"""The freeze before the exchange goes home: a site stops taking commands at a seq, empties itself, and says where.

The order is an object of the control folder, `epoch=E/freeze.json`. Each open symbol cuts its journal there, with a
checkpoint and a snapshot; when everything is confirmed, `frozen.json` beside the symbol's results tells seq, digest and
the digest of the last frame, sessions end, and the site is *frozen*: what members send meanwhile is taken by nobody and
answered by nobody. Taking the order away thaws the site: it trades on as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from engine import clock
from engine.sequencer import Sequencer, SequencerState
from engine.site import Site, SiteState
from engine.storage import Store

__all__ = ["Freezing", "Frozen"]

LOG = logging.getLogger(__name__)
POLL_S: Final = 0.25


class Frozen(msgspec.Struct, frozen=True):
    """`frozen.json`: the state at which a symbol stopped. `halted`: it had stopped before, and has no such state."""

    symbol: str
    epoch: int
    seq: int
    digest: str
    last_frame: str
    asked_ns: str
    at_ns: str
    halted: bool = False


class Freezing:
    """Follows the order for one task; `drop_sessions` tells the members to look elsewhere."""

    def __init__(
        self,
        *,
        site: Site,
        control: Store,
        recovered: Store,
        drop_sessions: Callable[[str], None],
        poll_s: float = POLL_S,
    ) -> None:
        """`control` is read, `recovered` (the folder of all epochs' results) is written."""
        self._site = site
        self._control = control
        self._recovered = recovered
        self._drop_sessions = drop_sessions
        self._poll_s = poll_s

    async def keep(self) -> None:
        """Look for the order for ever; a store in trouble is asked again."""
        while True:
            try:
                ordered = await asyncio.to_thread(self._ordered)
                if ordered and self._site.state is SiteState.OPEN:
                    await self._freeze()
                elif not ordered and self._site.state is SiteState.FROZEN:
                    self._thaw()
            except Exception as error:  # noqa: BLE001 - whatever the store raises, it is asked again
                LOG.warning("freeze: %s: %s", type(error).__name__, error)
            await asyncio.sleep(self._poll_s)

    def _ordered(self) -> bool:
        key = f"epoch={self._site.epoch}/freeze.json"
        return any(entry.key == key for entry in self._control.list(key))

    async def _freeze(self) -> None:
        asked_ns = clock.now_ns()
        marked = [(sequencer, sequencer.freeze()) for sequencer in self._site.sequencers.values()]
        await asyncio.gather(*(sequencer.drain() for sequencer, _ in marked))
        self._site.advance(SiteState.FROZEN)
        self._drop_sessions("the site is frozen: the exchange goes home")
        for sequencer, mark in marked:
            frozen = self._frozen(sequencer, mark.digest if mark else b"", asked_ns)
            key = f"epoch={frozen.epoch}/{frozen.symbol}/frozen.json"
            await asyncio.to_thread(self._recovered.put, key, msgspec.json.encode(frozen))
        LOG.info("%s: frozen, %d symbols", self._site.name, len(marked))

    def _frozen(self, sequencer: Sequencer, digest: bytes, asked_ns: int) -> Frozen:
        halted = sequencer.state != SequencerState.OPEN or sequencer.committed_seq != sequencer.seq
        return Frozen(
            symbol=sequencer.instrument.symbol,
            epoch=self._site.epoch,
            seq=sequencer.committed_seq,
            digest="" if halted else digest.hex(),
            last_frame=sequencer.last_frame.hex(),
            asked_ns=str(asked_ns),
            at_ns=str(clock.now_ns()),
            halted=halted,
        )

    def _thaw(self) -> None:
        for sequencer in self._site.sequencers.values():
            sequencer.thaw()
        self._site.advance(SiteState.OPEN)
        LOG.warning("%s: thawed, trades on in epoch %d", self._site.name, self._site.epoch)
