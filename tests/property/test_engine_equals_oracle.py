from __future__ import annotations

import msgspec
from hypothesis import given

from engine.book import Book
from engine.messages import Command, Status
from engine.restore import restore
from engine.venue import Venue
from oracle.book import NaiveBook, NaiveVenue
from tests.property.flows import flows

Line = tuple[int, int, int, int, int]


def engine_lines(book: Book) -> list[list[Line]]:
    return [
        [(order.order_id, order.price, order.open_qty, order.customer, order.tif) for order in ladder]
        for ladder in (book.bids, book.asks)
    ]


def oracle_lines(book: NaiveBook) -> list[list[Line]]:
    return [
        [(order.order_id, order.price, order.qty, order.customer, order.tif) for order in book.side(side)]
        for side in (0, 1)
    ]


def resting(venue: Venue) -> int:
    return sum(order.open_qty for book in (venue.book, venue.canary) for order in book.index.values())


@given(flow=flows())
def test_the_engine_agrees_with_the_oracle_on_every_answer_and_on_the_whole_book(flow: list[Command]) -> None:
    venue, naive = Venue("AAL"), NaiveVenue("AAL")
    for seq, command in enumerate(flow, start=1):
        outcome = venue.apply(seq, command)
        answer = naive.apply(msgspec.structs.asdict(command))
        assert (outcome.status, outcome.reason, outcome.open_qty, outcome.fills, outcome.cancels) == (
            answer.status,
            answer.reason,
            answer.open_qty,
            answer.trades,
            answer.ended,
        )
        venue.check()
        for book, plain in zip((venue.book, venue.canary), naive.books, strict=True):
            assert engine_lines(book) == oracle_lines(plain)
        assert venue.canonical_bytes() == naive.canonical()
        assert venue.digest() == naive.digest()
        again = restore(venue.canonical_bytes())
        again.check()
        assert again.canonical_bytes() == venue.canonical_bytes()


@given(flow=flows())
def test_what_a_command_takes_from_the_book_is_what_it_traded_with(flow: list[Command]) -> None:
    venue = Venue("AAL")
    for seq, command in enumerate(flow, start=1):
        before = resting(venue)
        outcome = venue.apply(seq, command)
        if command.kind == 1:
            traded = sum(qty for _, _, _, qty in outcome.fills)
            assert resting(venue) == before - traded + outcome.open_qty
            if outcome.status == Status.FILLED:
                assert traded == command.qty
        if outcome.status == Status.REJECTED:
            assert (resting(venue), outcome.fills) == (before, ())


@given(flow=flows())
def test_equal_histories_have_equal_digests_and_no_difference(flow: list[Command]) -> None:
    left, right = Venue("AAL"), Venue("AAL")
    for seq, command in enumerate(flow, start=1):
        left.apply(seq, command)
        left.digest()  # one side caches its orders' bytes at every step, the other at the end only
        right.apply(seq, command)
    assert left.digest() == right.digest()
    assert left.first_difference(right) is None
