"""What one member was answered lately: its high-water mark and its last answers, oldest first.

Command ids of a member only grow. An id above the mark is new; one in the window is a resend and gets its first answer
again; one that has left the window is too old. So nothing executes twice, and a member that keeps at most `WINDOW`
commands of a symbol unanswered can always learn what became of each of them, at whatever site it asks.

`WINDOW` is as small as that allows. A full-size exchange (100 symbols, 100 members, 10,000 commands a second) gives a
member one command a second and symbol, answers within half a second, and halts a symbol whose journal fails for ten: 32
hold all of that and a burst besides, weigh 0.1 MB in a snapshot and stay in a processor's cache.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from typing import Final

from engine.messages import Answer, FillTuple

__all__ = ["ANSWER", "ANSWER_FILL", "WINDOW", "Window", "pack_fills", "unpack_answer"]

WINDOW: Final = 32
"""Answers kept per member and symbol."""

ANSWER: Final = struct.Struct("<QQqBBII")
"""command_id, seq, ts_ns, status, reason, open_qty, number of fills: canonical bytes of an answer, then its fills."""

ANSWER_FILL: Final = struct.Struct("<QQqI")
"""maker's order id, taker's order id, price, quantity."""

_PLACE: Final = struct.Struct("<QQ")
"""The first two fields of an answer: which command, and where."""


class Window:
    """One member's answers, each in its canonical bytes: small, and a digest has only to join them.

    `Venue.apply` writes `mark` and `answers` itself: one more call would cost a twentieth of a match.
    """

    __slots__ = ("answers", "mark")

    def __init__(self, member: int) -> None:
        """A member that was never heard of; its first command id is above `member << 48`."""
        self.mark = member << 48
        self.answers: deque[bytes] = deque(maxlen=WINDOW)

    def __iter__(self) -> Iterator[Answer]:
        """The answers, oldest first."""
        return map(unpack_answer, tuple(self.answers))

    def recall(self, identity: int) -> Answer | None:
        """The first answer to the command of that id; None for one that is new, or too old."""
        for answer in reversed(self.answers):
            if _PLACE.unpack_from(answer)[0] == identity:
                return unpack_answer(answer)
        return None

    def check(self, member: int, seq: int) -> None:
        """Hold the invariants of a window of `member` in a state at `seq`.

        Raises:
            AssertionError: one of them is broken.
        """
        assert 1 <= len(self.answers) <= WINDOW, "a known member has answers, but no more than a window holds"
        last_id, last_seq = member << 48, 0
        for identity, answered in map(_PLACE.unpack_from, self.answers):
            assert identity > last_id, "ids grow"
            assert answered > last_seq, "seqs grow, from 1"
            last_id, last_seq = identity, answered
        assert last_id == self.mark, "the mark is the newest answer's"
        assert last_id >> 48 == member, "a window holds its own member's answers"
        assert last_seq <= seq, "nothing is answered that was not applied"


def pack_fills(fills: tuple[FillTuple, ...]) -> bytes:
    """Canonical bytes of an answer's fills."""
    return b"".join([ANSWER_FILL.pack(*fill) for fill in fills])


def unpack_answer(raw: bytes) -> Answer:
    """Read the canonical bytes of one answer."""
    identity, seq, ts_ns, status, reason, open_qty, count = ANSWER.unpack_from(raw)
    fills: tuple[FillTuple, ...] = tuple(ANSWER_FILL.iter_unpack(raw[ANSWER.size :]))
    assert len(fills) == count, "an answer has the fills that it says it has"
    return Answer(identity, seq, ts_ns, status, reason, open_qty, fills)
