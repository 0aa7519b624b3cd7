"""Runs suites over frames and counts what was really evaluated, per expectation and symbol.

A green result of Great Expectations is believed only if it exists, raised nothing, skipped no null and saw as many rows
as the frame has; a symbol's share of it only if at least as many of its rows were there as were due.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read on import: no telemetry, whoever runs this

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig

from expectations.validation import CheckResult, plain

__all__ = ["Judge", "declared"]

NO_ROWS_DUE = "no rows were due: nothing of the kind happened to this symbol"


def declared(suites: Iterable[Any], symbols: Sequence[str]) -> int:
    """Expectations x symbols, counted from the definitions."""
    return sum(len(suite.expectations) for suite in suites) * len(symbols)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of one expectation over a whole frame: which rows were unexpected, or why it does not count."""

    unexpected: np.ndarray[Any, Any]
    problem: str


class Judge:
    """An ephemeral context of Great Expectations: no file, no telemetry, no progress bar."""

    def __init__(self) -> None:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")

    def judge(
        self,
        suites: Iterable[Any],
        frames: Mapping[str, pd.DataFrame],
        symbols: Sequence[str],
        *,
        test_symbols: Collection[str] = (),
    ) -> list[CheckResult]:
        """One result per expectation and symbol, whatever happens. `frames["symbols"]` says how many rows are due."""
        results: list[CheckResult] = []
        for suite in suites:
            outcomes = self._run(suite, frames)
            for expectation in suite.expectations:
                meta = expectation.meta
                outcome = outcomes.get(meta["check"], _missing("Great Expectations returned no result"))
                split = _Split(frames, meta, outcome, test_symbols)
                results += [split.result(symbol) for symbol in symbols]
        return results

    def _run(self, suite: Any, frames: Mapping[str, pd.DataFrame]) -> dict[str, _Outcome]:
        name = suite.expectations[0].meta["frame"] if suite.expectations else ""
        try:
            frame = frames[name]
            batch = self._batches.get_batch({"dataframe": frame})
            found = batch.validate(
                suite, result_format={"result_format": "COMPLETE", "exclude_unexpected_values": True}
            )
        except Exception as error:  # noqa: BLE001 - whatever it is: these checks were not evaluated, and say why
            problem = _missing(f"{type(error).__name__}: {error}")
            return {expectation.meta["check"]: problem for expectation in suite.expectations}
        return {one.expectation_config.meta["check"]: _outcome(one, len(frame)) for one in found.results}


def _missing(problem: str) -> _Outcome:
    return _Outcome(np.empty(0, dtype=np.int64), problem)


def _outcome(result: Any, rows: int) -> _Outcome:
    raised = _raised(result.exception_info)
    if raised:
        return _missing(raised)
    found = result.result
    index = np.array(found.get("unexpected_index_list") or [], dtype=np.int64)
    count = found.get("unexpected_count")
    if found.get("element_count") != rows:
        return _missing(f"saw {found.get('element_count')} rows of {rows}")
    if found.get("missing_count"):
        return _missing(f"skipped {found['missing_count']} nulls")
    if len(index) != count or result.success != (not count):
        return _missing(f"says success={result.success}, {count} unexpected, lists {len(index)}")
    return _Outcome(index, "")


def _raised(info: Mapping[str, Any] | None) -> str:
    """Great Expectations reports exceptions flat, or by the id of the metric that raised."""
    if not info:
        return ""
    each = [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, Mapping)]
    return "; ".join(str(one.get("exception_message")) for one in each if one.get("raised_exception"))


class _Split:
    """One expectation's outcome by symbol."""

    def __init__(
        self, frames: Mapping[str, pd.DataFrame], meta: Mapping[str, str], outcome: _Outcome, tests: Collection[str]
    ) -> None:
        self._meta, self._outcome, self._tests = meta, outcome, tests
        self._frame = frames.get(meta["frame"], pd.DataFrame({"symbol": []}))
        self._rows = self._frame["symbol"].value_counts()
        self._due = _due(frames, meta["frame"])
        unexpected = self._frame["symbol"].to_numpy()[outcome.unexpected]
        self._unexpected = {
            symbol: outcome.unexpected[unexpected == symbol] for symbol in np.unique(unexpected.astype(str))
        }

    def result(self, symbol: str) -> CheckResult:
        """The symbol's share."""
        rows, due = int(self._rows.get(symbol, 0)), self._due.get(symbol)
        problem = self._problem(symbol, rows, due)
        bad = self._unexpected.get(symbol, ())
        return CheckResult(
            suite=self._meta["suite"],
            check=self._meta["check"],
            level=self._meta["level"],
            symbol=symbol,
            scope=symbol not in self._tests,
            rows=rows,
            due=due or 0,
            evaluated=not problem,
            passed=not problem and not len(bad),
            unexpected=len(bad),
            first=_coordinates(self._frame.iloc[bad[0]].to_dict()) if len(bad) else None,
            note=problem or ("" if rows else NO_ROWS_DUE),
        )

    def _problem(self, symbol: str, rows: int, due: int | None) -> str:
        if self._outcome.problem:
            return self._outcome.problem
        if due is None:
            return f"{symbol} is not in the frame that says how many rows are due"
        return "" if rows >= due else f"{rows} rows of {due} due"


def _due(frames: Mapping[str, pd.DataFrame], frame: str) -> dict[str, int]:
    """Rows due by symbol; a symbol listed twice or not at all has no answer."""
    listed = frames.get("symbols")
    column = f"{frame}_due"
    if listed is None or column not in listed:
        return {}
    once = listed[~listed["symbol"].duplicated(keep=False)]
    return {str(symbol): int(due) for symbol, due in zip(once["symbol"], once[column], strict=True)}


def _coordinates(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The row as JSON values, with the missing range spelled out."""
    coordinates: dict[str, Any] = plain(row)
    first, expected = row.get("first_seq"), row.get("expected_first_seq")
    if first is not None and expected is not None and first > expected:
        coordinates["gap"] = [int(expected), int(first) - 1]
    return coordinates
