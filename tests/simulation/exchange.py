"""One history of an exchange under a nemesis, from one seed: trading, loss, fence, drain, recovery, trading again.

Sequencer, codec, matching, venue, gateway, outlet, lease, opening, snapshots, reader and recovery are production's own
(`engine.trade.Engine`); replaced are only its ports: clock, sink, stores, sockets and the loop's time.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import msgspec

from engine import clock, read_ahead, storage
from engine.gateway import _Session
from engine.lease import Lease
from engine.lineage import Opened, opened_key
from engine.listing import listing
from engine.messages import Environment
from engine.ports import Ports
from engine.sequencer import SequencerState
from engine.site import SiteState
from engine.trade import Engine, TradeSettings
from engine.trading_day import Closes
from tests.simulation.loop import PROCESS, AtOnce, SimulatedLoop
from tests.simulation.member import Member
from tests.simulation.world import Bucket, Delivery, Nemesis, Process, View, Wire

__all__ = ["SYMBOLS", "Failure", "History", "live"]

SYMBOLS = ("AAL", "AAPL")
MEMBERS = (1, 2, 3)
FOLDERS = ("control", "journal", "recovered", "snapshots")
LEASE_LIMIT_S = 10.0
PATIENCE_S = 400.0
"""Simulated seconds after which a history that has not ended is a failure: somebody waits for an answer for ever."""


class Failure(AssertionError):
    """An invariant that does not hold."""


class Recovered(msgspec.Struct, frozen=True):
    """What one recovery said of a symbol."""

    epoch: int
    symbol: str
    seq: int
    digest: str


class Site:
    """One engine's process and what it is reached by."""

    def __init__(self, process: Process, engine: Engine, running: asyncio.Task[None]) -> None:
        self.process = process
        self.engine = engine
        self.running = running
        self.wires: list[Wire] = []
        self.started_ns = clock.now_ns()

    def has_recovered(self) -> bool:
        """Whether its recovery has ended, in whatever way."""
        return self.engine.site.state not in {SiteState.EMPTY, SiteState.RECOVERING}

    def trades(self) -> bool:
        """Whether every symbol is open."""
        site = self.engine.site
        open_ones = [one for one in site.sequencers.values() if one.state == SequencerState.OPEN]
        return self.process.alive and site.is_open() and len(open_ones) == len(SYMBOLS)


class History:
    """The world of one seed, and what must be remembered of it for the invariants."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.nemesis = Nemesis(seed)
        self.draw = random.Random(seed ^ 0x5EED)
        self.loop = SimulatedLoop(self.nemesis.latency, lambda: self.draw.random() < 0.5)
        self.buckets = {name: Bucket(name, self.loop) for name in FOLDERS}
        self.delivery = Delivery(self.loop, self.nemesis, self.buckets["journal"])
        numbers = tuple(listed.number for listed in listing(SYMBOLS))
        self.members = [Member(number, numbers, random.Random(seed * 100 + number)) for number in MEMBERS]
        self.day_s = self.draw.choice((15, 3600))
        self.epoch = 1
        self.current: Site | None = None
        self.sites: list[Site] = []
        self.recoveries: list[Recovered] = []
        self.final: dict[str, tuple[int, bytes]] = {}
        """Seq and digest of each symbol as the last site closed."""
        self.trace: list[str] = []

    def note(self, what: str) -> None:
        """One line of the history; the same seed writes the same lines."""
        self.trace.append(f"{self.loop.time():10.4f} {what}")

    # The site.

    def start(self, epoch: int, *, recovers: bool) -> Site:
        """A process of an epoch, as the scheduler would start it."""
        process = Process(f"epoch-{epoch}-process-{len(self.sites) + 1}")
        for name in FOLDERS:
            view = View(self.buckets[name], process, self.nemesis, cuttable=name == "control")
            storage._MEMORY[f"{process.name}.{name}"] = view  # type: ignore[assignment]
        place = f"memory://{process.name}."
        settings = TradeSettings(
            site=process.name,
            environment=Environment.LIVE,
            epoch=epoch,
            instruments=listing(SYMBOLS),
            stream_suffix=f"-e{epoch}",
            stream_region="us-west-2",
            control=f"{place}control",
            recover=f"{place}journal" if recovers else None,
            recovered=f"{place}recovered",
            lineage=None,
            snapshots=f"{place}snapshots",
            snapshot_every=self.draw.choice((10, 40)),
            snapshot_every_s=20,
            day_s=self.day_s,
            commit_ms=250,
            checkpoint_every=7,
            halt_after_ms=10_000,
            address=None,
            ports=Ports(),
        )
        token = PROCESS.set(process.name)
        try:
            engine = Engine(settings, self.delivery.client(epoch))
            engine._lease = Lease(store=engine._control, epoch=epoch, read_ns=self.loop.lease_ns)
            engine._outlet._may_release = engine._lease.held
            site = Site(process, engine, self.loop.create_task(engine.run()))
        finally:
            PROCESS.reset(token)
        self.sites.append(site)
        self.note(f"start {process.name}")
        return site

    def kill(self, site: Site) -> None:
        """The process is gone, wherever it stood; its connections break."""
        site.process.alive = False
        self.note(f"kill {site.process.name}")
        self.loop.kill(site.process.name)
        for wire in site.wires:
            wire.breaks(tells_engine=False)

    def dial(self) -> Wire | None:
        """A connection to whoever the name stands for; None when nobody answers."""
        site = self.current
        if site is None or not site.process.alive:
            return None
        token = PROCESS.set(site.process.name)
        try:
            session = _Session(site.engine._gateway)
            wire = Wire(self.loop, self.nemesis, session, _Peer())
            session.connection_made(wire)
        finally:
            PROCESS.reset(token)
        site.wires.append(wire)
        return wire

    # The operator.

    async def fail_over(self, *, cut_off: bool) -> None:
        """Lose the site, fence it, drain, recover at the next epoch, open."""
        old, self.epoch = self.current, self.epoch + 1
        epoch, leaky = self.epoch, cut_off and self.draw.random() < 0.5
        if old is not None:
            if cut_off:
                old.process.cut_off = True
                self.note(f"cut off {old.process.name}{', and the deny will be late' if leaky else ''}")
            else:
                self.kill(old)
        self.buckets["control"].put(f"epoch={epoch}.json", b"{}", if_absent=True)
        if leaky:  # a deny that is not in force yet: only the lease stands between the zombie and its members
            self.delivery.stuck.add(epoch - 1)
            await asyncio.sleep(LEASE_LIMIT_S + 3.0)
            self.loop.call_later(self.draw.uniform(5.0, 30.0), self.delivery.denied.add, epoch - 1)
            await asyncio.sleep(self.draw.uniform(8.0, 12.0))
        else:
            self.delivery.denied.add(epoch - 1)
            await _until(self.delivery.drained)
        self.current = await self.recover(epoch)
        self.note(f"open {self.current.process.name}")

    async def recover(self, epoch: int) -> Site:
        """Start processes of an epoch until one has recovered everything, and let it open."""
        rehydrate = self.draw.choice(("snapshot", "genesis", "both"))
        order = msgspec.json.encode({"from_epoch": epoch - 1, "rehydrate": rehydrate})
        self.buckets["control"].put(f"epoch={epoch}/recover.json", order)
        while True:
            damaged = self.damage(epoch)
            site = self.start(epoch, recovers=True)
            if self.draw.random() < 0.2 and not damaged:
                await asyncio.sleep(self.draw.uniform(0.05, 1.5))
                self.kill(site)
                continue
            await _until(site.has_recovered)
            if site.engine.site.state is not SiteState.HALTED and self.judge(site, epoch, damaged):
                break
            self.kill(site)
            for key, content in damaged.items():
                self.buckets["journal"].put(key, content)
        self.buckets["control"].put(f"epoch={epoch}/open.json", b"{}")
        await _until(lambda: site.engine.site.state is not SiteState.RECOVERED)
        return site

    def judge(self, site: Site, epoch: int, damaged: dict[str, bytes]) -> bool:
        """Whether every symbol was recovered; damage must be reported, and nothing else."""
        whole = True
        for symbol in SYMBOLS:
            key = f"epoch={epoch}/{symbol}/result.json"
            written = next((entry.modified_ns for entry in self.buckets["recovered"].list(key)), 0)
            if written <= site.started_ns:
                # None, or an earlier process's: the store took neither the result nor the word that there is none.
                said = site.engine.site.describe()["symbols"][symbol]["state"]
                if said != SiteState.DAMAGED:
                    raise Failure(f"{site.process.name} calls {symbol} {said} and wrote down no result")
                whole = False
                continue
            result = msgspec.json.decode(self.buckets["recovered"].get(key))
            hurt = any(f"symbol={symbol}/" in key for key in damaged)
            if result["status"] == "recovered":
                if hurt:
                    raise Failure(f"damage of {symbol} was not reported by {site.process.name}: {sorted(damaged)}")
                self.recoveries.append(Recovered(epoch, symbol, result["seq"], result["digest"]))
                self.note(f"recovered {symbol} seq {result['seq']} {result['digest'][:16]}")
                continue
            whole = False
            if not hurt and "error" not in result:
                raise Failure(f"{symbol} was called damaged and is not: {result['damages']}, {result['disagreements']}")
        return whole

    def damage(self, epoch: int) -> dict[str, bytes]:
        """Break one journal object that recovery needs, sometimes; what it held, by key."""
        if self.draw.random() > self.nemesis.strength * 3:
            return {}
        journal = self.buckets["journal"]
        keys = [entry.key for entry in journal.list() if entry.key.startswith(f"epoch={epoch - 1}/")]
        if not keys or any(site.process.alive for site in self.sites):
            return {}
        key = self.draw.choice(keys)
        whole = journal.get(key)
        broken = bytearray(whole)
        if self.draw.random() < 0.5:
            del broken[self.draw.randrange(len(broken)) :]
        else:
            broken[self.draw.randrange(10, len(broken))] ^= 1 << self.draw.randrange(8)
        if _unpacked(bytes(broken)) == _unpacked(whole):
            return {}
        journal.put(key, bytes(broken))
        self.note(f"damage {key}")
        return {key: whole}

    async def operate(self, until_s: float) -> None:
        """Failovers at drawn moments, and whenever the site has halted by itself; the last one when all is calm."""
        due = self.loop.time() + self.draw.uniform(4.0, 15.0)
        while self.loop.time() < until_s:
            await asyncio.sleep(0.5)
            halted = self.current is None or not self.current.trades()
            if self.loop.time() >= due or halted:
                await self.restart_or_not()
                await self.fail_over(cut_off=self.draw.random() < 0.5)
                due = self.loop.time() + self.draw.uniform(6.0, 20.0)
        self.nemesis.calm = True
        while any(member.unanswered for member in self.members):
            await asyncio.sleep(0.5)
            if self.current is None or not self.current.trades():
                await self.fail_over(cut_off=False)

    async def restart_or_not(self) -> None:
        """Sometimes the scheduler is faster than the operator: the same task once more, in the same epoch."""
        if self.current is not None and self.draw.random() < 0.3:
            self.kill(self.current)
            self.current = self.start(self.epoch, recovers=self.epoch > 1)
            await asyncio.sleep(self.draw.uniform(0.0, 8.0))

    async def haunt(self) -> None:
        """Outages of Firehose, broken connections, torn snapshots."""
        while not self.nemesis.calm:
            await asyncio.sleep(self.draw.uniform(1.0, 6.0))
            if self.nemesis.strikes(2.0):
                self.nemesis.outage_until = self.loop.time() + self.draw.uniform(0.5, 13.0)
            wires = [wire for site in self.sites for wire in site.wires if not wire.broken]
            if wires and self.nemesis.strikes(2.0):
                self.draw.choice(wires).breaks()
            keys = [entry.key for entry in self.buckets["snapshots"].list()]
            if keys and self.nemesis.strikes(2.0):
                key = self.draw.choice(keys)
                whole = self.buckets["snapshots"].get(key)
                self.buckets["snapshots"].put(key, whole[: self.draw.randrange(len(whole))])

    # The whole.

    async def run(self) -> None:
        """Until every command of every member was answered and the last site has closed."""
        self.buckets["control"].put("epoch=1.json", b"{}")
        self.current = self.start(1, recovers=False)
        until_s = self.draw.uniform(20.0, 45.0)
        pace_s = self.draw.choice((0.15, 0.3, 0.6))
        haunting = asyncio.create_task(self.haunt())
        async with asyncio.timeout(PATIENCE_S):
            trading = [asyncio.create_task(member.live(until_s, pace_s, self.named(member))) for member in self.members]
            await self.operate(until_s)
            await asyncio.gather(*trading)
        haunting.cancel()
        assert self.current is not None
        self.current.running.cancel()
        await self.current.engine.close()
        for sequencer in self.current.engine.site.sequencers.values():
            symbol, digest = sequencer.instrument.symbol, sequencer._venue.digest()
            self.final[symbol] = (sequencer.seq, digest)
            self.note(f"closed {symbol} seq {sequencer.seq} {digest.hex()[:16]}")
        await _until(self.delivery.drained)

    def named(self, member: Member) -> Dialler:
        """What the exchange's name is to a member."""
        return Dialler(self, member)

    def lineage(self, symbol: str) -> dict[int, int]:
        """Start of each epoch in which a symbol was opened, by the records themselves."""
        starts: dict[int, int] = {}
        for epoch in range(1, self.epoch + 1):
            key = opened_key(epoch, symbol)
            if self.buckets["recovered"].exists(key):
                links = msgspec.json.decode(self.buckets["recovered"].get(key), type=Opened).lineage
                starts[epoch] = links[-1].start_seq
        return starts


class Dialler:
    """Connects one member."""

    def __init__(self, history: History, member: Member) -> None:
        self._history = history
        self._member = member

    def __call__(self) -> Wire | None:
        wire = self._history.dial()
        if wire is not None:
            wire._peer.member = self._member
            wire._peer.wire = wire
        return wire


class _Peer:
    """The member's end: bytes and the loss of a connection that the member has left mean nothing to it."""

    member: Member
    wire: Wire

    def received(self, data: bytes) -> None:
        if self.member.wire is self.wire:
            self.member.received(data)

    def lost(self) -> None:
        if self.member.wire is self.wire:
            self.member.lost()


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - simulated time: looking again costs nothing and waits for nothing
        await asyncio.sleep(0.1)


def _unpacked(raw: bytes) -> bytes | None:
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):
        return None


@contextmanager
def _ports(history: History) -> Iterator[None]:
    """Production's clock reads simulated time; its log is silent; its stores are the world's."""
    logging.disable(logging.CRITICAL)
    try:
        with (
            patch.object(clock, "now_ns", history.loop.now_ns),
            patch.object(clock, "lease_ns", history.loop.lease_ns),
            patch.object(read_ahead, "ThreadPoolExecutor", AtOnce),
            patch.dict(Closes.__init__.__kwdefaults__, now_ns=history.loop.now_ns),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
        for name in [name for name in storage._MEMORY if name.startswith("epoch-")]:
            del storage._MEMORY[name]


def live(seed: int) -> History:
    """Live through one seed; the invariants are asked by `tests.simulation.invariants.check`.

    Raises:
        Failure: one that shows at once.
        TimeoutError: somebody was never answered.
    """
    history = History(seed)
    loop = history.loop
    asyncio.set_event_loop(loop)
    try:
        with _ports(history):
            loop.run_until_complete(history.run())
    finally:
        loop.end()
        asyncio.set_event_loop(None)
    return history
