"""Long order flow from a seed, cheap to make: everything a member may send, and now and then what nobody should."""

from __future__ import annotations

import random

from engine.messages import (
    CANARY_MEMBER,
    EDGE_MEMBER,
    OPERATOR_MEMBER,
    Command,
    Kind,
    OrderType,
    TimeInForce,
    command_id,
)

RARE = (Kind.MASS_CANCEL, Kind.HALT, Kind.RESUME, Kind.RESUME, Kind.DAY_END)
STRANGERS = (0, 40_000, CANARY_MEMBER, OPERATOR_MEMBER, EDGE_MEMBER)
FAR = (0, -5, 1, 1_048_575, 1_048_576, 3 << 29, (1 << 30) - 1, 1 << 30, 1 << 62)
"""Prices at both ends of a page, of a directory, and of what the kernel takes at all."""


class Storm:
    """A flow of `count` commands; `spread` prices around the middle, `wild` in a thousand are out of the ordinary."""

    def __init__(self, seed: int, *, spread: int, wild: int, members: int = 4) -> None:
        self._draw = random.Random(seed)
        self._spread = spread
        self._wild = wild
        self._members = members
        self._numbers: dict[int, int] = {}
        self._sent: list[int] = []

    def commands(self, count: int) -> list[Command]:
        return [self._command(1000 + place) for place in range(count)]

    def _command(self, ts_ns: int) -> Command:
        draw, kind, target = self._draw, self._kind(), 0
        if kind in {Kind.CANCEL, Kind.REPLACE, Kind.REDUCE}:
            target = draw.choice(self._sent[-200:])
        elif kind in RARE and self._sent:
            target = draw.choice((0, 0, self._sent[-1]))
        identity = self._identity(target if draw.random() < 0.95 else 0)
        if kind == Kind.NEW:
            self._sent.append(identity)
        return Command(
            ts_ns=ts_ns,
            command_id=identity,
            target_id=target,
            price=draw.choice((0, self._price())) if kind == Kind.REPLACE else self._price(),
            qty=draw.choice((1, 5, 10, 100, draw.randrange(500), (1 << 32) - 1 if self._strange() else 7)),
            customer=draw.randrange(1 << 16),
            kind=int(kind),
            side=draw.randrange(2),
            type=int(OrderType.MARKET if draw.random() < 0.05 else OrderType.LIMIT),
            tif=int(draw.choice((TimeInForce.GTC, TimeInForce.GTC, *TimeInForce))),
            flags=2 * (draw.random() < 0.05) + (self._strange() and draw.random() < 0.2),
        )

    def _strange(self) -> bool:
        return self._draw.randrange(1000) < self._wild

    def _kind(self) -> Kind:
        if self._strange() and self._draw.random() < 0.3:
            return self._draw.choice(RARE)
        changes = (Kind.CANCEL, Kind.CANCEL, Kind.REPLACE, Kind.REDUCE)
        return self._draw.choice((Kind.NEW,) * 5 + changes if self._sent else (Kind.NEW,))

    def _identity(self, owned: int) -> int:
        """The next id of the owner of an order, or of any member; of one id in a hundred, not the next."""
        draw = self._draw
        member = owned >> 48 or draw.randrange(1, self._members + 1)
        if self._strange():
            member = draw.choice(STRANGERS)
        number = self._numbers.get(member, 0) + 1
        if self._strange():
            return command_id(member, draw.randrange(number + 1))
        self._numbers[member] = number
        return command_id(member, number)

    def _price(self) -> int:
        if self._strange():
            return self._draw.choice(FAR)
        return 1 + max(0, 5000 + self._draw.randrange(-self._spread, self._spread + 1))
