"""From the go-ahead to a recovered state: replay each symbol's journal, write down what came of it, wait to open.

All of it may be done again from the beginning: results have one key per symbol and are overwritten with equal
content (but for the times), so a task that was killed in mid-replay simply starts over.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from engine import clock
from engine.codec import GENESIS
from engine.digest import digest
from engine.errors import EngineError
from engine.folders import FolderAddresses, Folders
from engine.lineage import Link
from engine.listing import Instrument
from engine.messages import Environment
from engine.replay import Recovery, unread
from engine.replayer import fallback
from engine.site import Site, SiteState
from engine.snapshot import Snapshot
from engine.storage import Store
from engine.symbol_recovery import GoAhead, Rebuilt, rebuild_symbol
from engine.venue import Venue

__all__ = ["Rehydrated", "Rehydration", "genesis", "largest_first"]

LOG = logging.getLogger(__name__)
POLL_S: Final = 0.25
RECOVERED: Final = "recovered"
SYMBOLS_AT_ONCE: Final = 4


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
        return (*self.lineage, Link(epoch, self.venue.seq, self.last_frame.hex(), self.venue.digest().hex()))

    def snapshot(self, environment: Environment, epoch: int) -> Snapshot:
        """The state in which `epoch` begins; the opening record vouches for it."""
        canonical = self.venue.canonical_bytes()
        return Snapshot(
            symbol=self.instrument.symbol,
            environment=environment,
            epoch=epoch,
            seq=self.venue.seq,
            taken_ns=clock.now_ns(),
            digest=digest(canonical),
            last_frame=self.last_frame,
            canonical=canonical,
        )


def genesis(listed: Instrument) -> Rehydrated:
    """The state before the first command."""
    return Rehydrated(listed, Venue.listed(listed.symbol), GENESIS)


def largest_first(journal: Store, epoch: int, instruments: Sequence[Instrument]) -> list[Instrument]:
    """The symbols by the volume of their journals: what takes longest must not be begun last."""
    sizes = dict.fromkeys((listed.symbol for listed in instruments), 0)
    try:
        for listed in instruments:
            folder = f"epoch={epoch}/symbol={listed.symbol}/"
            sizes[listed.symbol] = sum(entry.size for entry in journal.list(folder))
    except EngineError as error:  # whoever cannot be listed will say so when it is recovered
        LOG.warning("in the order of the listing, not by volume: %s", error)
    return sorted(instruments, key=lambda listed: -sizes[listed.symbol])


class Rehydration:
    """One task's recovery, driven by files in the control folder."""

    def __init__(self, *, site: Site, control: Store, folders: FolderAddresses, poll_s: float = POLL_S) -> None:
        """The go-ahead comes from `control`; `folders` holds the journals and takes the results."""
        self._site = site
        self._control = control
        self._folders = folders
        self._poll_s = poll_s

    async def run(self) -> list[Rehydrated]:
        """Wait for recover.json, recover every symbol, wait for open.json; gives the symbols that may trade."""
        site = self._site
        compiled = asyncio.create_task(asyncio.to_thread(fallback))  # the compiled engine gets ready in the meantime
        go_ahead = msgspec.json.decode(await self._wait_for("recover.json"), type=GoAhead)
        site.advance(SiteState.RECOVERING)
        for listed in site.instruments:
            site.note(listed.symbol, SiteState.RECOVERING)
        await compiled
        # The compiled engine lets other threads run, so symbols share the processors; a free one takes the next symbol.
        with ThreadPoolExecutor(SYMBOLS_AT_ONCE, thread_name_prefix="replay") as executor:
            loop = asyncio.get_running_loop()
            folders = await loop.run_in_executor(executor, self._folders.open)
            ordered = await loop.run_in_executor(
                executor, largest_first, folders.journal, go_ahead.from_epoch, site.instruments
            )
            found = await asyncio.gather(
                *(loop.run_in_executor(executor, self._symbol, listed, folders, go_ahead) for listed in ordered)
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

    def _symbol(self, listed: Instrument, folders: Folders, go_ahead: GoAhead) -> Rehydrated | None:
        """Recover one symbol and write its results; None if it must stay closed. Runs in the replay thread."""
        symbol = listed.symbol
        started_ns = clock.now_ns()
        try:
            rebuilt = self._recover(symbol, folders, go_ahead)
        except Exception as error:
            LOG.exception("%s: recovery failed", symbol)
            self._note_failure(unread(symbol, started_ns, clock.now_ns()), folders, go_ahead, error)
            return None
        recovery = rebuilt.recovery
        healthy = recovery.status == RECOVERED
        state = SiteState.RECOVERED if healthy else SiteState.DAMAGED
        self._site.note(symbol, state, seq=recovery.seq, digest=recovery.digest.hex())
        if not healthy:
            LOG.error("%s: damaged after seq %d: %s", symbol, recovery.seq, recovery.account.damages[:3])
            return None
        return Rehydrated(listed, recovery.venue, recovery.last_frame, rebuilt.lineage)

    def _recover(self, symbol: str, folders: Folders, go_ahead: GoAhead) -> Rebuilt:
        """Fills and comparisons stream to files and are put before the result, which says that they are complete."""
        with tempfile.TemporaryDirectory(prefix="recovery-") as folder:
            rebuilt = rebuild_symbol(folders, symbol, go_ahead, folder=Path(folder))
            for path in sorted(Path(folder).iterdir()):
                folders.recovered.put_file(self._key(symbol, path.name), path)
        self._put_result(rebuilt, folders, go_ahead)
        return rebuilt

    def _put_result(self, rebuilt: Rebuilt, folders: Folders, go_ahead: GoAhead, **more: str) -> None:
        site = self._site
        result = rebuilt.result(from_epoch=go_ahead.from_epoch, epoch=site.epoch, build=site.build) | more
        folders.recovered.put(self._key(rebuilt.recovery.symbol, "result.json"), msgspec.json.encode(result))

    def _key(self, symbol: str, name: str) -> str:
        """Where a result is, below the folder of all epochs' results."""
        return f"epoch={self._site.epoch}/{symbol}/{name}"

    def _note_failure(self, nothing: Recovery, folders: Folders, go_ahead: GoAhead, error: Exception) -> None:
        """Say in status and, if the store lets us, in the result that the symbol was not recovered, and why."""
        self._site.note(nothing.symbol, SiteState.DAMAGED)
        failed = Rebuilt(recovery=nothing, lineage=(), rehydrate=go_ahead.rehydrate)
        try:
            self._put_result(failed, folders, go_ahead, error=f"{type(error).__name__}: {error}")
        except EngineError:
            LOG.exception("%s: the failure could not be written down either", nothing.symbol)
