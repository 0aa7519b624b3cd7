"""States that no journal leads to are refused, each by the rule that it breaks and at the place where that shows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import ACCOUNT, COUNT, HEADER, ORDER, TRADE, WINDOW_HEAD
from engine.errors import StateError
from engine.messages import Command, Kind, Side, command_id
from engine.restore import restore
from engine.venue import Venue
from engine.window import ANSWER, ANSWER_FILL, WINDOW
from tests.property.flows import flows


def traded() -> Venue:
    """Two bids, one ask, one trade; members 1 and 2."""
    venue = Venue("AAL")
    rows = [(1, 1, 100, 5, Side.BUY), (1, 2, 99, 7, Side.BUY), (2, 1, 101, 9, Side.SELL), (1, 3, 101, 2, Side.BUY)]
    for member, number, price, qty, side in rows:
        command = Command(5, command_id(member, number), 0, price, qty, 1, int(Kind.NEW), int(side))
        venue.apply(venue.seq + 1, command)
    return venue


STATE = traded().canonical_bytes()
BIDS = HEADER.size + TRADE.size + ACCOUNT.size
FIRST = BIDS + COUNT.size
ASKS = FIRST + 2 * ORDER.size
CANARY = ASKS + COUNT.size + ORDER.size
WINDOWS = CANARY + TRADE.size + ACCOUNT.size + 2 * COUNT.size
ANSWERS = WINDOWS + COUNT.size + WINDOW_HEAD.size


def changed(offset: int, layout: str, *values: int | bytes) -> bytes:
    raw = bytearray(STATE)
    struct.pack_into(f"<{layout}", raw, offset, *values)
    return bytes(raw)


# what is wrong: the bytes, the offset that is named, what was expected there
BROKEN = {
    "nothing": (b"", 0, "5 bytes of magic and version"),
    "another magic": (changed(0, "4s", b"AEXF"), 0, "magic"),
    "a version from the future": (changed(4, "B", 2), 4, "a version of"),
    "a header that ends early": (STATE[:20], 0, "header"),
    "a symbol in small letters": (changed(5, "8s", b"aal"), HEADER.size, "a symbol"),
    "half halted": (changed(21, "B", 2), HEADER.size, "halted 0 or 1"),
    "no tick": (changed(22, "I", 0), HEADER.size, "tick and lot"),
    "a last trade without a quantity": (changed(HEADER.size + 8, "I", 0), BIDS - ACCOUNT.size, "a trade"),
    "more orders than bytes": (changed(BIDS, "I", 1 << 31), FIRST, "orders"),
    "a price of nothing": (changed(FIRST + 8, "q", 0), FIRST, "a price in ticks"),
    "bids out of priority": (changed(FIRST + 8, "q", 98), FIRST + ORDER.size, "price priority"),
    "an order of nothing": (changed(FIRST + 16, "I", 0), FIRST, "a quantity in lots"),
    "an IOC order at rest": (changed(FIRST + 22, "B", 2), FIRST, "GTC or DAY"),
    "an order twice": (changed(FIRST + ORDER.size, "Q", command_id(1, 1)), FIRST + ORDER.size, "each order once"),
    "quantity from nowhere": (changed(FIRST + 16, "I", 6), CANARY, "quantity entered"),
    "a crossed book": (changed(FIRST + 8, "q", 101), CANARY, "a best bid below"),
    "a window of nobody's answers": (changed(WINDOWS + 6, "H", 0), WINDOWS + 4, "1 to 32 answers"),
    "a window that is too long": (changed(WINDOWS + 6, "H", WINDOW + 1), WINDOWS + 4, "1 to 32 answers"),
    "members out of order": (changed(WINDOWS + 4, "H", 2), ANSWERS, "a command of member 2"),
    "an answer to nobody": (changed(ANSWERS, "Q", 1 << 48), ANSWERS, "a command id above"),
    "an answer from the future": (changed(ANSWERS + 8, "Q", 5), ANSWERS, "at most 4"),
    "a status that is none": (changed(ANSWERS + 24, "B", 9), ANSWERS, "a known status"),
    "open with nothing open": (changed(ANSWERS + 26, "I", 0), ANSWERS, "an open quantity exactly if open"),
    "a reason without a rejection": (changed(ANSWERS + 25, "B", 1), ANSWERS, "a reason if rejected"),
    "more fills than bytes": (changed(ANSWERS + 30, "I", 1 << 31), ANSWERS, "an answer with"),
    "bytes behind the end": (STATE + b"\0", len(STATE), "the end"),
    "an order that nobody sent": (changed(FIRST, "Q", command_id(1, 9)), len(STATE), "orders of members that sent"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_state_is_refused_where_it_breaks(what: str) -> None:
    raw, offset, expected = BROKEN[what]
    with pytest.raises(StateError) as caught:
        restore(raw)
    assert caught.value.offset == offset
    assert expected in caught.value.expected


def test_the_fills_of_an_answer_are_the_members() -> None:
    filled = len(STATE) - WINDOW_HEAD.size - ANSWER.size - ANSWER_FILL.size
    assert restore(STATE).recall(command_id(1, 3)) is not None
    with pytest.raises(StateError, match="fills of the member"):
        restore(changed(filled + 8, "Q", command_id(2, 3)))


@given(flow=flows(), rest=flows())
def test_a_restored_venue_behaves_as_the_one_it_was_for_ever_after(flow: list[Command], rest: list[Command]) -> None:
    venue = Venue("AAL")
    for command in flow:
        venue.apply(venue.seq + 1, command)
    twin = restore(venue.canonical_bytes())
    twin.check()
    assert twin.digest() == venue.digest()
    for command in (*rest, *flow):
        assert twin.recall(command.command_id) == venue.recall(command.command_id)
        assert twin.apply(twin.seq + 1, command) == venue.apply(venue.seq + 1, command)
        assert twin.quote() == venue.quote()
    assert twin.canonical_bytes() == venue.canonical_bytes()


@given(changes=st.dictionaries(st.integers(0, len(STATE) - 1), st.integers(0, 255), max_size=4), cut=st.integers(0, 60))
def test_whatever_the_bytes_are_it_is_a_state_error_or_exactly_that_state(changes: dict[int, int], cut: int) -> None:
    mutated = bytearray(STATE)
    for position, value in changes.items():
        mutated[position] = value
    raw = bytes(mutated[: len(mutated) - cut])
    try:
        venue = restore(raw)
    except StateError:
        return
    venue.check()
    assert venue.canonical_bytes() == raw


@given(raw=st.binary(max_size=200))
def test_random_bytes_are_a_state_error(raw: bytes) -> None:
    with pytest.raises(StateError):
        restore(b"AEXS\1" + raw)
