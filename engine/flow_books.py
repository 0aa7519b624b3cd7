"""Any order flow in, what the engine did with it out: the books behind `python -m engine match`.

The flow is read in blocks, answered in blocks, and forgotten: what stays in memory is the books. Ids are the flow's
own, integers or strings; the book keeps them as they came and knows only those that rest, so an id whose order is gone
may be used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol, cast

import msgspec

from engine.book import Book
from engine.errors import FlowError
from engine.ladder import RestingOrder
from engine.messages import OrderType, Outcome, Reason, Side, TimeInForce
from engine.order_flow import (
    MAX_LINE_BYTES,
    REASONS,
    STATUSES,
    FlowAnswer,
    FlowBook,
    FlowCommand,
    read_command,
    refused,
)

__all__ = ["FlowBooks", "Readable", "match_flow"]

BLOCK_BYTES: Final = 256 << 10

_SIDES: Final = {"B": int(Side.BUY), "S": int(Side.SELL)}
_TIFS: Final = {None: int(TimeInForce.GTC)} | {tif.name: int(tif) for tif in TimeInForce}
_LIMIT: Final = int(OrderType.LIMIT)
_MARKET: Final = int(OrderType.MARKET)
_NONE: Final = int(Reason.NONE)
_encode: Final = msgspec.json.Encoder()


class Readable(Protocol):
    """An unbuffered binary stream, such as `open(path, "rb", buffering=0)`."""

    def read(self, size: int = -1, /) -> bytes | None:
        """At most `size` bytes, b"" at the end."""


class FlowBooks:
    """One book for each symbol of a flow; commands without `symbol` belong to the symbol ""."""

    def __init__(self) -> None:
        """No symbol has been seen yet."""
        self.books: dict[str, Book] = {}

    def answer(self, number: int, command: FlowCommand) -> FlowAnswer | None:
        """Apply the command of line `number`; None for `noop`, which gets no answer.

        Raises:
            FlowError: a key is missing that the action needs; no book has changed.
        """
        action = command.action
        if action == "noop":
            return None
        symbol = command.symbol or ""
        book = self.books.get(symbol) or self.books.setdefault(symbol, Book())
        outcome = self._new(book, number, command) if action == "new" else self._change(book, number, command)
        return FlowAnswer(
            number if command.seq is None else command.seq,
            STATUSES[outcome.status],
            outcome.open_qty,
            outcome.fills,
            None if outcome.reason == _NONE else REASONS[outcome.reason],
        )

    def last_line(self) -> bytes:
        """What `--book` adds: the book, or one entry per symbol where the flow had several."""
        shown = {symbol: FlowBook.of(book.bids, book.asks) for symbol, book in self.books.items()}
        if len(shown) > 1:
            return _encode.encode(shown) + b"\n"
        empty = Book()
        return _encode.encode(next(iter(shown.values()), FlowBook.of(empty.bids, empty.asks))) + b"\n"

    def _new(self, book: Book, number: int, command: FlowCommand) -> Outcome:
        identity, side, qty, price = command.order_id, command.side, command.qty, command.price
        if identity is None or side is None or qty is None:
            raise refused(command, number)
        if command.type == "market":
            order_type, price = _MARKET, 0
        elif price is None:
            raise refused(command, number)
        else:
            order_type = _LIMIT
        # The book never looks into an id: whatever can be a key names an order.
        order = RestingOrder(cast("int", identity), _SIDES[side], price, qty, 0, _TIFS[command.tif])
        return book.new(order, order_type, command.post_only is True)

    def _change(self, book: Book, number: int, command: FlowCommand) -> Outcome:
        action, qty = command.action, command.qty
        if action is None or command.order_id is None:
            raise refused(command, number)
        identity = cast("int", command.order_id)
        if action == "cancel":
            return book.cancel(identity)
        if qty is None:
            raise refused(command, number)
        if action == "reduce":
            return book.reduce(identity, qty)
        price = command.price
        # To the book 0 means "unchanged"; in a flow that is said by leaving the key out, and 0 is a bad price.
        return book.replace(identity, 0 if price is None else price or -1, qty, command.post_only is True)


def match_flow(source: Readable, write: Callable[[bytes], object], *, with_book: bool = False) -> None:
    """Answer a flow, block by block: every complete line that could be read is answered before more is read.

    Raises:
        FlowError: a line is no command; the answers to the lines before it have been written.
    """
    books = FlowBooks()
    number = 0
    for lines in _blocks(source):
        answers: list[FlowAnswer] = []
        try:
            for line in lines:
                number += 1
                answer = books.answer(number, read_command(line, number))
                if answer is not None:
                    answers.append(answer)
        finally:
            write(_encode.encode_lines(answers))
    if with_book:
        write(books.last_line())


def _blocks(source: Readable) -> Iterator[list[bytes]]:
    """The lines of the stream, without their ends, as many at a time as were read at once."""
    rest = b""
    number = 1
    while block := source.read(BLOCK_BYTES):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        number += len(lines)
        yield lines
        if len(rest) > MAX_LINE_BYTES:
            raise FlowError(number, "-", expected=f"a line of at most {MAX_LINE_BYTES} bytes", found="a longer one")
    if rest:
        yield [rest]
