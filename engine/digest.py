"""The digest of a symbol's whole state: blake3 over canonical bytes, so that equal states, and only those, agree.

Canonical bytes, little-endian, version 1::

    header    <4sB8sQ     b"AEXS", version 1, symbol (NUL padded), seq of the last command applied
    book      twice: first the book of the market, then the canary book
      trade   <qI         last trade: price in ticks, quantity (0, 0 before the first one)
      bids    <I + orders count, then the orders in price-time priority
      asks    <I + orders the same
      order   <QqIHB      order id, price in ticks, open quantity, customer, time in force
    marks     <I + marks  count, then one mark per member, ascending
      mark    <HQ         member, highest command id seen

A second program can compute the same bytes from this table alone; `oracle` does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Final

import msgspec
from blake3 import blake3

from engine.book import Book
from engine.ladder import Ladder, RestingOrder

__all__ = ["DIGEST_SIZE", "Difference", "canonical_bytes", "digest", "first_difference"]

DIGEST_SIZE: Final = 32

_HEADER: Final = struct.Struct("<4sB8sQ")
_TRADE: Final = struct.Struct("<qI")
_COUNT: Final = struct.Struct("<I")
_ORDER: Final = struct.Struct("<QqIHB")
_MARK: Final = struct.Struct("<HQ")
_MAGIC: Final = b"AEXS"
_VERSION: Final = 1


class Difference(msgspec.Struct, frozen=True):
    """The first place where two books differ: which part, at which position in priority, and both contents."""

    part: str
    position: int
    left: str
    right: str


def canonical_bytes(symbol: str, seq: int, book: Book, canary: Book, marks: Mapping[int, int]) -> bytes:
    """The bytes that the digest is taken of."""
    pieces = [_HEADER.pack(_MAGIC, _VERSION, symbol.encode(), seq)]
    for part in (book, canary):
        pieces.append(_TRADE.pack(part.last_price, part.last_qty))
        for ladder in (part.bids, part.asks):
            images = _images(ladder)
            pieces.append(_COUNT.pack(len(images)))
            pieces += images
    pieces.append(_COUNT.pack(len(marks)))
    pieces += [_MARK.pack(member, marks[member]) for member in sorted(marks)]
    return b"".join(pieces)


def digest(symbol: str, seq: int, book: Book, canary: Book, marks: Mapping[int, int]) -> bytes:
    """32 bytes that equal states share."""
    return blake3(canonical_bytes(symbol, seq, book, canary, marks)).digest()


def first_difference(left: Book, right: Book) -> Difference | None:
    """Where two books first differ in price-time priority, bids before asks; None when they are equal."""
    for part, ladders in (("bids", (left.bids, right.bids)), ("asks", (left.asks, right.asks))):
        pairs = zip_longest(_lines(ladders[0]), _lines(ladders[1]), fillvalue="nothing")
        for position, (mine, theirs) in enumerate(pairs):
            if mine != theirs:
                return Difference(part, position, mine, theirs)
    trades = [f"{book.last_qty} @ {book.last_price}" for book in (left, right)]
    return None if trades[0] == trades[1] else Difference("last trade", 0, trades[0], trades[1])


def _images(ladder: Ladder) -> list[bytes]:
    """Canonical bytes of a side; an order's bytes are kept until its quantity changes, for most orders never do."""
    images: list[bytes] = []
    levels = ladder.levels
    for key in ladder.keys:
        order: RestingOrder | None = levels[key].first
        while order is not None:
            image = order.image
            if image is None:
                image = order.image = _ORDER.pack(
                    order.order_id, order.price, order.open_qty, order.customer, order.tif
                )
            images.append(image)
            order = order.after
    return images


def _lines(ladder: Ladder) -> Iterator[str]:
    for order in ladder:
        yield f"order {order.order_id}: {order.open_qty} @ {order.price}, customer {order.customer}, tif {order.tif}"
