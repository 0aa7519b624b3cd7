"""Engine and oracle side by side, one command after the other, for as long as Hypothesis likes.

After each step: the same answer, the same books, the same canonical bytes, and `check()` holds. In between the engine's
state goes through its bytes and comes back, members ask again for what they were answered, and a second venue that was
restored follows the first one for ever after.

The commands are counted: `make test` runs at least `LEAST` of them under any profile, the nightly one many times that.
"""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import core, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.book import Book
from engine.messages import (
    CANARY_MEMBER,
    EDGE_MEMBER,
    OPERATOR_MEMBER,
    Command,
    CommandFlag,
    Kind,
    OrderType,
    Side,
    TimeInForce,
    command_id,
)
from engine.restore import restore
from engine.venue import Venue
from engine.window import WINDOW
from oracle.book import NaiveBook, NaiveVenue

LEAST = 100_000
"""Commands in `make test`, whatever the profile."""

BURSTS = (1, 2, 5, 20, 80, 200, 200)
"""Commands of one step. A burst is drawn from its seed, so that Hypothesis pays once for many commands; shrinking takes
steps away and makes bursts shorter."""

MEMBERS = (1, 2, 3)
STEPS = ((1, 1), (5, 1), (1, 10), (5, 10))
"""Ticks and lots: half of the runs trade in the finest steps."""

PRICES = tuple(range(90, 111)) + (95, 100, 105) * 4
QUANTITIES = (1, 2, 3, 5, 8, 10, 10, 20, 20, 30, 50, 100)

KINDS = (Kind.NEW,) * 11 + (Kind.CANCEL,) * 3 + (Kind.REPLACE,) * 4 + (Kind.REDUCE,) * 2 + (Kind.MASS_CANCEL,)

COUNT = {"commands": 0}

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


class TradingDay(RuleBasedStateMachine):
    """One symbol's day, lived twice."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = dict.fromkeys((*MEMBERS, CANARY_MEMBER, OPERATOR_MEMBER, EDGE_MEMBER), 0)
        self.orders: list[int] = []
        self.sent: list[Command] = []

    @initialize(steps=st.sampled_from(STEPS))
    def opens(self, steps: tuple[int, int]) -> None:
        tick, lot = steps
        self.venue, self.naive = Venue("AAL", tick=tick, lot=lot), NaiveVenue("AAL", tick=tick, lot=lot)
        self.follower: Venue | None = None

    @rule(seed=st.integers(0, 1 << 32), size=st.sampled_from(BURSTS))
    def members_trade(self, seed: int, size: int) -> None:
        chance = random.Random(seed)
        for _ in range(size):
            self.apply(self.command(chance))

    @rule(
        kind=st.sampled_from((Kind.HALT, Kind.RESUME, Kind.DAY_END, Kind.MASS_CANCEL)),
        sender=st.sampled_from((OPERATOR_MEMBER, OPERATOR_MEMBER, EDGE_MEMBER, *MEMBERS)),
        whose=st.sampled_from((0, *MEMBERS)),
        canary=st.booleans(),
    )
    def the_market_is_operated(self, kind: Kind, sender: int, whose: int, canary: bool) -> None:
        target = command_id(whose, 0) if whose else 0
        flags = int(CommandFlag.CANARY) if canary else 0
        self.apply(Command(len(self.sent), self.next_id(sender), target, 0, 0, 0, int(kind), flags=flags))

    @rule()
    def trading_resumes(self) -> None:
        """Halts must not swallow the rest of a run."""
        if self.venue.halted:
            self.apply(Command(0, self.next_id(OPERATOR_MEMBER), 0, 0, 0, 0, int(Kind.RESUME)))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1 << 16))
    def a_member_asks_again(self, which: int) -> None:
        """The answer is the first one, or it has left the window; in no case does anything happen."""
        command = self.sent[-1 - which % min(len(self.sent), 5 * WINDOW)]
        known, expected = self.venue.recall(command.command_id), self.naive.recall(command.command_id)
        if known is None or expected is None:
            assert (known, expected) == (None, None)
        else:
            assert msgspec.structs.astuple(known) == (
                expected.command_id,
                expected.seq,
                expected.ts_ns,
                expected.answer.status,
                expected.answer.reason,
                expected.answer.open_qty,
                expected.answer.trades,
            )
        self.apply(command)

    @rule()
    def the_state_goes_through_its_bytes(self) -> None:
        """From here on a restored venue follows; it must never differ."""
        self.follower = restore(self.venue.canonical_bytes())
        assert self.venue.first_difference(self.follower) is None

    @invariant()
    def both_hold_the_same_state(self) -> None:
        if not hasattr(self, "venue"):
            return
        raw = self.venue.canonical_bytes()
        assert raw == self.naive.canonical()
        assert self.venue.digest() == self.naive.digest()
        if self.follower is not None:
            self.follower.check()
            assert self.follower.canonical_bytes() == raw

    def command(self, chance: random.Random) -> Command:
        """Anything that a member may send: about its own orders mostly, sometimes somebody else's or nobody's."""
        kind, member, side = chance.choice(KINDS), chance.choice(MEMBERS), chance.choice((Side.BUY, Side.SELL))
        price, qty, dice = chance.choice(PRICES), chance.choice(QUANTITIES), chance.getrandbits(16)
        canary = dice % 16 == 0
        if canary:
            member = CANARY_MEMBER
        target = 0
        if kind in {Kind.CANCEL, Kind.REPLACE, Kind.REDUCE} and self.orders:
            target = chance.choice(self.orders[-60:])
            member = member if dice % 11 == 0 else target >> 48
            canary = target >> 48 == CANARY_MEMBER
        market = kind == Kind.NEW and dice % 13 == 0
        if kind == Kind.REPLACE and dice % 3 == 0:
            price = 0
        elif dice % 61 == 0:
            price = -price
        tif = (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK)[dice % 5]
        flags = (CommandFlag.CANARY if canary else 0) | (CommandFlag.POST_ONLY if dice % 7 == 0 else 0)
        kind_of_order = OrderType.MARKET if market else OrderType.LIMIT
        return Command(
            ts_ns=len(self.sent),
            command_id=self.next_id(member, skip=dice % 3),
            target_id=target,
            price=price,
            qty=0 if dice % 59 == 0 else qty,
            customer=dice % 4,
            kind=int(kind),
            side=int(side),
            type=int(kind_of_order),
            tif=int(tif),
            flags=int(flags),
        )

    def next_id(self, member: int, skip: int = 0) -> int:
        self.numbers[member] += 1 + skip
        return command_id(member, self.numbers[member])

    def apply(self, command: Command) -> None:
        COUNT["commands"] += 1
        seq = self.venue.seq + 1
        outcome, answer = self.venue.apply(seq, command), self.naive.apply(msgspec.structs.asdict(command))
        assert (outcome.status, outcome.reason, outcome.open_qty, outcome.fills, outcome.cancels) == (
            answer.status,
            answer.reason,
            answer.open_qty,
            answer.trades,
            answer.ended,
        )
        self.venue.check()
        for book, plain in zip((self.venue.book, self.venue.canary), self.naive.books, strict=True):
            assert engine_lines(book) == oracle_lines(plain)
        if self.follower is not None:
            assert self.follower.apply(seq, command) == outcome
        self.sent.append(command)
        if command.kind == Kind.NEW:
            self.orders.append(command.command_id)


@pytest.mark.timeout(3600)
def test_the_engine_and_the_oracle_live_the_same_day() -> None:
    """Rounds of days, each from its own seed, until `LEAST` commands were applied (nightly: twenty times that)."""
    least = 20 * LEAST if settings.get_current_profile_name() == "nightly" else LEAST
    base = core.global_force_seed or 0
    COUNT["commands"] = rounds = 0
    while COUNT["commands"] < least:
        rounds += 1
        day = seed(base + rounds)(type("TradingDay", (TradingDay,), {}))
        run_state_machine_as_test(day, settings=settings(max_examples=50, stateful_step_count=40))
    assert COUNT["commands"] >= least
