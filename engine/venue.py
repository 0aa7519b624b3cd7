"""A symbol's engine: the book, the canary book beside it, and what every member has sent so far.

Pure: no clock, no randomness, no I/O. The same commands give the same outcomes and the same digest, always.
"""

from __future__ import annotations

from typing import Final

from engine.book import REJECTED, Book
from engine.digest import Difference, canonical_bytes, digest, first_difference
from engine.errors import SequenceError
from engine.ladder import RestingOrder
from engine.messages import Command, CommandFlag, Kind, Outcome, Reason

__all__ = ["Venue"]

_NEW: Final = int(Kind.NEW)
_CANCEL: Final = int(Kind.CANCEL)
_REPLACE: Final = int(Kind.REPLACE)
_CANARY: Final = int(CommandFlag.CANARY)
_POST_ONLY: Final = int(CommandFlag.POST_ONLY)
_TOO_OLD: Final = REJECTED[Reason.TOO_OLD]
_UNKNOWN_ORDER: Final = REJECTED[Reason.UNKNOWN_ORDER]


class Venue:
    """One symbol's deterministic state machine.

    `seq` is the last command applied (0 at genesis), `marks` the highest command id per member: an id at or below
    its member's mark has been answered before and is rejected as too old, so that nothing executes twice.
    Canary commands meet only each other, in `canary`, through the same code.
    """

    __slots__ = ("book", "canary", "marks", "seq", "symbol")

    def __init__(self, symbol: str) -> None:
        """The genesis state."""
        self.symbol = symbol
        self.seq = 0
        self.book = Book()
        self.canary = Book()
        self.marks: dict[int, int] = {}

    def apply(self, seq: int, command: Command) -> Outcome:
        """Apply the next command and say what became of it.

        Raises:
            SequenceError: `seq` is not the next one; the state is unchanged.
        """
        if seq != self.seq + 1:
            raise self._out_of_sequence(seq)
        self.seq = seq
        identity = command.command_id
        member = identity >> 48
        marks = self.marks
        if identity <= marks.get(member, 0):
            return _TOO_OLD
        marks[member] = identity
        flags = command.flags
        book = self.canary if flags & _CANARY else self.book
        kind = command.kind
        if kind == _NEW:
            order = RestingOrder(identity, command.side, command.price, command.qty, command.customer, command.tif)
            return book.new(order, command.type, flags >= _POST_ONLY)
        target = command.target_id
        if target >> 48 != member:
            return _UNKNOWN_ORDER
        if kind == _CANCEL:
            return book.cancel(target)
        if kind == _REPLACE:
            return book.replace(target, command.price, command.qty, flags >= _POST_ONLY)
        return book.reduce(target, command.qty)

    def quote(self) -> tuple[int, int, int, int]:
        """Best bid, its quantity, best ask, its quantity of the market's book; 0, 0 where a side is empty."""
        return self.book.quote()

    def canonical_bytes(self) -> bytes:
        """The bytes that `digest` is taken of (documented in `engine.digest`)."""
        return canonical_bytes(self.symbol, self.seq, self.book, self.canary, self.marks)

    def digest(self) -> bytes:
        """32 bytes that equal states, and only those, share."""
        return digest(self.symbol, self.seq, self.book, self.canary, self.marks)

    def first_difference(self, other: Venue) -> Difference | None:
        """The first order in which the two market books differ, then the canary books; None when both agree."""
        return first_difference(self.book, other.book) or first_difference(self.canary, other.canary)

    def check(self) -> None:
        """Hold the invariants of both books.

        Raises:
            AssertionError: one of them is broken.
        """
        self.book.check()
        self.canary.check()
        assert not self.book.index.keys() & self.canary.index.keys(), "an order rests in one book only"
        assert all(mark >> 48 == member for member, mark in self.marks.items()), "a mark belongs to its member"

    def _out_of_sequence(self, seq: int) -> SequenceError:
        return SequenceError(
            "apply command",
            where=f"{self.symbol} seq {seq}",
            cause=f"expected seq {self.seq + 1}",
            hint="replay from the last contiguous seq",
        )
