"""A symbol's engine: the book, the canary book beside it, and what every member was answered lately.

Pure: no clock, no randomness, no I/O. The same commands give the same outcomes and the same digest, always.
"""

from __future__ import annotations

from typing import Final

from engine.book import REJECTED, Book
from engine.canonical import canonical_bytes
from engine.digest import Difference, book_difference, digest, window_difference
from engine.errors import SequenceError
from engine.ladder import RestingOrder
from engine.listing import SYMBOLS, TEST_SYMBOLS, instrument
from engine.messages import (
    CANARY_MEMBER,
    EDGE_MEMBER,
    Answer,
    Command,
    CommandFlag,
    Kind,
    Outcome,
    Reason,
    Status,
    TimeInForce,
)
from engine.window import ANSWER, Window, pack_fills

__all__ = ["Venue"]

_NEW: Final = int(Kind.NEW)
_CANCEL: Final = int(Kind.CANCEL)
_REDUCE: Final = int(Kind.REDUCE)
_CANARY: Final = int(CommandFlag.CANARY)
_POST_ONLY: Final = int(CommandFlag.POST_ONLY)
_DAY: Final = int(TimeInForce.DAY)
_ANSWER: Final = ANSWER.pack
_LAST_TRADER: Final = CANARY_MEMBER
"""Members above this number operate the market and do not trade."""

_TOO_OLD: Final = REJECTED[Reason.TOO_OLD]
_UNKNOWN_ORDER: Final = REJECTED[Reason.UNKNOWN_ORDER]
_HALTED: Final = REJECTED[Reason.HALTED]
_NOT_HALTED: Final = REJECTED[Reason.NOT_HALTED]
_NOT_ALLOWED: Final = REJECTED[Reason.NOT_ALLOWED]
_DONE: Final = Outcome(int(Status.DONE))


class Venue:
    """One symbol's deterministic state machine.

    `seq` is the last command applied (0 at genesis), `windows` what each member was answered lately: an id at or below
    its member's mark was answered before; it is recalled or too old, and never executed again.
    Canary commands meet only each other, in `canary`, through the same code.

    While the symbol is `halted` orders may leave it and not come: cancel, reduce and mass cancel are taken, new and
    replace are rejected.
    """

    __slots__ = ("book", "canary", "halted", "seq", "symbol", "windows")

    def __init__(self, symbol: str, *, tick: int = 1, lot: int = 1) -> None:
        """The genesis state; prices are multiples of `tick`, quantities of `lot`."""
        self.symbol = symbol
        self.seq = 0
        self.halted = False
        self.book = Book(tick, lot)
        self.canary = Book(tick, lot)
        self.windows: dict[int, Window] = {}

    @classmethod
    def listed(cls, symbol: str) -> Venue:
        """The genesis state with the tick and lot of the listing; finest steps for a symbol that is not listed."""
        if symbol not in SYMBOLS + TEST_SYMBOLS:
            return cls(symbol)
        entry = instrument(symbol)
        return cls(symbol, tick=entry.tick_cents, lot=entry.lot)

    def apply(self, seq: int, command: Command) -> Outcome:
        """Apply the next command and say what became of it.

        A command whose id is not above its member's mark changes nothing and is rejected as too old; ask `recall`
        first whether it is a resend that has an answer.

        Raises:
            SequenceError: `seq` is not the next one; the state is unchanged.
        """
        if seq != self.seq + 1:
            raise self._out_of_sequence(seq)
        self.seq = seq
        identity = command.command_id
        member = identity >> 48
        window = self.windows.get(member)
        if window is None:
            if identity == member << 48:
                return _TOO_OLD
            window = self.windows[member] = Window(member)
        elif identity <= window.mark:
            return _TOO_OLD
        book = self.canary if command.flags & _CANARY else self.book
        kind = command.kind
        if kind > _REDUCE or member > _LAST_TRADER:
            outcome = self._operate(member, command, book)
        elif kind != _NEW:
            outcome = self._change(member, command, book)
        elif self.halted:
            outcome = _HALTED
        else:
            order = RestingOrder(identity, command.side, command.price, command.qty, command.customer, command.tif)
            outcome = book.new(order, command.type, command.flags >= _POST_ONLY)
        window.mark = identity
        fills = outcome.fills
        answer = _ANSWER(identity, seq, command.ts_ns, outcome.status, outcome.reason, outcome.open_qty, len(fills))
        window.answers.append(answer + pack_fills(fills) if fills else answer)
        return outcome

    def recall(self, identity: int) -> Answer | None:
        """The first answer to a command that is sent again; None when it is new, or too old to be known."""
        window = self.windows.get(identity >> 48)
        return None if window is None or identity > window.mark else window.recall(identity)

    def mark(self, member: int) -> int:
        """The highest command id that `member` has sent; below it nothing is new."""
        window = self.windows.get(member)
        return member << 48 if window is None else window.mark

    def rests(self, member: int) -> bool:
        """Whether `member` has an order in the market's book."""
        return any(identity >> 48 == member for identity in self.book.index)

    def quote(self) -> tuple[int, int, int, int]:
        """Best bid, its quantity, best ask, its quantity of the market's book; 0, 0 where a side is empty."""
        return self.book.quote()

    def canonical_bytes(self) -> bytes:
        """The whole state (layout in `engine.canonical`); `engine.restore.restore` gives back an equal venue."""
        head = (self.symbol, self.seq, self.halted)
        return canonical_bytes(head, self.book, self.canary, self.windows)

    def digest(self) -> bytes:
        """32 bytes that equal states, and only those, share."""
        return digest(self.canonical_bytes())

    def first_difference(self, other: Venue) -> Difference | None:
        """Where two states first differ: market book, canary book, windows, then the symbol's own state; else None."""
        return (
            book_difference(self.book, other.book)
            or book_difference(self.canary, other.canary, "canary ")
            or window_difference(self.windows, other.windows)
            or self._own_difference(other)
        )

    def check(self) -> None:
        """Hold the invariants of both books and of every window.

        Raises:
            AssertionError: one of them is broken.
        """
        self.book.check()
        self.canary.check()
        assert not self.book.index.keys() & self.canary.index.keys(), "an order rests in one book only"
        for member, window in self.windows.items():
            window.check(member, self.seq)
        for identity in self.book.index.keys() | self.canary.index.keys():
            assert identity <= self.mark(identity >> 48), "an order was sent by its member"

    def _change(self, member: int, command: Command, book: Book) -> Outcome:
        """Cancel, replace or reduce an order of the sender's own."""
        kind, target = command.kind, command.target_id
        if target >> 48 != member:
            return _UNKNOWN_ORDER
        if kind == _CANCEL:
            return book.cancel(target)
        if kind == _REDUCE:
            return book.reduce(target, command.qty)
        if self.halted:
            return _HALTED
        return book.replace(target, command.price, command.qty, command.flags >= _POST_ONLY)

    def _operate(self, member: int, command: Command, book: Book) -> Outcome:
        """What is about the market or about many orders: members cancel their own, the rest is market operations'."""
        kind = command.kind
        operates = member > _LAST_TRADER
        if kind == Kind.MASS_CANCEL:
            return self._mass_cancel(member, command.target_id, book)
        if not operates or kind <= _REDUCE:
            return _NOT_ALLOWED
        if kind == Kind.DAY_END:
            ended = book.sweep(lambda order: order.tif == _DAY)
            return Outcome(int(Status.DONE), int(Reason.DAY_END), 0, (), ended)
        halts = kind == Kind.HALT
        if self.halted == halts:
            return _HALTED if halts else _NOT_HALTED
        self.halted = halts
        return _DONE

    @staticmethod
    def _mass_cancel(member: int, target: int, book: Book) -> Outcome:
        whose = target >> 48
        if member > _LAST_TRADER:
            reason = Reason.DISCONNECTED if member == EDGE_MEMBER else Reason.OPERATOR
        elif target and whose != member:
            return _NOT_ALLOWED
        else:
            reason, whose = Reason.MASS_CANCEL, member
        ended = book.sweep(lambda order: not whose or order.order_id >> 48 == whose)
        return Outcome(int(Status.DONE), int(reason), 0, (), ended)

    def _own_difference(self, other: Venue) -> Difference | None:
        mine, theirs = (
            f"{venue.symbol} seq {venue.seq}, {'halted' if venue.halted else 'open'}, "
            f"tick {venue.book.tick}, lot {venue.book.lot}"
            for venue in (self, other)
        )
        return None if mine == theirs else Difference("state", 0, mine, theirs)

    def _out_of_sequence(self, seq: int) -> SequenceError:
        return SequenceError(
            "apply command",
            where=f"{self.symbol} seq {seq}",
            cause=f"expected seq {self.seq + 1}",
            hint="replay from the last contiguous seq",
        )
