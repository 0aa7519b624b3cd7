"""`python -m witness exercise`: the members of planned exercises stand by, apart from the members who trade in earnest.

They know no production name. A drill's order `members.json` tells them the name of its DR site's directory, how many
they are and at which rate they trade; they log in as DRILL, which a LIVE gateway refuses, and keep captures of their
own below `captures/<drill>/`. They go home when the drill is closed, or when another drill calls them.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.messages import Environment
from witness import clock
from witness.bucket import Order, Speaker, WitnessBucket
from witness.directory import PORT as DIRECTORY_PORT
from witness.handover import Handover, of_drill
from witness.house import House, Plan
from witness.members import learn_listing
from witness.resolver import Resolver
from witness.routes import Routes, zone_of
from witness.session import PORT as ORDER_PORT

CALL, CLOSE = "members", "close"
STANDBY = "members/standby.json"
POLL_SECONDS = 0.5
SAY_NS = 5 * clock.SECOND_NS
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A drill's order to its members. `rate` is of all of them together, commands per second."""

    drill: str
    name: str
    members: int
    customers: int
    rate: int
    seed: int

    @classmethod
    def of(cls, order: Order) -> Call:
        """Read an order; raises ValueError naming the drill when it is none."""
        body = order.body
        try:
            counts = [int(body[part]) for part in ("members", "customers", "rate", "seed")]
            name = str(body["name"])
            zone_of(name)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"orders/{order.drill}/{CALL}.json: {error!r}") from error
        return cls(order.drill, name, *counts)


class Standby:
    """Follows the orders; at most one drill's members trade at a time."""

    def __init__(
        self,
        bucket: WitnessBucket,
        speaker: Speaker,
        captures: Path,
        resolver: Resolver,
        *,
        ports: tuple[int, int] = (ORDER_PORT, DIRECTORY_PORT),
    ) -> None:
        """`ports`: of orders and of the directory (tests have others)."""
        self._bucket = bucket
        self._speaker = speaker
        self._captures = captures
        self._resolver = resolver
        self._order_port, self._directory_port = ports
        self._answered: set[str] = set()
        self._said_ns = 0
        self._trading: tuple[Call, asyncio.Task[None]] | None = None

    async def run(self) -> None:
        """Stand by until cancelled; members who trade are heard out first."""
        try:
            while True:
                try:
                    marks = await asyncio.to_thread(self._bucket.marks)
                    await self._follow(marks)
                except Exception as error:  # noqa: BLE001 - the store may be in trouble: log, and look again
                    LOG.warning("orders: %s", error)
                self._say()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._home()

    async def _follow(self, marks: dict[str, str]) -> None:
        """Send home whose drill is closed, and take up the newest call that was not answered yet."""
        closed = {key.split("/")[1] for key in marks if key.endswith(f"/{CLOSE}.json")}
        if self._trading and (self._trading[0].drill in closed or self._trading[1].done()):
            await self._home()
        called = {key.split("/")[1]: key for key in marks if key.endswith(f"/{CALL}.json")}
        fresh = sorted(set(called) - closed - self._answered)
        if not fresh:
            return
        drill = fresh[-1]
        self._answered |= set(fresh)
        order = await asyncio.to_thread(self._bucket.order, called[drill], marks[called[drill]])
        try:
            call = Call.of(order)
        except ValueError as refused:
            self._speaker.say(f"{drill}/members-error.json", {"error": str(refused)})
            return
        await self._home()
        LOG.info("%s: %d members called to %s", call.drill, call.members, call.name)
        self._trading = call, asyncio.create_task(self._trade(call), name=call.drill)

    async def _trade(self, call: Call) -> None:
        """Trade at the drill's own names until cancelled; captures of earlier drills were handed over, and go."""
        if self._captures.exists():
            for folder in self._captures.iterdir():
                await asyncio.to_thread(shutil.rmtree, folder)
        listing = await learn_listing(call.name, self._resolver, self._directory_port)
        plan = Plan(
            members=call.members,
            customers=call.customers,
            rate=call.rate,
            seed=call.seed,
            captures=self._captures / call.drill,
            environment=Environment.DRILL,
            port=self._order_port,
        )
        routes = Routes(self._resolver, zone_of(call.name), listing.instruments)
        house = House(
            plan, listing.instruments, routes, lambda word: self._speaker.latest(f"{call.drill}/members.json", word)
        )
        handover = Handover(
            self._bucket, house.freeze, asyncio.get_running_loop(), mine=of_drill(call.drill, Environment.DRILL)
        )
        handover.start()
        trading = asyncio.create_task(house.run(), name=f"{call.drill} house")
        try:
            await asyncio.shield(trading)
        finally:
            house.stop()
            await trading
            await asyncio.to_thread(handover.close)

    async def _home(self) -> None:
        """End whoever trades, captures complete; what went wrong with them is said."""
        if self._trading is None:
            return
        (call, task), self._trading = self._trading, None
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            LOG.info("%s: members went home", call.drill)
        except Exception as error:
            LOG.exception("%s: the members' house broke", call.drill)
            self._speaker.say(f"{call.drill}/members-error.json", {"error": f"{type(error).__name__}: {error}"})

    def _say(self) -> None:
        now_ns = clock.monotonic_ns()
        if now_ns - self._said_ns >= SAY_NS:
            self._said_ns = now_ns
            drill = self._trading[0].drill if self._trading else None
            word: dict[str, Any] = {"at_ns": str(clock.now_ns()), "environment": "DRILL", "drill": drill}
            self._speaker.latest(STANDBY, word)


async def stand_by(bucket: WitnessBucket, captures: Path) -> None:
    """Stand by until SIGTERM or SIGINT."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    speaker = Speaker(bucket)
    try:
        await Standby(bucket, speaker, captures, Resolver()).run()
    except asyncio.CancelledError:
        LOG.info("standing by no more")
    finally:
        await asyncio.to_thread(speaker.close)
