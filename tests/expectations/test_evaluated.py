"""Declared is not evaluated: an empty, misspelt or raising suite must never look green."""

from __future__ import annotations

from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pytest

from expectations import suites as declarations
from expectations.frames import FRAMES
from expectations.judge import Judge, declared

SYMBOLS = ("AAPL", "MSFT", "ZZT1")


def unevaluated(results: Any) -> set[tuple[str, str]]:
    return {(result.check, result.symbol) for result in results if not result.evaluated}


def checks_of(suites: Any, frame: str) -> set[str]:
    return {e.meta["check"] for suite in suites for e in suite.expectations if e.meta["frame"] == frame}


def suite_of(*expectations: Any) -> Any:
    for place, expectation in enumerate(expectations):
        expectation.meta = {"check": f"check_{place}", "suite": "s", "level": "L2", "frame": "checkpoints"}
    return gx.ExpectationSuite("s", expectations=list(expectations))


@pytest.mark.parametrize("frame", FRAMES)
def test_an_empty_frame_is_not_evaluated(judge: Any, declared_suites: Any, healthy: Any, frame: str) -> None:
    results = judge.judge(declared_suites, {**healthy, frame: healthy[frame].iloc[:0]}, SYMBOLS)
    missing = unevaluated(results)
    assert {(check, symbol) for check in checks_of(declared_suites, frame) for symbol in SYMBOLS} <= missing
    assert len(results) == declared(declared_suites, SYMBOLS)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_symbol_whose_rows_are_missing_is_not_evaluated(
    judge: Any, declared_suites: Any, healthy: Any, frame: str
) -> None:
    rows = healthy[frame]
    kept = rows[rows["symbol"] != "MSFT"].reset_index(drop=True)
    missing = unevaluated(judge.judge(declared_suites, {**healthy, frame: kept}, SYMBOLS))
    assert {symbol for _, symbol in missing} == {"MSFT"}
    assert checks_of(declared_suites, frame) <= {check for check, _ in missing}


def test_a_single_missing_row_is_not_evaluated(judge: Any, declared_suites: Any, healthy: Any) -> None:
    rows = healthy["acks"]
    kept = rows.drop(index=rows.index[rows["symbol"] == "MSFT"][-1]).reset_index(drop=True)
    results = judge.judge(declared_suites, {**healthy, "acks": kept}, SYMBOLS)
    assert unevaluated(results) == {("ack_recovered", "MSFT"), ("ack_command", "MSFT")}


def test_a_frame_that_is_not_there_is_not_evaluated(judge: Any, declared_suites: Any, healthy: Any) -> None:
    frames = {name: frame for name, frame in healthy.items() if name != "fills"}
    results = judge.judge(declared_suites, frames, SYMBOLS)
    assert {check for check, _ in unevaluated(results)} == checks_of(declared_suites, "fills")


def test_a_misspelt_column_is_not_evaluated(judge: Any, healthy: Any) -> None:
    suite = suite_of(
        gxe.ExpectColumnPairValuesToBeEqual(column_A="primary_digset", column_B="recovered_digest"),
        gxe.ExpectColumnValuesToBeBetween(column="seq", min_value=1),
    )
    results = judge.judge([suite], healthy, SYMBOLS)
    assert unevaluated(results) == {("check_0", symbol) for symbol in SYMBOLS}
    assert "primary_digset" in results[0].note


def test_a_raising_expectation_is_not_evaluated(judge: Any, healthy: Any) -> None:
    mixed = {**healthy, "checkpoints": healthy["checkpoints"].astype({"seq": object})}
    mixed["checkpoints"].loc[0, "seq"] = "twenty"
    results = judge.judge([suite_of(gxe.ExpectColumnValuesToBeBetween(column="seq", min_value=1))], mixed, SYMBOLS)
    assert unevaluated(results) == {("check_0", symbol) for symbol in SYMBOLS}


def test_great_expectations_raising_is_not_evaluated(healthy: Any, declared_suites: Any) -> None:
    judge = Judge()

    class Broken:
        def get_batch(self, parameters: Any) -> Any:
            raise RuntimeError("no batch today")

    judge._batches = Broken()
    results = judge.judge(declared_suites, healthy, SYMBOLS)
    assert len(results) == declared(declared_suites, SYMBOLS)
    assert not any(result.evaluated or result.passed for result in results)
    assert "no batch today" in results[0].note


def test_a_result_that_great_expectations_drops_is_not_evaluated(healthy: Any) -> None:
    judge = Judge()
    batches = judge._batches

    class Forgetful:
        def get_batch(self, parameters: Any) -> Any:
            batch = batches.get_batch(parameters)

            class Half:
                def validate(self, *arguments: Any, **keywords: Any) -> Any:
                    found = batch.validate(*arguments, **keywords)
                    del found.results[0]
                    return found

            return Half()

    judge._batches = Forgetful()
    results = judge.judge([declarations.books_checkpoints()], healthy, SYMBOLS)
    assert len(unevaluated(results)) == len(SYMBOLS)


def test_nulls_are_not_skipped_silently(judge: Any, healthy: Any) -> None:
    frame = healthy["checkpoints"].astype({"seq": "float64"})
    frame.loc[0, "seq"] = None
    suite = suite_of(gxe.ExpectColumnValuesToBeBetween(column="seq", min_value=1))
    assert unevaluated(judge.judge([suite], {**healthy, "checkpoints": frame}, SYMBOLS))


def test_no_rows_are_fine_only_where_none_were_due(judge: Any, declared_suites: Any, healthy: Any) -> None:
    """A symbol that nobody traded has no fills; the `symbols` frame says that none were due."""
    frames = dict(healthy)
    for name in ("fills", "orders", "captured_fills"):
        frames[name] = frames[name][frames[name]["symbol"] != "MSFT"].reset_index(drop=True)
    quiet = frames["symbols"].copy()
    quiet.loc[quiet["symbol"] == "MSFT", ["fills_due", "orders_due", "captured_fills_due"]] = 0
    results = judge.judge(declared_suites, {**frames, "symbols": quiet}, SYMBOLS)
    assert unevaluated(results) == set()
    assert {result.check for result in results if not result.rows} == {
        check for name in ("fills", "orders", "captured_fills") for check in checks_of(declared_suites, name)
    }
    assert all("no rows were due" in result.note for result in results if not result.rows)
