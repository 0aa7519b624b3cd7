"""A broker-dealer on simulated time: sends, notes every answer, reconnects, sends again what was not answered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.messages import Command, Kind, OrderType, Side, Status, TimeInForce, command_id
from engine.wire import FROM_ENGINE, LOGIN_OPEN, Ack, Fill, Login, LoginAnswer, Order, Splitter

if TYPE_CHECKING:
    from tests.simulation.world import Wire

__all__ = ["Member"]

UNANSWERED: int = 20
"""Commands of a symbol that a member leaves unanswered at most: fewer than its window of answers."""

SILENCE_S = 15.0
"""Without any answer for so long, a member hangs up and asks the name again."""

KINDS = (Kind.NEW,) * 8 + (Kind.CANCEL,) * 2 + (Kind.REPLACE,) * 2 + (Kind.REDUCE,) * 1 + (Kind.MASS_CANCEL,) * 1


class Member:
    """What it sent and what it was told, in the order in which it was told."""

    def __init__(self, number: int, symbols: tuple[int, ...], draw: random.Random) -> None:
        self.number = number
        self.draw = draw
        self.wire: Wire | None = None
        self.logged_in = False
        self.unanswered: dict[tuple[int, int], Command] = {}
        self.acks: list[Ack] = []
        self.fills: list[Fill] = []
        self.orders: dict[int, list[int]] = {symbol: [] for symbol in symbols}
        self._sent = 0
        self._heard_s = 0.0
        self._splitter = Splitter(FROM_ENGINE)

    def connect(self, wire: Wire) -> None:
        """A new connection: log in."""
        self.wire, self.logged_in, self._splitter = wire, False, Splitter(FROM_ENGINE)
        self._heard_s = asyncio.get_running_loop().time()
        wire.send(Login(self.number, 1).pack())

    def lost(self) -> None:
        """The connection is gone."""
        self.wire, self.logged_in = None, False

    def received(self, data: bytes) -> None:
        """Answers, in order."""
        self._heard_s = asyncio.get_running_loop().time()
        for message in self._splitter.feed(data):
            if isinstance(message, Ack):
                self.acks.append(message)
                self.unanswered.pop((message.number, message.command_id), None)
            elif isinstance(message, Fill):
                self.fills.append(message)
            elif isinstance(message, LoginAnswer) and message.state == LOGIN_OPEN:
                self.logged_in = True
                self.send_again()

    def send_again(self) -> None:
        """Everything unanswered, oldest first."""
        assert self.wire is not None
        for (symbol, _), command in sorted(self.unanswered.items(), key=lambda item: item[0][1]):
            self.wire.send(Order(symbol, command).pack())

    def trade(self) -> None:
        """Send one command, if that is possible now."""
        symbol = self.draw.choice(tuple(self.orders))
        waiting = sum(number == symbol for number, _ in self.unanswered)
        if self.wire is None or not self.logged_in or waiting >= UNANSWERED:
            return
        self._sent += 1
        command = self._command(symbol)
        self.unanswered[symbol, command.command_id] = command
        self.wire.send(Order(symbol, command).pack())

    def _command(self, symbol: int) -> Command:
        draw, orders = self.draw, self.orders[symbol]
        kind = draw.choice(KINDS) if orders else Kind.NEW
        identity = command_id(self.number, self._sent)
        if kind == Kind.NEW:
            orders.append(identity)
        return Command(
            ts_ns=0,
            command_id=identity,
            target_id=draw.choice(orders[-8:]) if kind not in {Kind.NEW, Kind.MASS_CANCEL} else 0,
            price=draw.randint(97, 103),
            qty=draw.choice((1, 2, 5, 10)),
            customer=self.number,
            kind=int(kind),
            side=int(draw.choice((Side.BUY, Side.SELL))),
            type=int(draw.choice((OrderType.LIMIT,) * 9 + (OrderType.MARKET,))),
            tif=int(draw.choice((TimeInForce.GTC,) * 6 + tuple(TimeInForce))),
        )

    async def live(self, until_s: float, pace_s: float, name: Callable[[], Wire | None]) -> None:
        """Trade until a moment, then wait for every answer; `name` connects to whoever the name stands for now."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s or self.unanswered:
            if self.wire is None:
                wire = name()
                if wire is not None:
                    self.connect(wire)
            elif self.unanswered and loop.time() > self._heard_s + SILENCE_S:
                self.wire.breaks()
            if self.logged_in and loop.time() < until_s:
                self.trade()
            elif self.logged_in and self.draw.random() < 0.05:
                self.send_again()  # a storm of resends, of what may well be under way
            await asyncio.sleep(self.draw.expovariate(1 / pace_s))


def refused(ack: Ack) -> bool:
    """Whether it was turned away by a closed symbol, without a seq."""
    return ack.seq == 0 and ack.status == Status.REJECTED
