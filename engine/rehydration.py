"""From the go-ahead to a recovered state: replay each symbol's journal, write down what came of it, wait to open.

All of it may be done again from the beginning: results have one key per symbol and are overwritten with equal
content (but for the times), so a task that was killed in mid-replay simply starts over.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from engine import clock
from engine.codec import GENESIS
from engine.errors import EngineError
from engine.lineage import LineageReader, Link, read_lineage
from engine.listing import Instrument
from engine.messages import Environment
from engine.replay import Comparison, Recovery, rebuild, unread
from engine.site import Site, SiteState
from engine.storage import Store, open_store
from engine.venue import Venue

__all__ = ["GoAhead", "Rehydrated", "Rehydration", "genesis"]

LOG = logging.getLogger(__name__)
POLL_S: Final = 0.25
RECOVERED: Final = "recovered"
SYMBOLS_AT_ONCE: Final = 4


class GoAhead(msgspec.Struct, frozen=True):
    """`control/epoch=E/recover.json`: up to which epoch to read the journal, in which drill.

    `recovery_points` holds the last seq of each symbol that a planned exercise looks at (inclusive); the market trades
    on above it. Absent: everything that there is.
    """

    from_epoch: int
    drill: str = ""
    recovery_points: dict[str, int] = msgspec.field(default_factory=dict)


class Rehydrated(msgspec.Struct, frozen=True):
    """A symbol's state to trade on from: the venue (with its seq) and the digest of the journal's last frame.

    `lineage` holds the epochs that it was recovered from, none at genesis.
    """

    instrument: Instrument
    venue: Venue
    last_frame: bytes
    lineage: tuple[Link, ...] = ()

    def opened_in(self, epoch: int) -> tuple[Link, ...]:
        """Its lineage when it opens in `epoch`."""
        return (*self.lineage, Link(epoch, self.venue.seq, self.last_frame.hex()))


def genesis(listed: Instrument) -> Rehydrated:
    """The state before the first command."""
    return Rehydrated(listed, Venue.listed(listed.symbol), GENESIS)


class Rehydration:
    """One task's recovery, driven by files in the control folder."""

    def __init__(
        self,
        *,
        site: Site,
        control: Store,
        journal: str,
        recovered: str,
        lineage: str | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        """Addresses of stores.

        Args:
            site: whose states are told.
            control: the control folder, of which `epoch=E/` is read.
            journal: the folder of all epochs' journals.
            recovered: the folder of all epochs' results, of which this epoch's are written.
            lineage: the folder that holds the records of the journal's epochs; an exercise has results of its own.
            poll_s: pause between two looks for a go-ahead.
        """
        self._lineage = lineage or recovered
        self._site = site
        self._control = control
        self._journal = journal
        self._recovered = recovered
        self._poll_s = poll_s

    async def run(self) -> list[Rehydrated]:
        """Wait for recover.json, recover every symbol, wait for open.json; gives the symbols that may trade."""
        site = self._site
        go_ahead = msgspec.json.decode(await self._wait_for("recover.json"), type=GoAhead)
        site.advance(SiteState.RECOVERING)
        for listed in site.instruments:
            site.note(listed.symbol, SiteState.RECOVERING)
        # Replay is bound by the interpreter, fetching by the store's latency: a few symbols at a time overlap the two.
        with ThreadPoolExecutor(SYMBOLS_AT_ONCE, thread_name_prefix="replay") as executor:
            loop = asyncio.get_running_loop()
            journal, recovered, lineage = await loop.run_in_executor(executor, self._open_stores)
            found = await asyncio.gather(
                *(
                    loop.run_in_executor(executor, self._symbol, listed, journal, recovered, lineage, go_ahead)
                    for listed in site.instruments
                )
            )
        rehydrated = [symbol for symbol in found if symbol is not None]
        site.advance(SiteState.RECOVERED if rehydrated else SiteState.DAMAGED)
        LOG.info("%s: recovered %d of %d symbols", site.name, len(rehydrated), len(found))
        await self._wait_for("open.json")
        return rehydrated

    async def _wait_for(self, name: str) -> bytes:
        """The content of a file of this epoch's control folder, as soon as it is there."""
        key = f"epoch={self._site.epoch}/{name}"
        said = ""
        while True:
            try:
                if await asyncio.to_thread(self._is_there, key):
                    return await asyncio.to_thread(self._control.get, key)
            except Exception as error:  # noqa: BLE001 - whatever the store raises: the go-ahead was not seen yet
                if str(error) != said:
                    said = str(error)
                    LOG.warning("looking for %s: %s: %s", key, type(error).__name__, error)
            await asyncio.sleep(self._poll_s)

    def _is_there(self, key: str) -> bool:
        """Listed, not asked for: S3 answers 403 for a missing key to a role that may list by prefix only."""
        return any(entry.key == key for entry in self._control.list(key))

    def _open_stores(self) -> tuple[Store, Store, Store]:
        return open_store(self._journal), open_store(self._recovered), open_store(self._lineage)

    def _symbol(
        self, listed: Instrument, journal: Store, recovered: Store, lineages: Store, go_ahead: GoAhead
    ) -> Rehydrated | None:
        """Recover one symbol and write its results; None if it must stay closed. Runs in the replay thread."""
        symbol = listed.symbol
        started_ns = clock.now_ns()
        try:
            lineage = read_lineage(lineages, journal, symbol, go_ahead.from_epoch)
            recovery = self._recover(symbol, journal, recovered, lineage, go_ahead)
        except Exception as error:
            LOG.exception("%s: recovery failed", symbol)
            self._note_failure(unread(symbol, started_ns, clock.now_ns()), recovered, go_ahead, error)
            return None
        healthy = recovery.status == RECOVERED
        state = SiteState.RECOVERED if healthy else SiteState.DAMAGED
        self._site.note(symbol, state, seq=recovery.seq, digest=recovery.digest.hex())
        if not healthy:
            LOG.error("%s: damaged after seq %d: %s", symbol, recovery.seq, recovery.account.damages[:3])
            return None
        return Rehydrated(listed, recovery.venue, recovery.last_frame, lineage)

    def _recover(
        self, symbol: str, journal: Store, recovered: Store, lineage: tuple[Link, ...], go_ahead: GoAhead
    ) -> Recovery:
        """Fills and comparisons stream to files and are put before the result, which says that they are complete.

        The journal of an exercise, too, is the market's: LIVE, whatever this site's environment.
        """
        point = go_ahead.recovery_points.get(symbol)
        reader = LineageReader(journal, symbol, lineage, environment=Environment.LIVE, fence_seq=point)
        with tempfile.TemporaryDirectory(prefix="recovery-") as folder:
            fills, checkpoints = Path(folder, "fills.bin"), Path(folder, "checkpoints.jsonl")
            with fills.open("wb") as fill_file, checkpoints.open("wb") as checkpoint_file:

                def keep(comparison: Comparison) -> None:
                    checkpoint_file.write(comparison.line())

                recovery = rebuild(
                    reader, Venue.listed(symbol), now_ns=clock.now_ns, on_fills=fill_file.write, on_checkpoint=keep
                )
            for path in (fills, checkpoints):
                recovered.put_file(self._key(symbol, path.name), path)
        result = recovery.result(from_epoch=go_ahead.from_epoch, epoch=self._site.epoch, build=self._site.build)
        recovered.put(self._key(symbol, "result.json"), msgspec.json.encode(result))
        return recovery

    def _key(self, symbol: str, name: str) -> str:
        """Where a result is, below the folder of all epochs' results."""
        return f"epoch={self._site.epoch}/{symbol}/{name}"

    def _note_failure(self, nothing: Recovery, recovered: Store, go_ahead: GoAhead, error: Exception) -> None:
        """Say in status and, if the store lets us, in the result that the symbol was not recovered, and why."""
        site = self._site
        site.note(nothing.symbol, SiteState.DAMAGED)
        result = nothing.result(from_epoch=go_ahead.from_epoch, epoch=site.epoch, build=site.build)
        result["error"] = f"{type(error).__name__}: {error}"
        try:
            recovered.put(self._key(nothing.symbol, "result.json"), msgspec.json.encode(result))
        except EngineError:
            LOG.exception("%s: the failure could not be written down either", nothing.symbol)
