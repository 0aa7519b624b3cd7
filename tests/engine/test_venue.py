from __future__ import annotations

import pytest

from engine.digest import Difference
from engine.errors import SequenceError
from engine.messages import Command, Kind, command_id
from engine.venue import Venue


def bid(number: int, *, price: int = 100, qty: int = 5, customer: int = 1, tif: int = 0) -> Command:
    return Command(0, command_id(1, number), 0, price, qty, customer, Kind.NEW, tif=tif)


@pytest.mark.parametrize("seq", [0, 2, -1])
def test_a_command_out_of_sequence_is_refused_and_changes_nothing(seq: int) -> None:
    venue = Venue("AAL")
    genesis = venue.digest()
    with pytest.raises(SequenceError, match="expected seq 1"):
        venue.apply(seq, bid(1))
    assert venue.digest() == genesis


STATES = {
    "genesis": [],
    "one order": [bid(1)],
    "another price": [bid(1, price=101)],
    "another quantity": [bid(1, qty=6)],
    "another customer": [bid(1, customer=2)],
    "another time in force": [bid(1, tif=1)],
    "another id": [bid(2)],
    "two orders": [bid(1), bid(2)],
    "a canary": [Command(0, command_id(1, 1), 0, 100, 5, 1, Kind.NEW, flags=1)],
    "a member's mark only": [Command(0, command_id(1, 1), command_id(1, 9), 0, 0, 1, Kind.CANCEL)],
    "another member's mark only": [Command(0, command_id(2, 1), command_id(2, 9), 0, 0, 1, Kind.CANCEL)],
}


def replayed(commands: list[Command], symbol: str = "AAL") -> Venue:
    venue = Venue(symbol)
    for seq, command in enumerate(commands, start=1):
        venue.apply(seq, command)
    return venue


def test_different_states_have_different_digests() -> None:
    digests = {name: replayed(commands).digest() for name, commands in STATES.items()}
    digests["another symbol"] = Venue("AAPL").digest()
    assert len(set(digests.values())) == len(digests)


def test_two_books_that_differ_name_the_first_order_that_does() -> None:
    left, right = replayed([bid(1), bid(2), bid(3)]), replayed([bid(1), bid(2, qty=4), bid(3, qty=9)])
    second = command_id(1, 2)
    expected = Difference(
        "bids", 1, f"order {second}: 5 @ 100, customer 1, tif 0", f"order {second}: 4 @ 100, customer 1, tif 0"
    )
    assert left.first_difference(right) == expected


def test_a_missing_order_is_a_difference() -> None:
    difference = replayed([bid(1)]).first_difference(replayed([]))
    assert difference is not None
    assert (difference.part, difference.position, difference.right) == ("bids", 0, "nothing")


def test_check_notices_a_broken_book() -> None:
    venue = replayed([bid(1), bid(2, price=99)])
    venue.book.index.popitem()
    with pytest.raises(AssertionError, match="index"):
        venue.check()


def test_the_quote_is_the_best_level_of_both_sides() -> None:
    asks = [Command(0, command_id(2, number), 0, 101, 5, 1, Kind.NEW, side=1) for number in (1, 2)]
    assert replayed([bid(1), bid(2, price=99), *asks]).quote() == (100, 5, 101, 10)
    assert Venue("AAL").quote() == (0, 0, 0, 0)


def test_the_windows_are_compared_when_the_books_agree() -> None:
    left, right = (Command(ts_ns, command_id(1, 1), command_id(1, 9), 0, 0, 1, Kind.CANCEL) for ts_ns in (1, 2))
    difference = replayed([left]).first_difference(replayed([right]))
    assert difference is not None
    assert (difference.part, difference.position) == ("window of member 1", 0)
    assert "at seq 1, 1 ns" in difference.left
    assert "at seq 1, 2 ns" in difference.right


def test_a_halt_is_a_difference_when_all_else_agrees() -> None:
    left, right = Venue("AAL"), Venue("AAL")
    right.halted = True
    difference = left.first_difference(right)
    assert difference is not None
    assert (difference.part, difference.left[-24:]) == ("state", "seq 0, open, tick 1, lot 1"[-24:])


def test_check_notices_quantity_that_comes_from_nowhere() -> None:
    venue = replayed([bid(1)])
    venue.book.bids.levels[-100].first.open_qty = 6
    with pytest.raises(AssertionError, match="no quantity is made or lost"):
        venue.check()


def test_a_listed_symbol_trades_in_the_steps_of_the_listing() -> None:
    venue = Venue.listed("AAPL")
    assert (venue.symbol, venue.book.tick, venue.canary.lot) == ("AAPL", 1, 1)
    assert Venue.listed("NONE").digest() == Venue("NONE").digest()
