"""The primary's next epoch: when it is due, and which one it is."""

from __future__ import annotations

import pytest

from drill.aws.fence import Epoch
from drill.aws.fleet import EngineStatus, SymbolStatus
from drill.primary import Standing, next_epoch


def engine(state: str, **symbols: str) -> EngineStatus:
    return EngineStatus(
        address="127.0.0.1",
        site="primary",
        environment="LIVE",
        epoch=3,
        build="b",
        state=state,
        now_ns=0,
        asked_ns=0,
        answered_ns=0,
        symbols={name: SymbolStatus(state=said, seq=1, digest="") for name, said in symbols.items()},
    )


def epoch(number: int, site: str = "primary") -> Epoch:
    return Epoch(epoch=number, site=site, environment="LIVE", at_ns=1)


@pytest.mark.parametrize(
    ("answers", "wanted", "trades"),
    [
        ([engine("open", AAPL="open")], 1, True),
        ([engine("open", AAPL="open"), engine("open", MSFT="open")], 2, True),
        ([engine("open", AAPL="open")], 2, False),  # a task is missing
        ([], 1, False),
        ([engine("halted", AAPL="halted")], 1, False),  # ECS started it again: it may not open in this epoch
        ([engine("open", AAPL="open", MSFT="halted")], 1, False),
        ([engine("open", AAPL="open", MSFT="damaged")], 1, True),  # another epoch would not heal it
        ([engine("recovering", AAPL="recovering")], 1, False),
    ],
)
def test_an_exchange_trades_when_all_that_can_be_open_is(
    answers: list[EngineStatus], wanted: int, trades: bool
) -> None:
    assert Standing(epoch(3), tuple(answers), wanted, opened=True).trades is trades


@pytest.mark.parametrize(
    ("newest", "opened", "expected"),
    [
        (None, False, 1),
        (epoch(1), False, 1),  # a deployment that was cut short goes on
        (epoch(1), True, 2),
        (epoch(2, "dr-abc123"), True, 3),
        (epoch(2, "dr-abc123"), False, 3),  # taken by another site: not ours to open
    ],
)
def test_an_epoch_in_which_something_was_opened_is_never_used_again(
    newest: Epoch | None, opened: bool, expected: int
) -> None:
    assert next_epoch(Standing(newest, (), 1, opened=opened)) == expected
