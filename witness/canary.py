"""Canary orders: from outside, through each symbol's public name, does it accept, acknowledge, match and print?

Per symbol a pair in the canary book: sell one lot, buy it back at once. Four marks per symbol, ns since 1970:
sent, acked (both), matched (the buy's fill), printed (on market data). A symbol that misses one within the timeout gets
an error that names the first mark it missed, and its resting order is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from engine.messages import (
    CANARY_MEMBER,
    Command,
    CommandFlag,
    Environment,
    Kind,
    OrderType,
    Reason,
    Side,
    Status,
    TimeInForce,
)
from engine.wire import (
    FROM_ENGINE,
    FROM_MARKET_DATA,
    LOGIN_OPEN,
    Ack,
    Fill,
    Login,
    LoginAnswer,
    Message,
    Order,
    Print,
    Splitter,
    WireError,
)
from witness import clock
from witness.directory import PORT as DIRECTORY_PORT
from witness.directory import Listed
from witness.identity import MEMBER_SHIFT, clock_floor
from witness.members import learn_listing
from witness.resolver import NameUnresolvedError, Resolver
from witness.routes import symbol_name, zone_of
from witness.session import PORT as ORDER_PORT

FEED_PORT = 7100
TIMEOUT_SECONDS = 20.0
RETRY_SECONDS = 0.25
READ_BYTES = 1 << 16
LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Pair:
    """One symbol's canary: what was sent, and when each mark was reached (0: not yet)."""

    listed: Listed
    sell_id: int
    buy_id: int
    sent_ns: int = 0
    acked_ns: int = 0
    matched_ns: int = 0
    printed_ns: int = 0
    error: str = ""
    answered: set[int] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """All marks reached, or refused."""
        return bool(self.error or (self.acked_ns and self.matched_ns and self.printed_ns))

    def orders(self, now_ns: int) -> bytes:
        """The pair on the wire."""
        self.sent_ns = now_ns
        return self._order(self.sell_id, Side.SELL, TimeInForce.GTC) + self._order(
            self.buy_id, Side.BUY, TimeInForce.IOC
        )

    def cancel(self) -> bytes:
        """Take the sell back: the canary book is empty afterwards."""
        command = Command(clock.now_ns(), self.buy_id + 1, self.sell_id, 0, 0, 0, Kind.CANCEL, flags=CommandFlag.CANARY)
        return Order(self.listed.number, command).pack()

    def see(self, message: Message, now_ns: int) -> None:
        """Take a mark from an answer or a print."""
        if isinstance(message, Ack) and message.command_id in {self.sell_id, self.buy_id}:
            if message.status == Status.REJECTED:
                self.error = f"rejected: {Reason(message.reason).name.lower()}"
            self.answered.add(message.command_id)
            if len(self.answered) == 2:  # noqa: PLR2004 - both orders of the pair
                self.acked_ns = self.acked_ns or now_ns
        elif isinstance(message, Fill) and message.order_id == self.buy_id:
            self.matched_ns = self.matched_ns or now_ns
        elif isinstance(message, Print) and message.flags & CommandFlag.CANARY and self.sent_ns:
            self.printed_ns = self.printed_ns or now_ns

    def word(self) -> dict[str, str]:
        """The symbol's part of the word."""
        marks = {
            "sent_ns": self.sent_ns,
            "acked_ns": self.acked_ns,
            "matched_ns": self.matched_ns,
            "printed_ns": self.printed_ns,
        }
        missed = next((name.removesuffix("_ns") for name, at in marks.items() if not at), "")
        reached = {name: str(at) for name, at in marks.items() if at}
        if self.error or missed:
            return {"error": self.error or f"not {missed} within {TIMEOUT_SECONDS:.0f} s", **reached}
        return reached

    def _order(self, command_id: int, side: Side, tif: TimeInForce) -> bytes:
        command = Command(
            clock.now_ns(),
            command_id,
            0,
            self.listed.reference_price,
            self.listed.lot,
            0,
            Kind.NEW,
            side,
            OrderType.LIMIT,
            tif,
            CommandFlag.CANARY,
        )
        return Order(self.listed.number, command).pack()


class Canary:
    """Sends the pairs of several symbols over one connection per engine address."""

    def __init__(
        self,
        name: str,
        resolver: Resolver,
        *,
        environment: Environment = Environment.LIVE,
        ports: tuple[int, int, int] = (ORDER_PORT, FEED_PORT, DIRECTORY_PORT),
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._name = name
        self._zone = zone_of(name)
        self._resolver = resolver
        self._environment = environment
        self._order_port, self._feed_port, self._directory_port = ports
        self._timeout_seconds = timeout_seconds
        self._pairs: dict[int, Pair] = {}
        self._over = asyncio.Event()
        self._feed_open = asyncio.Event()

    async def sing(self, symbols: list[str]) -> dict[str, dict[str, str]]:
        """The marks, or an error, of each symbol."""
        errors: dict[str, dict[str, str]] = {}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                listing = await learn_listing(self._name, self._resolver, self._directory_port)
                errors = self._prepare(symbols, listing.instruments)
                await self._run()
        except TimeoutError:
            LOG.warning("canary: not every symbol answered in time")
        marks = {pair.listed.symbol: pair.word() for pair in self._pairs.values()}
        unheard = {"error": f"{self._name} has not published its listing in time"}
        return {symbol: errors.get(symbol) or marks.get(symbol) or unheard for symbol in symbols}

    def _prepare(self, symbols: list[str], instruments: tuple[Listed, ...]) -> dict[str, dict[str, str]]:
        by_symbol = {listed.symbol: listed for listed in instruments}
        n = clock_floor(clock.now_ns())
        for symbol in sorted(set(symbols) & set(by_symbol)):
            listed = by_symbol[symbol]
            base = CANARY_MEMBER << MEMBER_SHIFT | n
            self._pairs[listed.number] = Pair(listed, base, base + 1)
            n += 3  # sell, buy, and a cancel that may be needed
        self._check_over()
        return {symbol: {"error": "not listed"} for symbol in set(symbols) - set(by_symbol)}

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow_feed())]
            tasks += [group.create_task(self._trade(part)) for part in await self._by_name()]
            await self._over.wait()
            for task in tasks:
                task.cancel()

    async def _by_name(self) -> list[list[Pair]]:
        """Pairs grouped by the address that serves them now; a name without one yet is a group of its own."""
        groups: dict[str, list[Pair]] = {}
        for pair in self._pairs.values():
            name = symbol_name(pair.listed.symbol, self._zone)
            try:
                groups.setdefault(await self._resolver.address(name), []).append(pair)
            except NameUnresolvedError:
                groups[name] = [pair]
        return list(groups.values())

    async def _trade(self, pairs: list[Pair]) -> None:
        """Connect (again and again, resolving each time) until the engine lets us in; send each pair once."""
        await self._feed_open.wait()
        while not all(pair.is_over for pair in pairs):
            try:
                await self._trade_once(pairs)
            except (OSError, NameUnresolvedError, WireError) as error:
                LOG.info("canary: %s: %s", pairs[0].listed.symbol, error)
                for pair in pairs:
                    if pair.sent_ns and not pair.is_over and not (pair.acked_ns and pair.matched_ns):
                        pair.error = f"connection lost after the orders were sent: {error}"
                self._check_over()
            await asyncio.sleep(RETRY_SECONDS)

    async def _trade_once(self, pairs: list[Pair]) -> None:
        address = await self._resolver.address(symbol_name(pairs[0].listed.symbol, self._zone))
        reader, writer = await asyncio.open_connection(address, self._order_port)
        splitter = Splitter(FROM_ENGINE)
        try:
            writer.write(Login(CANARY_MEMBER, self._environment).pack())
            while chunk := await reader.read(READ_BYTES):
                now_ns = clock.now_ns()
                for message in splitter.feed(chunk):
                    if isinstance(message, LoginAnswer):
                        if message.state != LOGIN_OPEN:
                            raise ConnectionRefusedError(f"{address} refuses the canary's login")
                        writer.write(b"".join(pair.orders(now_ns) for pair in pairs if not pair.sent_ns))
                    self._see(message, now_ns)
            raise ConnectionResetError(f"{address} closed the connection")
        finally:
            for pair in pairs:
                if pair.sent_ns and not pair.matched_ns:
                    writer.write(pair.cancel())
            writer.close()

    async def _follow_feed(self) -> None:
        """Listen to the public market data; orders go out only when somebody listens."""
        while True:
            try:
                address = await self._resolver.address(f"marketdata.{self._zone}")
                reader, writer = await asyncio.open_connection(address, self._feed_port)
            except (OSError, NameUnresolvedError) as error:
                LOG.info("canary: no market data yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._feed_open.set()
            try:
                await self._read_feed(reader)
            except (OSError, WireError) as error:
                LOG.info("canary: market data lost: %s", error)
            finally:
                writer.close()
            await asyncio.sleep(RETRY_SECONDS)

    async def _read_feed(self, reader: asyncio.StreamReader) -> None:
        splitter = Splitter(FROM_MARKET_DATA)
        while chunk := await reader.read(READ_BYTES):
            now_ns = clock.now_ns()
            for message in splitter.feed(chunk):
                self._see(message, now_ns)

    def _see(self, message: Message, now_ns: int) -> None:
        if isinstance(message, (Ack, Fill, Print)) and (pair := self._pairs.get(message.number)):
            pair.see(message, now_ns)
            self._check_over()

    def _check_over(self) -> None:
        if all(pair.is_over for pair in self._pairs.values()):
            self._over.set()


def sing(name: str, symbols: list[str], environment: Environment) -> dict[str, dict[str, str]]:
    """Run a canary in an event loop of its own (this thread's)."""
    return asyncio.run(_sing(name, symbols, environment))


async def _sing(name: str, symbols: list[str], environment: Environment) -> dict[str, dict[str, Any]]:
    return await Canary(name, Resolver(), environment=environment).sing(symbols)
