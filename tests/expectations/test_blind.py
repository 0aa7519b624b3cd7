"""A validator that is blind makes the drill INVALID, whatever else is green: the negative control is what tells."""

from __future__ import annotations

from typing import Any

import pytest

from drill.core.verdict import control, judge
from drill.operators.validate import document
from expectations import suites as declarations
from expectations.validate import validate
from tests.core import worlds
from tests.expectations.exchange import SYMBOLS, TESTS, Exchange

SABOTAGED = TESTS[0]


def validated(exchange: Exchange) -> Any:
    """The validation of an exchange whose test symbol lost an object, as a drill would file it."""
    exchange.object(SABOTAGED, 1).unlink()
    validation = validate(exchange.source(), scope_symbols=SYMBOLS, test_symbols=TESTS)
    filed = document(validation.record(), worlds.plan())
    reveal = {**worlds.documents()["word-reveal"], "control": {"kind": "delete_middle", "symbol": SABOTAGED}}
    return worlds.changed(validation=filed, word_reveal=reveal)


def test_a_validator_that_looks_catches_the_control(exchange: Exchange) -> None:
    assert control(validated(exchange)) == "caught"


def test_a_validator_that_does_not_look_at_the_journal_makes_the_drill_invalid(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing = declarations.suites

    def blind(**bounds: Any) -> tuple[Any, ...]:
        return tuple(suite for suite in seeing(**bounds) if not suite.name.startswith("journal."))

    monkeypatch.setattr(declarations, "suites", blind)
    evidence = validated(exchange)
    assert control(evidence) == "missed"
    verdict = judge(evidence)
    assert verdict.outcome == "INVALID"
    assert "the negative control was missed: this validation could not have failed" in {
        ruling.text for ruling in verdict.rulings if ruling.rule == "I-CONTROL"
    }
