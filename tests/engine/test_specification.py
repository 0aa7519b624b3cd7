"""docs/order-semantics.md, drawing by drawing, for the engine and for the oracle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from engine.messages import (
    CANARY_MEMBER,
    EDGE_MEMBER,
    OPERATOR_MEMBER,
    Command,
    CommandFlag,
    Kind,
    OrderType,
    Reason,
    Side,
    Status,
    TimeInForce,
    command_id,
)
from engine.venue import Venue
from oracle.book import NaiveVenue

PAGE = Path(__file__).parents[2] / "docs" / "order-semantics.md"
MEMBERS = {"A": 1, "B": 2, "C": 3, "O": OPERATOR_MEMBER, "E": EDGE_MEMBER, "Z": CANARY_MEMBER}
LETTERS = {member: letter for letter, member in MEMBERS.items()}
SAME = ("same",)
KINDS = {
    "buy": Kind.NEW,
    "sell": Kind.NEW,
    "cancel": Kind.CANCEL,
    "replace": Kind.REPLACE,
    "reduce": Kind.REDUCE,
    "mass": Kind.MASS_CANCEL,
    "halt": Kind.HALT,
    "resume": Kind.RESUME,
    "day": Kind.DAY_END,
}


class Drawing(NamedTuple):
    """A rule: the book before, commands with their answers, the book after."""

    rule: str
    tick: int
    lot: int
    before: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    after: tuple[str, ...]


def drawings() -> Iterator[Drawing]:
    for rule, block in re.findall(r"### ([^\n]+)\n```\n(.+?)```", PAGE.read_text(), re.DOTALL):
        lines = [line.rstrip() for line in block.splitlines()]
        steps = re.match(r"tick (\d+), lot (\d+)", lines[0])
        tick, lot = map(int, steps.groups()) if steps else (1, 1)
        lines = lines[1:] if steps else lines
        first = next(at for at, line in enumerate(lines) if line.startswith(">"))
        last = max(at for at, line in enumerate(lines) if line.startswith("<"))
        told = [line[2:] for line in lines[first : last + 1]]
        pairs = tuple(zip(told[::2], told[1::2], strict=True))
        yield Drawing(rule, tick, lot, tuple(lines[:first]), pairs, tuple(lines[last + 1 :]))


DRAWINGS = tuple(drawings())


def identity(label: str) -> int:
    return command_id(MEMBERS[label[0]], int(label[1:]))


def label(order_id: int) -> str:
    return f"{LETTERS[order_id >> 48]}{order_id & 0xFFFF}"


def amount(words: list[str]) -> tuple[int, int]:
    """Quantity and price of `5@100` or `5`."""
    qty, _, price = next((word for word in words if re.fullmatch(r"\d+(@-?\d+)?", word)), "0").partition("@")
    return int(qty), int(price or 0)


def read(sentence: str) -> Command:
    """A command as it is written on the page."""
    who, verb, *words = sentence.split()
    kind = KINDS[verb]
    qty, price = amount(words)
    named = [word for word in words if re.fullmatch(r"[A-Z]\d*", word)]
    target = 0
    if named:
        target = identity(named[0]) if len(named[0]) > 1 else command_id(MEMBERS[named[0]], 0)
    tif = next((TimeInForce[word.upper()] for word in words if word in {"day", "ioc", "fok"}), TimeInForce.GTC)
    flags = (CommandFlag.POST_ONLY if "post" in words else 0) | (CommandFlag.CANARY if who[0] == "Z" else 0)
    order_type = OrderType.MARKET if "market" in words else OrderType.LIMIT
    side = Side.SELL if verb == "sell" else Side.BUY
    fields = (target, price, qty, 7, int(kind), int(side), int(order_type), int(tif), int(flags))
    return Command(0, identity(who), *fields)


def cells(rows: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The two columns of a drawn book, without their blanks."""
    columns = [[cell.strip() for cell in row.split("|")] for row in rows]
    return [bid for bid, _ in columns if bid], [ask for _, ask in columns if ask]


def sides(venue: Venue) -> tuple[list[str], list[str]]:
    bids, asks = (
        [
            f"{label(order.order_id)} {order.open_qty}@{order.price}{' day' if order.tif == TimeInForce.DAY else ''}"
            for order in ladder
        ]
        for ladder in (venue.book.bids, venue.book.asks)
    )
    return bids, asks


def orders(drawing: Drawing) -> list[Command]:
    """What makes the book before: the orders in the order of their numbers, each on its drawn side."""
    bids, asks = cells(drawing.before)
    sentences = [(cell, "buy") for cell in bids] + [(cell, "sell") for cell in asks]
    drawn = [read(f"{cell.split()[0]} {side} {' '.join(cell.split()[1:])}") for cell, side in sentences]
    return sorted(drawn, key=lambda command: (command.command_id & 0xFFFF, command.command_id))


def said(status: int, reason: int, open_qty: int, *told: tuple[tuple[int, ...], ...]) -> str:
    """An answer as it is written on the page."""
    fills, cancels = told
    head = [Status(status).name.lower()]
    head += [Reason(reason).name.lower()] if reason else []
    head += [str(open_qty)] if open_qty else []
    trades = [f"{label(maker)} {qty}@{price}" for maker, _, price, qty in fills]
    return ", ".join([" ".join(head), *trades, *(f"ended {label(order_id)} {qty}" for order_id, qty in cancels)])


class Both:
    """The engine and the oracle, held to the same answers."""

    def __init__(self, drawing: Drawing) -> None:
        self.venue = Venue("AAL", tick=drawing.tick, lot=drawing.lot)
        self.naive = NaiveVenue("AAL", tick=drawing.tick, lot=drawing.lot)

    def answer(self, sentence: str) -> str:
        if sentence.startswith("again "):
            return self.again(identity(sentence.removeprefix("again ")))
        return self.apply(read(sentence))

    def apply(self, command: Command) -> str:
        outcome = self.venue.apply(self.venue.seq + 1, command)
        answer = self.naive.apply(msgspec.structs.asdict(command))
        self.venue.check()
        assert self.venue.canonical_bytes() == self.naive.canonical()
        engine = said(outcome.status, outcome.reason, outcome.open_qty, outcome.fills, outcome.cancels)
        assert engine == said(answer.status, answer.reason, answer.open_qty, answer.trades, answer.ended)
        return engine

    def again(self, resent: int) -> str:
        before = self.venue.digest()
        known, remembered = self.venue.recall(resent), self.naive.recall(resent)
        assert known is not None
        assert remembered is not None
        assert self.venue.digest() == before
        answer = remembered.answer
        engine = said(known.status, known.reason, known.open_qty, known.fills, ())
        assert engine == said(answer.status, answer.reason, answer.open_qty, answer.trades, ())
        return engine


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.rule)
def test_the_page_is_true(drawing: Drawing) -> None:
    both = Both(drawing)
    for command in orders(drawing):
        assert both.apply(command).startswith("open"), "the book before can be made"
    assert sides(both.venue) == cells(drawing.before), "numbers of the book before follow its time priority"
    assert [(sentence, both.answer(sentence)) for sentence, _ in drawing.steps] == list(drawing.steps)
    assert sides(both.venue) == cells(drawing.before if drawing.after == SAME else drawing.after)


def test_every_drawing_of_the_page_is_read() -> None:
    assert len(DRAWINGS) == PAGE.read_text().count("\n### ") >= 40


def test_every_reason_and_every_status_is_on_the_page() -> None:
    words = set(re.findall(r"[a-z_]+", " ".join(answer for drawing in DRAWINGS for _, answer in drawing.steps)))
    never = {reason.name.lower() for reason in Reason} - words
    assert never == {"none", "duplicate_order"}, "an id is its member's: no two orders can share one"
    assert {status.name.lower() for status in Status} <= words
