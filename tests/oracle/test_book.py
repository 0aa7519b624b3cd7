"""The oracle alone, against books drawn by hand: it judges the engine, so nothing but paper judges it.

A line of a flow is `<id> <words> <qty>@<price>`; `3 replace 1 ...` is command 3 about order 1. A book is drawn as
rows of `qty@price` with the order's number, bids left and asks right, best and oldest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from blake3 import blake3

from oracle.book import Answer, NaiveBook, NaiveVenue

KINDS = {"buy": 1, "sell": 1, "cancel": 2, "replace": 3, "reduce": 4}
WORDS = {
    "sell": ("side", 1),
    "market": ("type", 1),
    "day": ("tif", 1),
    "ioc": ("tif", 2),
    "fok": ("tif", 3),
    "canary": ("flags", 1),
    "post": ("flags", 2),
}
OPEN, FILLED, CANCELLED, REJECTED = 1, 2, 3, 4
UNKNOWN, DUPLICATE, BAD_QUANTITY, BAD_PRICE, WOULD_TRADE, TOO_OLD = 1, 2, 3, 4, 5, 7
MEMBER = 1 << 48

LADDER = """
    1 buy 10@99
    2 buy 5@100
    3 buy 7@100
    4 sell 4@102
    5 sell 6@102
    6 sell 8@103
"""

# flow after LADDER, the last answer, the trades as (maker, taker, price, qty), the book afterwards
DRAWN = {
    "orders rest by price, then by time": (
        "",
        Answer(OPEN, open_qty=8),
        """
        2: 5@100  |  4: 4@102
        3: 7@100  |  5: 6@102
        1: 10@99  |  6: 8@103
        """,
    ),
    "the oldest at the best price trades first, at its own price": (
        "7 buy 5@103",
        Answer(FILLED, trades=((4, 7, 102, 4), (5, 7, 102, 1))),
        """
        2: 5@100  |  5: 5@102
        3: 7@100  |  6: 8@103
        1: 10@99  |
        """,
    ),
    "what is left of a limit order rests": (
        "7 sell 15@100",
        Answer(OPEN, open_qty=3, trades=((2, 7, 100, 5), (3, 7, 100, 7))),
        """
        1: 10@99  |  7: 3@100
                  |  4: 4@102
                  |  5: 6@102
                  |  6: 8@103
        """,
    ),
    "what is left of a market order is cancelled": (
        "7 buy market 100@0",
        Answer(CANCELLED, trades=((4, 7, 102, 4), (5, 7, 102, 6), (6, 7, 103, 8))),
        """
        2: 5@100  |
        3: 7@100  |
        1: 10@99  |
        """,
    ),
    "what is left of an immediate order is cancelled": (
        "7 buy ioc 11@102",
        Answer(CANCELLED, trades=((4, 7, 102, 4), (5, 7, 102, 6))),
        """
        2: 5@100  |  6: 8@103
        3: 7@100  |
        1: 10@99  |
        """,
    ),
    "all or nothing: nothing": ("7 buy fok 11@102", Answer(CANCELLED), LADDER),
    "all or nothing: all": (
        "7 buy fok 10@102",
        Answer(FILLED, trades=((4, 7, 102, 4), (5, 7, 102, 6))),
        """
        2: 5@100  |  6: 8@103
        3: 7@100  |
        1: 10@99  |
        """,
    ),
    "a post-only order that would trade": ("7 buy post 1@102", Answer(REJECTED, WOULD_TRADE), LADDER),
    "a post-only order that would not": (
        "7 buy post 1@101",
        Answer(OPEN, open_qty=1),
        """
        7: 1@101  |  4: 4@102
        2: 5@100  |  5: 6@102
        3: 7@100  |  6: 8@103
        1: 10@99  |
        """,
    ),
    "a cancelled order is gone": (
        "7 cancel 2 0@0",
        Answer(CANCELLED),
        """
        3: 7@100  |  4: 4@102
        1: 10@99  |  5: 6@102
                  |  6: 8@103
        """,
    ),
    "less at the same price keeps the place": (
        "7 replace 2 3@100",
        Answer(OPEN, open_qty=3),
        """
        2: 3@100  |  4: 4@102
        3: 7@100  |  5: 6@102
        1: 10@99  |  6: 8@103
        """,
    ),
    "more at the same price goes to the end": (
        "7 replace 2 6@0",
        Answer(OPEN, open_qty=6),
        """
        3: 7@100  |  4: 4@102
        2: 6@100  |  5: 6@102
        1: 10@99  |  6: 8@103
        """,
    ),
    "another price may trade at once, under the order's own number": (
        "7 replace 1 6@102",
        Answer(FILLED, trades=((4, 1, 102, 4), (5, 1, 102, 2))),
        """
        2: 5@100  |  5: 4@102
        3: 7@100  |  6: 8@103
        """,
    ),
    "a reduced order keeps its place": (
        "7 reduce 2 4@0",
        Answer(OPEN, open_qty=1),
        """
        2: 1@100  |  4: 4@102
        3: 7@100  |  5: 6@102
        1: 10@99  |  6: 8@103
        """,
    ),
    "reduced to nothing is cancelled": (
        "7 reduce 2 5@0",
        Answer(CANCELLED),
        """
        3: 7@100  |  4: 4@102
        1: 10@99  |  5: 6@102
                  |  6: 8@103
        """,
    ),
    "a quantity of nothing": ("7 buy 0@100", Answer(REJECTED, BAD_QUANTITY), LADDER),
    "a price of nothing": ("7 sell 1@0", Answer(REJECTED, BAD_PRICE), LADDER),
    "an order that is not there": ("7 cancel 17 0@0", Answer(REJECTED, UNKNOWN), LADDER),
    "a number used before": ("6 buy 1@99", Answer(REJECTED, TOO_OLD), LADDER),
    "a canary meets canaries only": ("7 buy canary 4@102", Answer(OPEN, open_qty=4), LADDER),
}


def commands(flow: str) -> Iterator[dict[str, int]]:
    """Each line as the mapping that the oracle reads."""
    for line in filter(None, map(str.strip, flow.splitlines())):
        number, *words, amount = line.split()
        qty, price = map(int, amount.split("@"))
        target = next((MEMBER + int(word) for word in words if word.isdigit()), 0)
        command = dict.fromkeys(("ts_ns", "target_id", "customer", "side", "type", "tif", "flags"), 0)
        command |= {"command_id": MEMBER + int(number), "qty": qty, "price": price}
        command["kind"] = next(KINDS[word] for word in words if word in KINDS)
        command |= dict(WORDS[word] for word in words if word in WORDS)
        yield command | {"target_id": target}


def played(*flows: str) -> tuple[NaiveVenue, Answer]:
    venue, answer = NaiveVenue("AAL"), Answer(0)
    for flow in flows:
        for command in commands(flow):
            answer = venue.apply(command)
    return venue, answer


def drawn(book: NaiveBook) -> tuple[list[str], list[str]]:
    bids, asks = (
        [f"{order.order_id - MEMBER}: {order.qty}@{order.price}" for order in book.side(side)] for side in (0, 1)
    )
    return bids, asks


def read(table: str) -> tuple[list[str], list[str]]:
    """The two columns of a drawn book; a flow instead of a table stands for the book it leaves."""
    if "|" not in table:
        return drawn(played(table)[0].books[0])
    rows = [re.split(r"\s*\|\s*", row.strip()) for row in table.splitlines() if row.strip()]
    bids, asks = zip(*rows, strict=True)
    return [bid for bid in bids if bid], [ask for ask in asks if ask]


@pytest.mark.parametrize("name", DRAWN)
def test_the_answer_and_the_book_are_as_drawn(name: str) -> None:
    flow, expected, table = DRAWN[name]
    venue, answer = played(LADDER, flow)
    trades = tuple((maker - MEMBER, taker - MEMBER, price, qty) for maker, taker, price, qty in answer.trades)
    assert (answer.status, answer.reason, answer.open_qty, trades) == (
        expected.status,
        expected.reason,
        expected.open_qty,
        expected.trades,
    )
    assert drawn(venue.books[0]) == read(table)


def test_canaries_trade_among_themselves_and_leave_the_market_alone() -> None:
    venue, answer = played(LADDER, "7 sell canary 1@99", "8 buy canary 1@99")
    assert answer.trades == ((MEMBER + 7, MEMBER + 8, 99, 1),)
    assert drawn(venue.books[0]) == read(LADDER)
    assert drawn(venue.books[1]) == ([], [])


def test_a_number_that_is_live_in_the_other_members_name_is_not_touched() -> None:
    venue, _ = played(LADDER)
    stranger = next(commands("1 cancel 2 0@0")) | {"command_id": 2 * MEMBER + 1}
    assert venue.apply(stranger) == Answer(REJECTED, UNKNOWN)
    assert drawn(venue.books[0]) == read(LADDER)


def test_a_live_number_is_a_duplicate_in_a_book_without_marks() -> None:
    book = NaiveBook()
    order = next(commands("1 buy 1@99"))
    assert book.new(order) == Answer(OPEN, open_qty=1)
    assert book.new(order) == Answer(REJECTED, DUPLICATE)


def test_the_digest_is_of_these_bytes() -> None:
    """One resting bid of 5 at 100 and a last trade of 2 at 101, written out by hand."""
    venue, _ = played("1 sell 2@101", "2 buy day 2@101", "3 buy day 5@100")
    account = "09" + 15 * "00" + "02" + 15 * "00" + 16 * "00"
    book = "6500000000000000 02000000" + account + "01000000 0300000000000100 6400000000000000 05000000 0000 01"
    empty = "0000000000000000 00000000" + 48 * "00" + "00000000 00000000"
    first = "0100000000000100 0100000000000000 0000000000000000 01 00 02000000 00000000"
    second = "0200000000000100 0200000000000000 0000000000000000 02 00 00000000 01000000"
    traded = "0100000000000100 0200000000000100 6500000000000000 02000000"
    third = "0300000000000100 0300000000000000 0000000000000000 01 00 05000000 00000000"
    windows = "01000000 0100 0300" + first + second + traded + third
    head = "41455853 01 41414c0000000000 0300000000000000 00 01000000 01000000"
    image = bytes.fromhex(head + book + "00000000" + empty + windows)
    assert venue.canonical() == image
    assert venue.digest() == blake3(image).digest()
