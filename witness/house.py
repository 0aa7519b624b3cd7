"""The members' house: a hundred broker-dealers and their customers in one event loop.

Each member has its own connection to each engine's address. The loop ticks; a tick draws commands from the flow,
writes them packed by session, and every now and then flushes captures, asks for clocks and publishes what it counted.

What a lost session left unanswered the member sends again, under the same ids and before anything new, to whoever
serves the symbol by then: so it learns the fate of its orders, also from the site that took over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.messages import Environment, Reason, Status
from witness import clock
from witness.capture import Captures, Extent
from witness.directory import Listed
from witness.flow import Draft, Flow
from witness.gate import Gate
from witness.identity import first_number, reserve
from witness.routes import Routes
from witness.session import PORT, Session
from witness.tally import EpochCount, Tally

TICK_NS = 40 * clock.MILLISECOND_NS
FLUSH_NS = 250 * clock.MILLISECOND_NS
PUBLISH_NS = clock.SECOND_NS
SUPERVISE_SECONDS = 0.1
REFRESH_NS = 5 * clock.SECOND_NS
SILENCE_NS = 10 * clock.SECOND_NS
HEAR_OUT_NS = clock.SECOND_NS
CONNECT_SECONDS = 2.0
CONNECTS_AT_ONCE = 64
REJECTED, HALTED, TOO_OLD = int(Status.REJECTED), int(Reason.HALTED), int(Reason.TOO_OLD)
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the house is asked to do."""

    members: int
    customers: int
    rate: int
    seed: int
    captures: Path
    environment: Environment = Environment.LIVE
    port: int = PORT
    keep_s: int = 0
    """Captures are turned over when they are so old; 0: never."""


class House:
    """Sessions of all members, their flow, captures and counts."""

    def __init__(
        self, plan: Plan, instruments: Sequence[Listed], routes: Routes, publish: Callable[[dict[str, Any]], None]
    ) -> None:
        self.plan = plan
        self.routes = routes
        self.tally = Tally()
        self.sessions: dict[tuple[int, str], Session] = {}
        """Open sessions by member and address."""
        members = range(1, plan.members + 1)
        plan.captures.mkdir(parents=True, exist_ok=True)
        self._floor = plan.captures / "floor"
        self.captures = Captures(members, plan.captures)
        self.flow = Flow(
            seed=plan.seed,
            instruments=instruments,
            members=members,
            customers=plan.customers,
            rate=plan.rate,
            first_number=first_number(self._floor, clock.now_ns()),
        )
        self._publish = publish
        self._random = random.Random(plan.seed)  # noqa: S311 - jitter of reconnects
        self._gates: dict[str, Gate] = {}
        self._unknown: dict[int, dict[int, Draft]] = {member: {} for member in members}
        """What no session has answered, by member and command id."""
        self._trying: dict[tuple[int, str], Session] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._clocks: dict[str, dict[str, str]] = {}
        self._stale = True
        self._refreshed_ns = 0
        self._turned_ns = clock.monotonic_ns()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Trade until `stop`; captures are complete and closed when this returns."""
        self._reserve()
        supervisor = asyncio.create_task(self._supervise(), name="supervisor")
        try:
            await self._tick_until_stopped()
            await self._hear_out()
        finally:
            for task in (supervisor, *self._attempts):
                task.cancel()
            await asyncio.gather(supervisor, *self._attempts, return_exceptions=True)
            for session in list(self.sessions.values()):
                session.close("the house stops")
            await asyncio.sleep(0)
            self.captures.close()
            self._reserve()

    def _turn_over(self, now_ns: int) -> None:
        """Let captures that are old enough go: an exchange that runs for days would fill the disk with them."""
        if self.plan.keep_s and now_ns - self._turned_ns >= self.plan.keep_s * clock.SECOND_NS:
            self._turned_ns = now_ns
            self.captures.turn_over()

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stopped.set()

    async def freeze(self) -> tuple[tuple[Extent, ...], int]:
        """A consistent cut over all captures, and its moment."""
        return self.captures.freeze(), clock.now_ns()

    # ---- what sessions tell (see session.Listener) ----

    def opened(self, session: Session) -> EpochCount:
        """The engine let the member in."""
        self._trying.pop((session.member, session.address), None)
        self._gate(session.address).succeeded()
        self.sessions[session.member, session.address] = session
        count = self.tally.epoch(session.epoch)
        count.sessions += 1
        asyncio.get_running_loop().call_soon(self._begin, session)
        return count

    def lost(self, session: Session, cause: str) -> None:
        """A session ended, or never came about."""
        key = (session.member, session.address)
        self._trying.pop(key, None)
        gate = self._gate(session.address)
        if gate.is_open or self.sessions.get(key) is not session:
            gate.failed(clock.monotonic_ns())
        if self.sessions.get(key) is session:
            del self.sessions[key]
            self.tally.epoch(session.epoch).sessions -= 1
            LOG.info("session lost: %s: %s", session.describe(), cause)
            for _, draft in session.pending.values():
                self._unknown[session.member][draft[0]] = draft
                self.flow.uncertain(draft)
            session.pending.clear()
            self._reach(session.member)

    def answered(  # noqa: PLR0917 - hot path: positional
        self, draft: Draft, sent_ns: int, at_ns: int, status: int, reason: int, open_qty: int
    ) -> None:
        """An acknowledgement."""
        window = self.tally.window
        window.acked += 1
        window.latencies.append(at_ns - sent_ns)
        if status == REJECTED and reason == HALTED:
            self._stale = True
        self.flow.acknowledged(draft, status, reason, open_qty)

    def learned(self, draft: Draft, status: int, reason: int, open_qty: int) -> None:
        """The answer to a command that was sent again; too old, or refused by a closed symbol, says nothing of it."""
        if status == REJECTED and reason in {HALTED, TOO_OLD}:
            self.flow.uncertain(draft)
        else:
            self.flow.acknowledged(draft, status, reason, open_qty)

    def ended(self, number: int, order_id: int) -> None:
        """The exchange cancelled an order."""
        self.flow.ended(number, order_id)

    def filled(self, number: int, order_id: int, qty: int) -> None:
        """A resting order traded."""
        self.flow.filled(number, order_id, qty)

    def clock_seen(self, session: Session, offset_ns: int, round_trip_ns: int) -> None:
        """An engine's clock against ours."""
        self._clocks[session.address] = {
            "offset_ns": str(offset_ns), "round_trip_ns": str(round_trip_ns), "at_ns": str(session.heard_ns),
        }  # fmt: skip

    def flooded(self, session: Session, *, full: bool) -> None:
        """The socket's buffer is full: nothing more is offered there until it drains."""
        if full:
            for number in self.routes.served_by(session.address):
                self.flow.reach[number][session.member] = 0
        else:
            self._reach(session.member)

    # ---- the loop ----

    async def _tick_until_stopped(self) -> None:
        last_ns = due_ns = clock.monotonic_ns()
        flush_ns = publish_ns = last_ns
        while not self._stopped.is_set():
            due_ns = max(due_ns + TICK_NS, clock.monotonic_ns())
            await asyncio.sleep((due_ns - clock.monotonic_ns()) / clock.SECOND_NS)
            now_ns = clock.monotonic_ns()
            self._tick(now_ns - last_ns)
            last_ns = now_ns
            if now_ns - flush_ns >= FLUSH_NS:
                flush_ns = now_ns
                self.captures.flush()
                self._turn_over(clock.monotonic_ns())
            if now_ns - publish_ns >= PUBLISH_NS:
                publish_ns = now_ns
                self._every_second()

    async def _hear_out(self) -> None:
        """Nothing more is sent; answers under way are still captured (a commit takes a quarter of a second)."""
        until_ns = clock.monotonic_ns() + HEAR_OUT_NS
        while any(session.pending for session in self.sessions.values()):
            if clock.monotonic_ns() >= until_ns:
                break
            await asyncio.sleep(TICK_NS / clock.SECOND_NS)

    def _tick(self, elapsed_ns: int) -> None:
        now_ns = clock.now_ns()
        self.tally.turn(now_ns)
        if not self.sessions:
            return
        drafts = self.flow.draw(elapsed_ns)
        sessions, served = self.sessions, self.routes.by_number
        touched: set[Session] = set()
        for draft in drafts:
            session = sessions[draft[1], served[draft[2]]]
            session.send(draft, now_ns)
            touched.add(session)
        for session in touched:
            session.flush()
        self.tally.window.offered += len(drafts)

    def _every_second(self) -> None:
        now_ns = clock.now_ns()
        asked: set[str] = set()
        for (_, address), session in self.sessions.items():
            if address not in asked:
                asked.add(address)
                session.ask_clock(now_ns)
                session.flush()
        self._reserve()
        self._publish(self.summary())

    def summary(self) -> dict[str, Any]:
        """The word `members/latest`."""
        connected = len({member for member, _ in self.sessions})
        return {
            "at_ns": str(clock.now_ns()),
            "members": self.plan.members,
            "connected": connected,
            "sessions": len(self.sessions),
            "wanted_sessions": self.plan.members * len(self.routes.addresses),
            "rate": self.plan.rate,
            "seed": self.plan.seed,
            "clocks": dict(self._clocks),
            **self.tally.summary(),
        }

    def _reserve(self) -> None:
        reserve(self._floor, max(self.flow.next_number.values()))

    # ---- staying connected ----

    async def _supervise(self) -> None:
        """Resolve again after a loss (and now and then: names may move under sessions that stay up), and reconnect."""
        while True:
            now_ns = clock.monotonic_ns()
            if self._stale or now_ns - self._refreshed_ns > REFRESH_NS:
                self._stale, self._refreshed_ns = False, now_ns
                if await self.routes.refresh():
                    self._moved()
            for address in self.routes.addresses:
                self._connect_missing(address)
            if len(self.sessions) < self.plan.members * len(self.routes.addresses):
                self._stale = True
            await asyncio.sleep(SUPERVISE_SECONDS)

    def _moved(self) -> None:
        """Names point elsewhere: sessions that serve nothing any more are dropped."""
        wanted = self.routes.addresses
        LOG.info("names point to %s", sorted(wanted))
        for member in range(1, self.plan.members + 1):
            self._reach(member)
        for (_, address), session in list(self.sessions.items()):
            if address not in wanted:
                session.close("its names moved")

    def _connect_missing(self, address: str) -> None:
        gate, now_ns = self._gate(address), clock.monotonic_ns()
        for member in range(1, self.plan.members + 1):
            key = (member, address)
            session = self.sessions.get(key)
            if session is not None:
                if self._unknown[member]:
                    self._ask_again(session)
                if session.pending and clock.now_ns() - session.asked_ns > SILENCE_NS:
                    session.close(f"silent for {SILENCE_NS // clock.SECOND_NS} s with commands unanswered")
                continue
            if key in self._trying or len(self._trying) >= CONNECTS_AT_ONCE or not gate.admits(now_ns):
                continue
            self._try(key)

    def _try(self, key: tuple[int, str]) -> None:
        member, address = key
        capture = self.captures.by_member[member]
        session = Session(member, address, self.plan.environment, capture, self)
        self._trying[key] = session
        attempt = asyncio.create_task(self._attempt(session))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _attempt(self, session: Session) -> None:
        """Connect and wait until the engine lets the member in or drops the connection."""
        key, loop = (session.member, session.address), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: session, session.address, self.plan.port)
        except OSError as error:
            LOG.debug("%s: %s", key, error)
            self.lost(session, str(error))
            return
        await asyncio.sleep(CONNECT_SECONDS)
        if self._trying.get(key) is session:
            session.close(f"no login answer within {CONNECT_SECONDS} s")

    def _gate(self, address: str) -> Gate:
        if address not in self._gates:
            self._gates[address] = Gate(self._random)
        return self._gates[address]

    def _begin(self, session: Session) -> None:
        """Ask first for what is unknown: ids only grow, so what was never executed must come before anything new."""
        if self.sessions.get((session.member, session.address)) is session:
            self._ask_again(session)
            self._reach(session.member)

    def _ask_again(self, session: Session) -> None:
        """Send again what this member does not know of the symbols that this session serves now."""
        unknown, served = self._unknown[session.member], self.routes.by_number
        mine = [draft for _, draft in sorted(unknown.items()) if served.get(draft[2]) == session.address]
        now_ns = clock.now_ns()
        for draft in mine:
            del unknown[draft[0]]
            session.send_again(draft, now_ns)
        session.flush()

    def _reach(self, member: int) -> None:
        """Tell the flow which instruments this member can reach now."""
        sessions = self.sessions
        for number, address in self.routes.by_number.items():
            self.flow.reach[number][member] = 1 if (member, address) in sessions else 0
