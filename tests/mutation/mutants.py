"""Wrong engines, each one patch away from the right one: what the generic suites must notice.

A patch replaces text that must occur exactly once in the file; when the engine is rewritten and the text is gone, the
check fails until the mutant is written anew.
"""

# ruff: noqa: E501 - a patch is read beside the line that it changes

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["MUTANTS", "Mutant", "Patch"]


class Patch(NamedTuple):
    """One replacement in one file."""

    file: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """Change the file in a copy of its folder.

        Raises:
            ValueError: the text is not there, or more than once.
        """
        path = folder / self.file
        source = path.read_text()
        found = source.count(self.old)
        if found != 1:
            raise ValueError(f"{self.file}: expected once, found {found} times: {self.old!r}")
        path.write_text(source.replace(self.old, self.new))


class Mutant(NamedTuple):
    """A wrong engine."""

    name: str
    patches: tuple[Patch, ...]


_TO_THE_TAIL = """
            if maker.after is not None:
                second = maker.after
                second.before = None
                maker.before, maker.after = level.last, None
                level.last.after = level.last = maker
                maker = second
            break
"""

MUTANTS = (
    Mutant(
        "last in, first out in a level",
        (
            Patch(
                "ladder.py",
                "            last = level.last\n            order.before = last\n            last.after = order\n"
                "            level.last = order\n",
                "            first = level.first\n            order.after = first\n            first.before = order\n"
                "            level.first = order\n",
            ),
        ),
    ),
    Mutant(
        "trades print at the taker's price",
        (
            Patch("matching.py", "taker_id, maker.price, qty))", "taker_id, taker.price or maker.price, qty))"),
            Patch(
                "matching.py", "taker_id, maker.price, available))", "taker_id, taker.price or maker.price, available))"
            ),
        ),
    ),
    Mutant(
        "a partial fill goes to the tail",
        (Patch("matching.py", "            qty = 0\n            break\n", f"            qty = 0{_TO_THE_TAIL}"),),
    ),
    Mutant(
        "cancelling the first order sends the second to the tail",
        (
            Patch(
                "ladder.py",
                "            after.before = None\n            self.levels[key].first = after\n",
                "            level = self.levels[key]\n            after.before = None\n            level.first = after\n"
                "            if after.after is not None:\n                level.first = after.after\n"
                "                level.first.before = None\n                after.before, after.after = level.last, None\n"
                "                level.last.after = level.last = after\n",
            ),
        ),
    ),
    Mutant(
        "the rest of an IOC order rests", (Patch("book.py", "order.tif < _IOC, post)", "order.tif <= _IOC, post)"),)
    ),
    Mutant("FOK fills partly", (Patch("book.py", "can_fill(opposite, limit, qty)", "can_fill(opposite, limit, 1)"),)),
    Mutant(
        "post-only trades",
        (
            Patch(
                "book.py",
                "            if post:\n                return _WOULD_TRADE\n            self",
                "            self",
            ),
        ),
    ),
    Mutant(
        "the rest of a market order rests",
        (
            Patch(
                "book.py", "self._enter(order, _ANY_PRICE, False, post)", "self._enter(order, _ANY_PRICE, True, post)"
            ),
        ),
    ),
    Mutant(
        "a reduce loses priority",
        (
            Patch(
                "book.py",
                "        order.open_qty -= qty\n",
                "        order.open_qty -= qty\n        ladder = self.asks if order.side == _SELL else self.bids\n"
                "        ladder.remove(order)\n        order.before = order.after = None\n        ladder.append(order)\n",
            ),
        ),
    ),
    Mutant(
        "a replace to less loses priority",
        (
            Patch(
                "book.py",
                "price == order.price and qty <= order.open_qty",
                "price == order.price and qty == order.open_qty",
            ),
        ),
    ),
    Mutant(
        "a replace to more keeps priority",
        (Patch("book.py", "price == order.price and qty <= order.open_qty", "price == order.price"),),
    ),
    Mutant(
        "a resend executes twice",
        (Patch("venue.py", "        elif identity <= window.mark:\n", "        elif identity < window.mark:\n"),),
    ),
)
