"""From canonical bytes back to a venue: the other direction of `engine.canonical`, and stricter than trust.

The bytes may come from anywhere. Each count is held against the bytes that are left before anything is made of it, so
memory stays within a small multiple of the input, and every rule that a venue keeps by itself is asked here: a state
that no journal can lead to is refused with the offset where that shows. What is accepted has, byte for byte, the
canonical bytes that it was restored from.

The version is the reader's key: a state of version 1 is read by `_version_1` for ever, whatever is written by then.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, Final

from engine.book import Book
from engine.canonical import ACCOUNT, COUNT, HEADER, MAGIC, ORDER, TRADE, VERSION, WINDOW_HEAD
from engine.errors import StateError
from engine.ladder import Ladder, RestingOrder
from engine.messages import CANARY_MEMBER, Reason, Side, Status, TimeInForce
from engine.venue import Venue
from engine.window import ANSWER, ANSWER_FILL, WINDOW, Window

__all__ = ["restore"]

_PREFIX: Final = struct.Struct("<4sB")
_SYMBOL: Final = re.compile(rb"[A-Z][A-Z0-9.]{0,7}\0*")
_MAX_PRICE: Final = 1 << 63
_STATUSES: Final = frozenset(int(status) for status in Status)
_REASONS: Final = frozenset(int(reason) for reason in Reason)
_OPEN, _REJECTED, _DONE = int(Status.OPEN), int(Status.REJECTED), int(Status.DONE)
_RESTING: Final = frozenset((int(TimeInForce.GTC), int(TimeInForce.DAY)))


def restore(canonical: bytes) -> Venue:
    """The venue whose canonical bytes these are; it behaves as the one that gave them out, for ever after.

    Raises:
        StateError: the bytes are no canonical state of a version that this engine reads; nothing else.
    """
    if len(canonical) < _PREFIX.size:
        raise StateError(offset=0, expected=f"{_PREFIX.size} bytes of magic and version", found=f"{len(canonical)}")
    magic, version = _PREFIX.unpack_from(canonical)
    if magic != MAGIC:
        raise StateError(offset=0, expected=f"magic {MAGIC!r}", found=f"{magic!r}")
    reader = _READERS.get(version)
    if reader is None:
        raise StateError(offset=4, expected=f"a version of {sorted(_READERS)}", found=f"version {version}")
    return reader(canonical)


class _Cursor:
    """Reads structures one after the other and knows where it stands."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, layout: struct.Struct, what: str) -> tuple[Any, ...]:
        """The next structure."""
        self.need(layout.size, what)
        fields = layout.unpack_from(self.raw, self.at)
        self.at += layout.size
        return fields

    def count(self, size: int, what: str) -> int:
        """The next count, of items that have at least `size` bytes each."""
        (count,) = self.take(COUNT, f"a count of {what}")
        self.need(count * size, f"{count} {what}")
        return int(count)

    def need(self, size: int, what: str) -> None:
        left = len(self.raw) - self.at
        self.hold(size <= left, f"{size} bytes of {what}", f"{left} bytes to the end")

    def hold(self, holds: bool, expected: str, found: object) -> None:
        """A rule of the state, asked where the cursor stands."""
        if not holds:
            raise StateError(offset=self.at, expected=expected, found=f"{found}")


def _version_1(canonical: bytes) -> Venue:
    cursor = _Cursor(canonical)
    _, _, name, seq, halted, tick, lot = cursor.take(HEADER, "header")
    cursor.hold(_SYMBOL.fullmatch(name) is not None, "a symbol, NUL padded", f"{name!r}")
    cursor.hold(halted <= 1, "halted 0 or 1", halted)
    cursor.hold(tick >= 1 and lot >= 1, "tick and lot from 1", f"{tick}, {lot}")
    venue = Venue(name.rstrip(b"\0").decode("ascii"), tick=tick, lot=lot)
    venue.seq, venue.halted = seq, bool(halted)
    _book(cursor, venue.book)
    _book(cursor, venue.canary)
    _windows(cursor, venue)
    cursor.hold(cursor.at == len(canonical), "the end", f"{len(canonical) - cursor.at} more bytes")
    _hold_owners(cursor, venue)
    return venue


_READERS: Final[dict[int, Callable[[bytes], Venue]]] = {VERSION: _version_1}


def _book(cursor: _Cursor, book: Book) -> None:
    price, qty = cursor.take(TRADE, "last trade")
    traded_once = price > 0 and qty > 0 and not price % book.tick and not qty % book.lot
    cursor.hold(traded_once or (price, qty) == (0, 0), "a trade in whole ticks and lots, or 0, 0", (price, qty))
    totals = cursor.take(ACCOUNT, "account")
    book.last_price, book.last_qty = price, qty
    book.entered, book.traded, book.cancelled = (int.from_bytes(total, "little") for total in totals)
    for ladder in (book.bids, book.asks):
        _ladder(cursor, book, ladder)
    open_qty = sum(order.open_qty for order in book.index.values())
    accounted = open_qty + 2 * book.traded + book.cancelled
    cursor.hold(book.entered == accounted, f"quantity entered {accounted}", book.entered)
    cursor.hold(bool(book.traded) == bool(qty), "a last trade exactly if quantity was traded", (book.traded, qty))
    crossed = bool(book.bids and book.asks) and -book.bids.best >= book.asks.best
    cursor.hold(not crossed, "a best bid below the best ask", (book.bids.best_price(), book.asks.best_price()))


def _ladder(cursor: _Cursor, book: Book, ladder: Ladder) -> None:
    last_key = -_MAX_PRICE
    for _ in range(cursor.count(ORDER.size, f"{Side(ladder.side).name.lower()} orders")):
        start = cursor.at
        order_id, price, qty, customer, tif = cursor.take(ORDER, "order")
        cursor.at = start
        key = ladder.key_of(price)
        cursor.hold(price > 0 and not price % book.tick, f"a price in ticks of {book.tick}", price)
        cursor.hold(key >= last_key, "price priority", f"{price} behind {ladder.price_of(last_key)}")
        cursor.hold(qty > 0 and not qty % book.lot, f"a quantity in lots of {book.lot}", qty)
        cursor.hold(tif in _RESTING, "GTC or DAY", f"time in force {tif}")
        cursor.hold(order_id not in book.index, "each order once", f"order {order_id} again")
        order = RestingOrder(order_id, ladder.side, price, qty, customer, tif)
        ladder.append(order)
        book.index[order_id] = order
        last_key = key
        cursor.at = start + ORDER.size


def _windows(cursor: _Cursor, venue: Venue) -> None:
    last_member = -1
    for _ in range(cursor.count(WINDOW_HEAD.size + ANSWER.size, "windows")):
        start = cursor.at
        member, count = cursor.take(WINDOW_HEAD, "window")
        cursor.at = start
        cursor.hold(member > last_member, f"a member above {last_member}", member)
        cursor.hold(1 <= count <= WINDOW, f"1 to {WINDOW} answers", count)
        cursor.at = start + WINDOW_HEAD.size
        venue.windows[member] = _window(cursor, member, count, venue.seq)
        last_member = member


def _window(cursor: _Cursor, member: int, count: int, seq: int) -> Window:
    window, last_seq = Window(member), 0
    for _ in range(count):
        start = cursor.at
        identity, answered, _, status, reason, open_qty, fills = cursor.take(ANSWER, "answer")
        cursor.at = start
        cursor.hold(identity >> 48 == member, f"a command of member {member}", identity)
        cursor.hold(identity > window.mark, f"a command id above {window.mark}", identity)
        cursor.hold(last_seq < answered <= seq, f"a seq above {last_seq}, at most {seq}", answered)
        cursor.hold(status in _STATUSES and reason in _REASONS, "a known status and reason", (status, reason))
        cursor.hold((status == _OPEN) == (open_qty > 0), "an open quantity exactly if open", (status, open_qty))
        cursor.hold(status == _DONE or (reason > 0) == (status == _REJECTED), "a reason if rejected", reason)
        cursor.need(ANSWER.size + fills * ANSWER_FILL.size, f"an answer with {fills} fills")
        cursor.at = start + ANSWER.size + fills * ANSWER_FILL.size
        for _, taker, price, qty in ANSWER_FILL.iter_unpack(cursor.raw[start + ANSWER.size : cursor.at]):
            cursor.hold(taker >> 48 == member and price > 0 and qty > 0, "fills of the member", (taker, price, qty))
        window.answers.append(cursor.raw[start : cursor.at])
        window.mark, last_seq = identity, answered
    return window


def _hold_owners(cursor: _Cursor, venue: Venue) -> None:
    """Each order was sent by a member that trades, rests in one book, and stands below its member's mark."""
    for identity in (*venue.book.index, *venue.canary.index):
        member = identity >> 48
        cursor.hold(
            member <= CANARY_MEMBER and member << 48 < identity <= venue.mark(member),
            "orders of members that sent them",
            f"order {identity}, mark {venue.mark(member)}",
        )
    twice = venue.book.index.keys() & venue.canary.index.keys()
    cursor.hold(not twice, "an order in one book only", f"order {min(twice, default=0)} in both")
