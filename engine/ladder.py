"""One side of a book: levels by price, each a first-in-first-out queue of resting orders.

A ladder keeps its levels under *keys* that sort best first on both sides: a sell's key is its price, a buy's key the
negated price. Finding a level is a dictionary look-up, finding the next best one a sorted list's head; an order knows
its neighbours, so that leaving the queue costs the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sortedcontainers import SortedList

from engine.messages import Side

__all__ = ["NO_KEY", "Ladder", "Level", "RestingOrder"]

NO_KEY: Final = 1 << 80
"""The key of an empty ladder's best level: worse than any price that fits the wire."""

_SELL: Final = int(Side.SELL)


class RestingOrder:
    """An order in a queue; `image` caches its canonical bytes until its quantity changes (see `engine.digest`)."""

    __slots__ = ("after", "before", "customer", "image", "open_qty", "order_id", "price", "side", "tif")

    # Positional because this runs once a command: keywords cost a tenth of the match.
    def __init__(  # noqa: PLR0917
        self, order_id: int, side: int, price: int, qty: int, customer: int, tif: int
    ) -> None:
        """An order that rests nowhere yet."""
        self.order_id = order_id
        self.side = side
        self.price = price
        self.open_qty = qty
        self.customer = customer
        self.tif = tif
        self.image: bytes | None = None
        self.before: RestingOrder | None = None
        self.after: RestingOrder | None = None


class Level:
    """The queue at one price; never empty while it is part of a ladder."""

    __slots__ = ("first", "key", "last")

    def __init__(self, key: int, order: RestingOrder) -> None:
        """A level is born with its first order."""
        self.key = key
        self.first: RestingOrder = order
        self.last: RestingOrder = order

    def __iter__(self) -> Iterator[RestingOrder]:
        """The orders, longest waiting first."""
        order: RestingOrder | None = self.first
        while order is not None:
            yield order
            order = order.after


class Ladder:
    """One side of a book."""

    __slots__ = ("best", "keys", "levels", "side")

    def __init__(self, side: int) -> None:
        """An empty ladder."""
        self.side = side
        self.levels: dict[int, Level] = {}
        self.keys: SortedList[int] = SortedList()
        self.best = NO_KEY

    def __iter__(self) -> Iterator[RestingOrder]:
        """The orders in price-time priority."""
        for key in self.keys:
            yield from self.levels[key]

    def __len__(self) -> int:
        """How many levels there are."""
        return len(self.levels)

    def key_of(self, price: int) -> int:
        """Where a price sorts on this side: smaller is better."""
        return price if self.side == _SELL else -price

    def price_of(self, key: int) -> int:
        """The price that sorts at `key`."""
        return key if self.side == _SELL else -key

    def best_price(self) -> int | None:
        """The best price in ticks, None when the side is empty."""
        return None if self.best == NO_KEY else self.price_of(self.best)

    def quantity_at(self, key: int) -> int:
        """What rests at one level, 0 where there is none."""
        level = self.levels.get(key)
        return 0 if level is None else sum(order.open_qty for order in level)

    def append(self, order: RestingOrder) -> None:
        """Rest an order at the end of its price's queue."""
        key = order.price if self.side == _SELL else -order.price
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level(key, order)
            self.keys.add(key)
            if key < self.best:  # noqa: PLR1730 - min() is a call in the hottest path
                self.best = key
        else:
            last = level.last
            order.before = last
            last.after = order
            level.last = order

    def remove(self, order: RestingOrder) -> None:
        """Take an order out of its queue, and the level with it when it was the last one there."""
        before, after = order.before, order.after
        if before is not None and after is not None:
            before.after = after
            after.before = before
            return
        key = order.price if self.side == _SELL else -order.price
        if before is not None:
            before.after = None
            self.levels[key].last = before
        elif after is not None:
            after.before = None
            self.levels[key].first = after
        else:
            self.drop(key)

    def drop(self, key: int) -> None:
        """Forget a level whose orders are gone."""
        del self.levels[key]
        keys = self.keys
        if key == self.best:
            del keys[0]
            self.best = keys[0] if keys else NO_KEY
        else:
            keys.remove(key)

    def check(self) -> None:
        """Hold the ladder's invariants.

        Raises:
            AssertionError: one of them is broken.
        """
        assert list(self.keys) == sorted(self.levels), "the keys are the levels, best first"
        assert self.best == (self.keys[0] if self.keys else NO_KEY), "best is the first key"
        for key, level in self.levels.items():
            self._check_level(key, level)

    def _check_level(self, key: int, level: Level) -> None:
        assert level.key == key, "a level is filed under its own key"
        assert level.first.before is None, "nobody stands before the first"
        assert level.last.after is None, "nobody stands behind the last"
        before = None
        for order in level:
            assert order.before is before, "neighbours know each other"
            assert order.side == self.side, "an order rests on its own side"
            assert self.key_of(order.price) == key, "an order rests at its own price"
            assert order.open_qty > 0, "what rests has quantity"
            before = order
        assert before is level.last, "the queue ends at its last order"
