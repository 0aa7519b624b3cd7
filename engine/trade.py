"""The engine task, `python -m engine trade`: from an empty state to an open market, and down again on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from engine.address import own_address
from engine.build import build_digest
from engine.feed import Feed
from engine.firehose import Firehose, KeyRing
from engine.folders import FolderAddresses
from engine.freezing import Freezing
from engine.gateway import Gateway
from engine.group_commit import GroupCommit
from engine.lease import Lease
from engine.listing import Instrument
from engine.marks import Marks
from engine.messages import Environment
from engine.opening import Opening
from engine.outlet import Outlet
from engine.ports import Ports
from engine.rehydration import Rehydrated, Rehydration, genesis
from engine.sequencer import JournalSink, Sequencer
from engine.site import Site, SiteState
from engine.snapshot_writer import SnapshotWriter
from engine.status import serve_status
from engine.stop import stop_event
from engine.storage import open_store
from engine.trading_day import Closes

__all__ = ["TradeSettings", "trade"]

LOG = logging.getLogger(__name__)
MS_PER_S: Final = 1000
COLLECTIONS: Final = (10_000, 20, 1_000)
"""Garbage collection of the young, the older, and all objects: allocations, then rounds of the one before."""


class TradeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of an engine task.

    `recovered` is the folder of all epochs: who opened which symbol, and the results of recoveries; `snapshots` that of
    all epochs' snapshots. `recover` is the folder of all epochs' journals, to rehydrate from; None to start from
    genesis. A symbol is due for a snapshot after `snapshot_every` commands or `snapshot_every_s` seconds, and at the
    close of a trading day of `day_s` seconds.
    """

    site: str
    environment: Environment
    epoch: int
    instruments: tuple[Instrument, ...]
    stream_suffix: str
    stream_region: str
    control: str
    recover: str | None
    recovered: str
    lineage: str | None
    snapshots: str
    snapshot_every: int
    snapshot_every_s: int
    day_s: int
    commit_ms: int
    checkpoint_every: int
    halt_after_ms: int
    address: str | None
    ports: Ports


async def trade(settings: TradeSettings) -> None:
    """Run until SIGTERM or SIGINT; a halted engine stays up: its status can be asked, and nothing restarts it."""
    import botocore.session  # noqa: PLC0415 - half a second that only this task should pay

    stop = stop_event()
    async with Firehose(region=settings.stream_region, keys=KeyRing(botocore.session.get_session())) as sink:
        engine = Engine(settings, sink)
        await engine.listen(settings.address or await own_address(), settings.ports)
        running = asyncio.create_task(engine.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        running.cancel()
        await engine.close()


class Engine:
    """The parts of one task, wired together."""

    def __init__(self, settings: TradeSettings, sink: JournalSink) -> None:
        self._settings = settings
        self._sink = sink
        self._control = open_store(settings.control)
        self._lease = Lease(store=self._control, epoch=settings.epoch)
        self._recovered = open_store(settings.recovered)
        self._opening = Opening(
            store=self._recovered,
            epoch=settings.epoch,
            site=settings.site,
            task=secrets.token_hex(16),
        )
        self.site = Site(
            name=settings.site,
            environment=settings.environment,
            epoch=settings.epoch,
            build=build_digest(),
            instruments=settings.instruments,
        )
        self._feed = Feed()
        self._gateway = Gateway(self.site)
        self._outlet = Outlet(sessions=self._gateway, feed=self._feed, may_release=self._lease.held)
        self._commits = GroupCommit((), every_s=settings.commit_ms / MS_PER_S)
        self._snapshots = SnapshotWriter(
            address=settings.snapshots,
            every_commands=settings.snapshot_every,
            every_s=settings.snapshot_every_s,
        )
        self._closes: Closes | None = None
        self._status: asyncio.Server | None = None
        self.site.on_halt.append(self._gateway.drop_sessions)

    async def listen(self, host: str, ports: Ports) -> None:
        """Answer on every port from the beginning; logins are refused until the site is open."""
        self._status = await serve_status(self.site.describe, host, ports.status)
        await self._feed.open(host, ports.feed)
        await self._gateway.open(host, ports.orders)
        LOG.info("%s: listening on %s, %d symbols", self.site.name, host, len(self.site.instruments))

    async def run(self) -> None:
        """Rehydrate where that was asked for, open, and commit; never returns, except by an exception."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lease.keep(self.site.halt))
            rehydrated = await self._rehydrate()
            if await self._lease.obtain():
                mine = await self._take(rehydrated)
                if self._lease.held():
                    self._open(mine)
            group.create_task(self._snapshots.run())
            group.create_task(self._commits.run())
            if self._closes is not None:
                group.create_task(self._closes.keep())
            group.create_task(Marks(site=self.site, control=self._control, recovered=self._recovered).keep())
            freezing = Freezing(
                site=self.site,
                control=self._control,
                recovered=self._recovered,
                drop_sessions=self._gateway.drop_sessions,
            )
            group.create_task(freezing.keep())

    async def close(self) -> None:
        """Stop accepting, commit what is left, let the answers leave."""
        self._gateway.stop_accepting()
        await self._commits.drain()
        self._outlet.flush()
        await self._gateway.close()
        self._feed.close()
        self._snapshots.close()
        if self._status is not None:
            self._status.close()
        LOG.info("%s: closed", self.site.name)

    async def _rehydrate(self) -> list[Rehydrated]:
        settings = self._settings
        if settings.recover is None:
            return [genesis(listed) for listed in settings.instruments]
        folders = FolderAddresses(
            journal=settings.recover,
            lineage=settings.lineage or settings.recovered,
            recovered=settings.recovered,
            snapshots=settings.snapshots,
        )
        return await Rehydration(site=self.site, control=self._control, folders=folders).run()

    async def _take(self, rehydrated: Sequence[Rehydrated]) -> list[Rehydrated]:
        """The symbols that this task may open; another task opened the others in this epoch, and may have traded."""
        holders = await self._opening.take(
            {one.instrument.symbol: one.opened_in(self.site.epoch) for one in rehydrated}
        )
        for one in rehydrated:
            if one.instrument.symbol in holders:
                self.site.note(one.instrument.symbol, SiteState.HALTED, seq=one.venue.seq)
        if holders:
            tasks = ", ".join(sorted({f"{holder.task} of {holder.site}" for holder in holders.values()}))
            said = "%s: %s opened in epoch %d before, by task %s: closed here; trading them again needs a new epoch"
            LOG.error(said, self.site.name, ",".join(holders), self.site.epoch, tasks)
        return [one for one in rehydrated if one.instrument.symbol not in holders]

    def _open(self, rehydrated: Sequence[Rehydrated]) -> None:
        settings = self._settings
        sequencers = [self._sequencer(symbol) for symbol in rehydrated]
        # Nobody ever recovers what an exercise traded.
        snapshots = self._snapshots if settings.environment is Environment.LIVE else None
        if snapshots is not None:
            snapshots.take_openings(one.snapshot(settings.environment, settings.epoch) for one in rehydrated)
            snapshots.start(sequencers)
        self._commits = GroupCommit(sequencers, every_s=settings.commit_ms / MS_PER_S, snapshots=snapshots)
        for sequencer in sequencers:
            self._feed.remember(sequencer.instrument.number, sequencer.quote())
        _spare_pauses()
        self.site.open(sequencers)
        self._closes = Closes(sequencers, day_s=settings.day_s, on_close=self._snapshots.hurry)
        LOG.info("%s: open, epoch %d, %d symbols", self.site.name, self.site.epoch, len(sequencers))

    def _sequencer(self, symbol: Rehydrated) -> Sequencer:
        settings = self._settings
        return Sequencer(
            instrument=symbol.instrument,
            environment=settings.environment,
            epoch=settings.epoch,
            stream=f"matching-engine-{symbol.instrument.symbol}{settings.stream_suffix}",
            venue=symbol.venue,
            sink=self._sink,
            outlet=self._outlet,
            checkpoint_every=settings.checkpoint_every,
            seq=symbol.venue.seq,
            previous=symbol.last_frame,
            halt_after_s=settings.halt_after_ms / MS_PER_S,
            on_fence=self.site.halt,
            on_snapshot=self._snapshots.take if settings.environment is Environment.LIVE else None,
        )


def _spare_pauses() -> None:
    """Keep collections off the books: every order would be looked at again and again, and all symbols would wait."""
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
