"""The order semantics as tables: the book before, one command, the answer, the book after."""

# ruff: noqa: E501 - a table is read row by row

from __future__ import annotations

from typing import NamedTuple

import pytest

from engine.messages import Command, CommandFlag, Kind, OrderType, Reason, Side, Status, TimeInForce, command_id
from engine.venue import Venue

MAKER, TAKER = 1, 2
# Three asks and three bids of member 1, numbered in order of arrival: (number, side, price, qty).
BOOK = """
    1 sell 10 @ 101
    2 sell 20 @ 101
    3 sell 30 @ 103
    4 buy  10 @ 99
    5 buy  20 @ 99
    6 buy  30 @ 97
"""
BIDS = "97x30[6] 99x10[4] 99x20[5]"
ASKS = "101x10[1] 101x20[2] 103x30[3]"
FULL = f"{BIDS} | {ASKS}"


def seeded() -> Venue:
    venue = Venue("AAL")
    for line in BOOK.strip().splitlines():
        number, side, qty, _, price = line.split()
        venue.apply(venue.seq + 1, order(number=int(number), side=side, qty=int(qty), price=int(price), member=MAKER))
    return venue


def order(
    *, number: int, side: str, qty: int, price: int = 0, member: int = TAKER, tif: str = "GTC", words: str = ""
) -> Command:
    return Command(
        ts_ns=0,
        command_id=command_id(member, number),
        target_id=0,
        price=price,
        qty=qty,
        customer=7,
        kind=Kind.NEW,
        side=Side[side.upper()],
        type=OrderType.MARKET if "market" in words else OrderType.LIMIT,
        tif=TimeInForce[tif],
        flags=(CommandFlag.POST_ONLY if "post" in words else 0) | (CommandFlag.CANARY if "canary" in words else 0),
    )


def change(kind: Kind, target: int, *, qty: int = 0, price: int = 0, member: int = MAKER, flags: int = 0) -> Command:
    return Command(0, command_id(member, 90), command_id(MAKER, target), price, qty, 7, kind, flags=flags)


def drawn(venue: Venue) -> str:
    def word(price: int, qty: int, identity: int) -> str:
        return f"{price}x{qty}[{'T' if identity >> 48 == TAKER else identity & 0xFF}]"

    bids = [word(resting.price, resting.open_qty, resting.order_id) for resting in venue.book.bids]
    asks = [word(resting.price, resting.open_qty, resting.order_id) for resting in venue.book.asks]
    by_price = sorted(bids, key=lambda entry: int(entry.split("x")[0]))  # stable: keeps time within a price
    return f"{' '.join(by_price)} | {' '.join(asks)}".strip()


class Case(NamedTuple):
    side: str
    qty: int
    price: int
    tif: str
    words: str
    status: str
    open_qty: int
    fills: str
    after: str


NEW_ORDERS = [
    # side qty price tif words -> status open fills(maker@price x qty) book
    Case("buy", 5, 100, "GTC", "", "OPEN", 5, "", f"97x30[6] 99x10[4] 99x20[5] 100x5[T] | {ASKS}"),
    Case("buy", 5, 99, "DAY", "", "OPEN", 5, "", f"97x30[6] 99x10[4] 99x20[5] 99x5[T] | {ASKS}"),
    Case("buy", 15, 101, "GTC", "", "FILLED", 0, "1@101x10 2@101x5", f"{BIDS} | 101x15[2] 103x30[3]"),
    Case("buy", 40, 101, "GTC", "", "OPEN", 10, "1@101x10 2@101x20", "97x30[6] 99x10[4] 99x20[5] 101x10[T] | 103x30[3]"),
    Case("buy", 40, 103, "DAY", "", "FILLED", 0, "1@101x10 2@101x20 3@103x10", f"{BIDS} | 103x20[3]"),
    Case("sell", 30, 98, "GTC", "", "FILLED", 0, "4@99x10 5@99x20", f"97x30[6] | {ASKS}"),
    Case("sell", 35, 98, "GTC", "", "OPEN", 5, "4@99x10 5@99x20", "97x30[6] | 98x5[T] 101x10[1] 101x20[2] 103x30[3]"),
    Case("buy", 40, 101, "IOC", "", "CANCELLED", 0, "1@101x10 2@101x20", f"{BIDS} | 103x30[3]"),
    Case("buy", 5, 100, "IOC", "", "CANCELLED", 0, "", FULL),
    Case("buy", 30, 101, "FOK", "", "FILLED", 0, "1@101x10 2@101x20", f"{BIDS} | 103x30[3]"),
    Case("buy", 31, 101, "FOK", "", "CANCELLED", 0, "", FULL),
    Case("buy", 31, 102, "FOK", "", "CANCELLED", 0, "", FULL),
    Case("buy", 1, 100, "FOK", "", "CANCELLED", 0, "", FULL),
    Case("sell", 61, 0, "FOK", "market", "CANCELLED", 0, "", FULL),
    Case("sell", 60, 0, "FOK", "market", "FILLED", 0, "4@99x10 5@99x20 6@97x30", f"| {ASKS}"),
    Case("buy", 35, 0, "GTC", "market", "FILLED", 0, "1@101x10 2@101x20 3@103x5", f"{BIDS} | 103x25[3]"),
    Case("sell", 70, 0, "GTC", "market", "CANCELLED", 0, "4@99x10 5@99x20 6@97x30", f"| {ASKS}"),
    Case("buy", 5, 101, "GTC", "post", "REJECTED", 0, "", FULL),
    Case("buy", 5, 100, "GTC", "post", "OPEN", 5, "", f"97x30[6] 99x10[4] 99x20[5] 100x5[T] | {ASKS}"),
    Case("buy", 5, 0, "GTC", "post market", "REJECTED", 0, "", FULL),
    Case("buy", 0, 100, "GTC", "", "REJECTED", 0, "", FULL),
    Case("buy", 5, 0, "GTC", "", "REJECTED", 0, "", FULL),
    Case("buy", 5, -1, "GTC", "", "REJECTED", 0, "", FULL),
    Case("buy", 99, 103, "GTC", "canary", "OPEN", 99, "", FULL),
]  # fmt: skip


@pytest.mark.parametrize("case", NEW_ORDERS, ids=lambda case: " ".join(map(str, case[:5])).strip())
def test_a_new_order(case: Case) -> None:
    venue = seeded()
    command = order(number=1, side=case.side, qty=case.qty, price=case.price, tif=case.tif, words=case.words)
    outcome = venue.apply(venue.seq + 1, command)
    fills = " ".join(f"{maker & 0xFF}@{price}x{qty}" for maker, _, price, qty in outcome.fills)
    assert (Status(outcome.status).name, outcome.open_qty, fills) == (case.status, case.open_qty, case.fills)
    assert all(taker == command.command_id for _, taker, _, _ in outcome.fills)
    assert drawn(venue) == case.after
    venue.check()


CHANGES = [
    ("cancel", change(Kind.CANCEL, 4), "CANCELLED", 0, "", f"97x30[6] 99x20[5] | {ASKS}"),
    ("reduce keeps the place", change(Kind.REDUCE, 4, qty=3), "OPEN", 7, "", f"97x30[6] 99x7[4] 99x20[5] | {ASKS}"),
    ("reduce to zero cancels", change(Kind.REDUCE, 4, qty=10), "CANCELLED", 0, "", f"97x30[6] 99x20[5] | {ASKS}"),
    ("reduce below zero cancels", change(Kind.REDUCE, 4, qty=11), "CANCELLED", 0, "", f"97x30[6] 99x20[5] | {ASKS}"),
    ("less at the same price keeps the place", change(Kind.REPLACE, 4, qty=9, price=99), "OPEN", 9, "", f"97x30[6] 99x9[4] 99x20[5] | {ASKS}"),
    ("price 0 is unchanged", change(Kind.REPLACE, 4, qty=9), "OPEN", 9, "", f"97x30[6] 99x9[4] 99x20[5] | {ASKS}"),
    ("more at the same price loses the place", change(Kind.REPLACE, 4, qty=11), "OPEN", 11, "", f"97x30[6] 99x20[5] 99x11[4] | {ASKS}"),
    ("another price loses the place", change(Kind.REPLACE, 4, qty=5, price=97), "OPEN", 5, "", f"97x30[6] 97x5[4] 99x20[5] | {ASKS}"),
    ("a crossing price trades at once", change(Kind.REPLACE, 4, qty=12, price=101), "FILLED", 0, "1@101x10 2@101x2", "97x30[6] 99x20[5] | 101x18[2] 103x30[3]"),
    ("the rest of a crossing replace rests", change(Kind.REPLACE, 4, qty=35, price=102), "OPEN", 5, "1@101x10 2@101x20", "97x30[6] 99x20[5] 102x5[4] | 103x30[3]"),
    ("post only replace that would trade", change(Kind.REPLACE, 4, qty=5, price=101, flags=2), "REJECTED", 0, "", FULL),
    ("replace to nothing", change(Kind.REPLACE, 4, qty=0), "REJECTED", 0, "", FULL),
    ("replace to a negative price", change(Kind.REPLACE, 4, qty=5, price=-1), "REJECTED", 0, "", FULL),
    ("reduce by nothing", change(Kind.REDUCE, 4, qty=0), "REJECTED", 0, "", FULL),
    ("cancel what is not there", change(Kind.CANCEL, 9), "REJECTED", 0, "", FULL),
    ("cancel a stranger's order", change(Kind.CANCEL, 4, member=TAKER), "REJECTED", 0, "", FULL),
    ("cancel in the other book", change(Kind.CANCEL, 4, flags=1), "REJECTED", 0, "", FULL),
]  # fmt: skip


@pytest.mark.parametrize(("command", "status", "open_qty", "fills", "after"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])  # fmt: skip
def test_a_change(command: Command, status: str, open_qty: int, fills: str, after: str) -> None:
    venue = seeded()
    outcome = venue.apply(venue.seq + 1, command)
    traded = " ".join(f"{maker & 0xFF}@{price}x{qty}" for maker, _, price, qty in outcome.fills)
    assert (Status(outcome.status).name, outcome.open_qty, traded) == (status, open_qty, fills)
    assert drawn(venue) == after
    venue.check()


REASONS = [
    (order(number=1, side="buy", qty=0, price=100), Reason.BAD_QUANTITY),
    (order(number=1, side="buy", qty=1, price=0), Reason.BAD_PRICE),
    (order(number=1, side="buy", qty=1, price=101, words="post"), Reason.WOULD_TRADE),
    (change(Kind.CANCEL, 9), Reason.UNKNOWN_ORDER),
    (change(Kind.CANCEL, 4, member=TAKER), Reason.UNKNOWN_ORDER),
    (change(Kind.REPLACE, 4, qty=0), Reason.BAD_QUANTITY),
    (change(Kind.REPLACE, 4, qty=1, price=-5), Reason.BAD_PRICE),
    (change(Kind.REPLACE, 4, qty=1, price=101, flags=2), Reason.WOULD_TRADE),
    (order(number=6, side="buy", qty=1, price=100, member=MAKER), Reason.TOO_OLD),
]


@pytest.mark.parametrize(("command", "reason"), REASONS, ids=lambda value: getattr(value, "name", ""))
def test_a_reject_has_its_reason_and_changes_no_book(command: Command, reason: Reason) -> None:
    venue = seeded()
    outcome = venue.apply(venue.seq + 1, command)
    assert (outcome.status, outcome.reason) == (Status.REJECTED, reason)
    assert drawn(venue) == FULL


def test_nothing_executes_twice() -> None:
    venue = seeded()
    command = order(number=1, side="buy", qty=5, price=101)
    assert venue.apply(7, command).status == Status.FILLED
    assert venue.apply(8, command).reason == Reason.TOO_OLD
    assert drawn(venue) == f"{BIDS} | 101x5[1] 101x20[2] 103x30[3]"


def test_canaries_meet_only_each_other_and_leave_nothing() -> None:
    venue = seeded()
    venue.apply(7, order(number=1, side="sell", qty=1, price=100, words="canary"))
    outcome = venue.apply(8, order(number=2, side="buy", qty=1, price=100, words="canary"))
    assert outcome.status == Status.FILLED
    assert len(venue.canary.index) == 0
    assert drawn(venue) == FULL


def test_the_quote_is_the_best_level_of_both_sides() -> None:
    assert seeded().quote() == (99, 30, 101, 30)
    assert Venue("AAL").quote() == (0, 0, 0, 0)
