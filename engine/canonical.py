"""Canonical bytes of a symbol's whole state, version 1: what its digest is taken of and what a snapshot holds.

Little-endian. A version keeps magic and version where they are and may change everything behind them; version 1 is
frozen, and `engine.restore` reads it for ever::

    header     <4sB8sQBII    b"AEXS", version 1, symbol (NUL padded), seq of the last command applied, 1 if the symbol
                             is halted (else 0), tick, lot
    book       twice: first the book of the market, then the canary book
      trade    <qI           last trade: price, quantity (0, 0 before the first one)
      account  <16s16s16s    quantity entered, traded, cancelled since genesis, each a 128-bit integer
      bids     <I + orders   count, then the orders in price-time priority
      asks     <I + orders   the same
      order    <QqIHB        order id, price, open quantity, customer, time in force
    windows    <I + windows  count, then one window per member that was ever heard of, members ascending
      window   <HH + answers member, count (1 to 32), then the answers, oldest first; the newest is the high-water mark
      answer   <QQqBBII      command id, seq, ts_ns, status, reason, open quantity, number of fills; then the fills
      fill     <QQqI         maker's order id, taker's order id, price, quantity

A second program can compute the same bytes from this table alone; `oracle` does.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from engine.book import Book
from engine.ladder import Ladder, RestingOrder
from engine.window import Window

__all__ = [
    "ACCOUNT",
    "COUNT",
    "HEADER",
    "MAGIC",
    "ORDER",
    "TRADE",
    "VERSION",
    "WINDOW_HEAD",
    "book_bytes",
    "canonical_bytes",
]

MAGIC: Final = b"AEXS"
VERSION: Final = 1

HEADER: Final = struct.Struct("<4sB8sQBII")
TRADE: Final = struct.Struct("<qI")
ACCOUNT: Final = struct.Struct("<16s16s16s")
COUNT: Final = struct.Struct("<I")
ORDER: Final = struct.Struct("<QqIHB")
WINDOW_HEAD: Final = struct.Struct("<HH")


def canonical_bytes(head: tuple[str, int, bool], book: Book, canary: Book, windows: Mapping[int, Window]) -> bytes:
    """The bytes that two states share exactly if they are equal; `head` is symbol, seq and whether it is halted."""
    symbol, seq, halted = head
    pieces = [HEADER.pack(MAGIC, VERSION, symbol.encode(), seq, halted, book.tick, book.lot)]
    pieces += (book_bytes(book), book_bytes(canary))
    pieces.append(COUNT.pack(len(windows)))
    for member in sorted(windows):
        window = windows[member]
        pieces.append(WINDOW_HEAD.pack(member, len(window.answers)))
        pieces += window.answers
    return b"".join(pieces)


def book_bytes(book: Book) -> bytes:
    """The part of the canonical bytes that one book is."""
    account = (book.entered, book.traded, book.cancelled)
    pieces = [TRADE.pack(book.last_price, book.last_qty)]
    pieces.append(ACCOUNT.pack(*(total.to_bytes(16, "little") for total in account)))
    for ladder in (book.bids, book.asks):
        images = _images(ladder)
        pieces.append(COUNT.pack(len(images)))
        pieces += images
    return b"".join(pieces)


def _images(ladder: Ladder) -> list[bytes]:
    """Canonical bytes of a side; an order's bytes are kept until its quantity changes, for most orders never do."""
    images: list[bytes] = []
    levels = ladder.levels
    for key in ladder.keys:
        order: RestingOrder | None = levels[key].first
        while order is not None:
            image = order.image
            if image is None:
                image = order.image = ORDER.pack(order.order_id, order.price, order.open_qty, order.customer, order.tif)
            images.append(image)
            order = order.after
    return images
