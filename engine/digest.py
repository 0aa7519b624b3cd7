"""The digest of a symbol's whole state: blake3 over its canonical bytes, so that equal states, and only those, agree.

When two digests differ, `first_difference` says where: it compares the two states part by part, in the order of the
canonical bytes, and names the first order, answer or figure that is not the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Final

import msgspec
from blake3 import blake3

from engine.book import Book
from engine.ladder import Ladder
from engine.window import Window

__all__ = ["DIGEST_SIZE", "Difference", "book_difference", "digest", "window_difference"]

DIGEST_SIZE: Final = 32
NOTHING: Final = "nothing"


class Difference(msgspec.Struct, frozen=True):
    """The first place where two states differ: which part, at which position in it, and both contents."""

    part: str
    position: int
    left: str
    right: str


def digest(canonical: bytes | memoryview) -> bytes:
    """32 bytes that equal states share."""
    return blake3(canonical).digest()


def book_difference(left: Book, right: Book, name: str = "") -> Difference | None:
    """Where two books first differ: bids before asks in price-time priority, then last trade and account."""
    for side, ladders in (("bids", (left.bids, right.bids)), ("asks", (left.asks, right.asks))):
        found = _first(f"{name}{side}", _orders(ladders[0]), _orders(ladders[1]))
        if found is not None:
            return found
    return _first(f"{name}last trade", [_trade(left)], [_trade(right)]) or _first(
        f"{name}account", [_account(left)], [_account(right)]
    )


def window_difference(left: Mapping[int, Window], right: Mapping[int, Window]) -> Difference | None:
    """Where the members' windows first differ, members ascending, each window oldest answer first."""
    for member in sorted(left.keys() | right.keys()):
        found = _first(f"window of member {member}", _answers(left.get(member)), _answers(right.get(member)))
        if found is not None:
            return found
    return None


def _first(part: str, left: Iterable[str], right: Iterable[str]) -> Difference | None:
    for position, (mine, theirs) in enumerate(zip_longest(left, right, fillvalue=NOTHING)):
        if mine != theirs:
            return Difference(part, position, mine, theirs)
    return None


def _orders(ladder: Ladder) -> Iterator[str]:
    for order in ladder:
        yield f"order {order.order_id}: {order.open_qty} @ {order.price}, customer {order.customer}, tif {order.tif}"


def _trade(book: Book) -> str:
    return f"{book.last_qty} @ {book.last_price}"


def _account(book: Book) -> str:
    return f"entered {book.entered}, traded {book.traded}, cancelled {book.cancelled}"


def _answers(window: Window | None) -> Iterator[str]:
    for answer in window or ():
        yield (
            f"command {answer.command_id} at seq {answer.seq}, {answer.ts_ns} ns: status {answer.status}, "
            f"reason {answer.reason}, open {answer.open_qty}, fills {answer.fills}"
        )
