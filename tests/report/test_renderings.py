"""PDF, CSV and JUnit: derived from the one model, complete, and the same bytes every time."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest
from junitparser import Error, Failure, JUnitXml
from msgspec.structs import replace

from drill.report import render_pdf
from drill.report.junit import render_junit
from drill.report.pdf import sheets_of_page_one
from drill.report.renderings import RENDERINGS
from drill.report.tables import PHASES, SYMBOLS, phases_csv, symbols_csv
from tests.report import rendered, samples


def rows(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode(), newline="")))


@pytest.mark.parametrize("name", rendered.NAMES)
def test_every_rendering_is_made_of_every_outcome(name: str) -> None:
    made = rendered.files(name)
    assert tuple(made) == RENDERINGS
    assert all(made.values())
    assert made["report.pdf"].startswith(b"%PDF-1.7")


def test_the_pdf_says_what_it_conforms_to_and_is_the_same_bytes() -> None:
    first = rendered.files("FAIL")["report.pdf"]
    assert first == render_pdf(samples.failed())
    assert b"<pdfaid:part>2</pdfaid:part>" in first
    assert b"<pdfuaid:part>1</pdfuaid:part>" in first
    assert b"2026-11-06" in first


@pytest.mark.parametrize("name", rendered.NAMES)
def test_page_one_of_the_pdf_is_one_sheet(name: str) -> None:
    assert sheets_of_page_one(rendered.laid_out(name)) == 1


def test_symbols_csv_has_a_row_per_symbol() -> None:
    found = rows(symbols_csv(samples.failed()))
    assert [row["symbol"] for row in found] == list(samples.SYMBOLS)
    qcom = next(row for row in found if row["symbol"] == "QCOM")
    assert (qcom["status"], qcom["orders_lost"], qcom["checks_failed"], qcom["first_order_at_ns"]) == (
        "damaged", "2204", "3", "",
    )  # fmt: skip
    assert tuple(qcom) == SYMBOLS
    aal = found[0]
    assert int(aal["impact_to_first_order_ns"]) == int(aal["first_order_at_ns"]) - samples.T0


def test_phases_csv_splits_each_phase() -> None:
    found = rows(phases_csv(samples.observed()))
    rehydrate = next(row for row in found if row["phase"] == "rehydrate")
    assert tuple(rehydrate) == PHASES
    parts = sum(int(rehydrate[name]) for name in ("work_ns", "retry_ns", "approval_ns"))
    assert parts == int(rehydrate["end_ns"]) - int(rehydrate["start_ns"])


def test_text_that_looks_like_a_formula_stays_text() -> None:
    report = samples.passed()
    evil = tuple(replace(one, note="=HYPERLINK(1)") for one in report.result.phases)
    found = rows(phases_csv(replace(report, result=replace(report.result, phases=evil))))
    assert {row["note"] for row in found} == {"'=HYPERLINK(1)"}


def test_junit_has_a_case_per_declared_check_and_its_failures_carry_their_texts() -> None:
    report = samples.failed()
    verdict, *suites = JUnitXml.fromstring(render_junit(report).decode())
    assert [suite.name for suite in suites] == list(samples.SYMBOLS)
    assert verdict.name == "verdict"
    qcom = next(suite for suite in suites if suite.name == "QCOM")
    assert (qcom.tests, qcom.failures, qcom.errors) == (9, 3, 1)
    texts = [came.message for case in qcom for came in case.result if isinstance(came, Failure)]
    assert texts == ["178 unexpected rows, the first: seq 4,388 after 4,210"] * 3
    dead = next(suite for suite in suites if suite.name == "SRCL")
    assert [type(case.result[0]) for case in dead] == [Error]


def test_junit_counts_what_was_declared() -> None:
    for name, report in samples.outcomes().items():
        _, *suites = JUnitXml.fromstring(render_junit(report).decode())
        declared = sum(cell.declared for row in report.result.symbols for cell in row.checks)
        unchecked = len(report.plan.scope.symbols) - sum(bool(row.checks) for row in report.result.symbols)
        assert sum(suite.tests for suite in suites) == declared + unchecked, name


def test_control_characters_do_not_break_the_xml() -> None:
    report = samples.failed()
    broken = tuple(
        replace(row, failures=tuple(replace(one, text="a\x00b\x1bc") for one in row.failures))
        for row in report.result.symbols
    )
    assert JUnitXml.fromstring(render_junit(replace(report, result=replace(report.result, symbols=broken))).decode())


def test_nothing_heavy_is_imported_before_something_is_rendered() -> None:
    program = (
        "import sys, drill.report.renderings; "
        "print([name for name in ('altair', 'vl_convert', 'typst', 'junitparser') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
