"""From the compiled engine's own bytes to a venue: `engine.restore` without its questions, ten times as slow.

Only for canonical bytes that this process has just made; whatever comes from anywhere else is restored.
"""

from __future__ import annotations

from engine.book import Book
from engine.canonical import ACCOUNT, COUNT, HEADER, ORDER, TRADE, WINDOW_HEAD
from engine.ladder import Ladder, RestingOrder
from engine.venue import Venue
from engine.window import ANSWER, ANSWER_FILL, Window

__all__ = ["hand_over"]

_FILLS = ANSWER.size - COUNT.size
"""Where an answer says how many fills follow it."""


def hand_over(canonical: bytes, canary: Book, canary_size: int) -> Venue:
    """The venue of those bytes; `canary` is its canary book, whose `canary_size` bytes are passed over."""
    _, _, name, seq, halted, tick, lot = HEADER.unpack_from(canonical)
    venue = Venue(name.rstrip(b"\0").decode(), tick=tick, lot=lot)
    venue.seq, venue.halted, venue.canary = seq, bool(halted), canary
    book, at = venue.book, HEADER.size
    book.last_price, book.last_qty = TRADE.unpack_from(canonical, at)
    totals = ACCOUNT.unpack_from(canonical, at + TRADE.size)
    book.entered, book.traded, book.cancelled = (int.from_bytes(total, "little") for total in totals)
    at += TRADE.size + ACCOUNT.size
    for ladder in (book.bids, book.asks):
        at = _ladder(canonical, at, book, ladder)
    at += canary_size
    (windows,) = COUNT.unpack_from(canonical, at)
    at += COUNT.size
    for _ in range(windows):
        at = _window(canonical, at, venue)
    return venue


def _ladder(canonical: bytes, at: int, book: Book, ladder: Ladder) -> int:
    (count,) = COUNT.unpack_from(canonical, at)
    at += COUNT.size
    end = at + int(count) * ORDER.size
    for order_id, price, qty, customer, tif in ORDER.iter_unpack(canonical[at:end]):
        order = RestingOrder(order_id, ladder.side, price, qty, customer, tif)
        order.image = canonical[at : at + ORDER.size]
        ladder.append(order)
        book.index[order_id] = order
        at += ORDER.size
    return end


def _window(canonical: bytes, at: int, venue: Venue) -> int:
    member, count = WINDOW_HEAD.unpack_from(canonical, at)
    window = venue.windows[member] = Window(member)
    at += WINDOW_HEAD.size
    for _ in range(count):
        (fills,) = COUNT.unpack_from(canonical, at + _FILLS)
        end = at + ANSWER.size + int(fills) * ANSWER_FILL.size
        window.answers.append(canonical[at:end])
        at = end
    (window.mark,) = ANSWER.unpack_from(window.answers[-1])[:1]
    return at
