"""What a drill did not prove follows from what it did: a line goes when the thing was shown."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from drill.report.limitations import limitations
from tests.report import samples

OUTCOMES = samples.outcomes()


def of(name: str) -> str:
    report = OUTCOMES[name]
    return "\n".join(limitations(report.plan, report.result))


@pytest.mark.parametrize("name", OUTCOMES)
def test_there_is_always_something_that_was_not_proven(name: str) -> None:
    assert of(name)


def test_what_was_shown_is_no_limitation() -> None:
    report = samples.observed()  # its sensitivity is scored
    assert "Sensitivity" in of("PASS")
    assert "Sensitivity" not in "\n".join(limitations(report.plan, report.result))
    assert report.result.journal is not None
    with_snapshots = replace(report.result, journal=replace(report.result.journal, snapshots_used=100))
    assert "No snapshot" in of("PASS")
    assert "No snapshot" not in "\n".join(limitations(report.plan, with_snapshots))


def test_each_gap_is_named() -> None:
    assert "95 of 100 listed symbols were not in scope" in of("PARTIAL")
    assert "ended before cut over: nothing from there on was exercised (3 phases)" in of("FAIL")
    assert "no figure in this report may be relied on" in of("INVALID")
    assert "before its first phase" in of("MISSING")
    assert "assumed to take 15 min" in of("PASS")
    assert "L4" in of("PASS")
    assert "0.26 % of a full day" in of("PASS")
