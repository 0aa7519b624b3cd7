"""A state's canonical bytes as they are, straight into the compiled engine: what a snapshot holds is an image of it.

It accepts what `engine.restore` accepts, but for what is rare (a halted symbol, orders in the canary book, prices from
ten million dollars on); about everything else it says None, and `engine.restore` is asked, which knows why.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import kernel
from engine.book import Book
from engine.canonical import ACCOUNT, COUNT, HEADER, MAGIC, ORDER, TRADE, VERSION, WINDOW_HEAD
from engine.messages import CANARY_MEMBER, Side
from engine.window import ANSWER

__all__ = ["Image", "owners_hold", "read_image"]

_ORDER: Final = np.dtype([("id", "<i8"), ("price", "<i8"), ("qty", "<u4"), ("customer", "<u2"), ("tif", "u1")])
_SYMBOL: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.")
_DAY: Final = 1


class Image(NamedTuple):
    """What the bytes hold. `rows` are both sides' orders in the columns of `kernel.load`; `windows_at` is an offset."""

    symbol: str
    seq: int
    tick: int
    lot: int
    last_trade: tuple[int, int]
    account: tuple[int, int, int]
    rows: npt.NDArray[np.int64]
    canary: Book
    windows_at: int
    windows: int


def read_image(canonical: bytes) -> Image | None:  # noqa: PLR0911 - a return a rule
    """What the bytes hold, but for the windows, which `kernel.read_windows` reads; None: ask `engine.restore`."""
    if len(canonical) < HEADER.size:
        return None
    magic, version, name, seq, halted, tick, lot = HEADER.unpack_from(canonical)
    symbol = name.rstrip(b"\0")
    known = (magic, version, halted) == (MAGIC, VERSION, 0) and tick > 0 and lot > 0 and seq < kernel.NO_ASK
    if not known or not symbol or not _SYMBOL.issuperset(symbol) or not symbol[:1].isalpha():
        return None
    book, at = Book(tick, lot), HEADER.size
    found = _book(canonical, at, book)
    if found is None:
        return None
    rows, at = found
    canary = Book(tick, lot)
    found = _book(canonical, at, canary)
    if found is None or len(found[0]):
        return None
    at = found[1]
    if len(canonical) < at + COUNT.size:
        return None
    (windows,) = COUNT.unpack_from(canonical, at)
    if windows * (WINDOW_HEAD.size + ANSWER.size) > len(canonical) - at:
        return None
    return Image(
        symbol=symbol.decode("ascii"),
        seq=seq,
        tick=tick,
        lot=lot,
        last_trade=(book.last_price, book.last_qty),
        account=(book.entered, book.traded, book.cancelled),
        rows=rows,
        canary=canary,
        windows_at=at + COUNT.size,
        windows=windows,
    )


def _book(canonical: bytes, at: int, book: Book) -> tuple[npt.NDArray[np.int64], int] | None:
    """The orders of a book, its totals put into `book`, and where it ends; None where a rule does not hold."""
    if len(canonical) < at + TRADE.size + ACCOUNT.size:
        return None
    book.last_price, book.last_qty = TRADE.unpack_from(canonical, at)
    totals = ACCOUNT.unpack_from(canonical, at + TRADE.size)
    book.entered, book.traded, book.cancelled = (int.from_bytes(total, "little") for total in totals)
    at += TRADE.size + ACCOUNT.size
    sides = []
    for side in (Side.BUY, Side.SELL):
        orders = _side(canonical, at, side, book)
        if orders is None:
            return None
        sides.append(orders)
        at += COUNT.size + len(orders) * ORDER.size
    bids, asks = sides
    rows = np.concatenate(sides)
    resting = int(rows[:, 3].sum())
    price, qty = book.last_price, book.last_qty
    holds = (
        book.entered == resting + 2 * book.traded + book.cancelled
        and bool(book.traded) == bool(qty)
        and ((price, qty) == (0, 0) or (price > 0 and qty > 0 and not price % book.tick and not qty % book.lot))
        and not (len(bids) and len(asks) and bids[0, 2] >= asks[0, 2])
        and len(np.unique(rows[:, 0])) == len(rows)
    )
    return (rows, at) if holds else None


def _side(canonical: bytes, at: int, side: Side, book: Book) -> npt.NDArray[np.int64] | None:
    """One side's orders as rows: id, side, price, open quantity, customer | tif << 16 | side << 24."""
    if len(canonical) < at + COUNT.size:
        return None
    (count,) = COUNT.unpack_from(canonical, at)
    if count * ORDER.size > len(canonical) - at - COUNT.size:
        return None
    orders: npt.NDArray[Any] = np.frombuffer(canonical, _ORDER, count, at + COUNT.size)
    prices, quantities = orders["price"], orders["qty"]
    steps = np.diff(prices)
    holds = (
        ((prices > 0) & (prices < kernel.MAX_PRICE) & (prices % book.tick == 0)).all()
        and ((quantities > 0) & (quantities % book.lot == 0)).all()
        and (orders["tif"] <= _DAY).all()
        and ((steps <= 0) if side == Side.BUY else (steps >= 0)).all()
    )
    if not holds:
        return None
    rows = np.empty((count, 5), np.int64)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = orders["id"], int(side), prices, quantities
    rows[:, 4] = orders["customer"].astype(np.int64) | orders["tif"].astype(np.int64) << 16 | int(side) << 24
    return rows


def owners_hold(state: kernel.State, rows: npt.NDArray[np.int64]) -> bool:
    """Each order was sent by a member that trades, and stands at or below its member's mark."""
    members = (rows[:, 0] >> kernel.MEMBER_SHIFT) & 0xFFFF
    slots = state.slot_of[members].astype(np.int64) - 1
    if (members > CANARY_MEMBER).any() or (slots < 0).any():
        return False
    numbers, marks = rows[:, 0], state.marks[slots]
    return bool(((numbers <= marks) & (numbers > members << kernel.MEMBER_SHIFT)).all())
