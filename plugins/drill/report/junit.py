"""The report as JUnit XML, for whatever already reads test results: a suite per symbol, a test case per declared check.

A first suite, "verdict", has a case per rule. A check that was declared and not evaluated is an error, not a pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drill.core.report import CheckCell, Report, SymbolRow


def render_junit(report: Report) -> bytes:
    """The XML, the same bytes for the same report; the cases of the symbols' suites add up to the checks declared."""
    from junitparser import JUnitXml, TestSuite  # noqa: PLC0415 - only this rendering needs it

    xml = JUnitXml(name=report.plan.drill_id)
    rules = TestSuite("verdict")
    rules.add_property("outcome", report.result.verdict.outcome)
    rules.add_property("sentence", _clean(report.result.verdict.sentence))
    rules.add_testcases(list(_rules(report)))
    xml.add_testsuite(rules)
    known = {row.symbol: row for row in report.result.symbols}
    for symbol in report.plan.scope.symbols:
        suite = TestSuite(symbol)
        suite.add_testcases(list(_cases(known.get(symbol, SymbolRow(symbol=symbol, status="not reached")))))
        xml.add_testsuite(suite)
    written: bytes = xml.tostring()
    return written


def _clean(text: str) -> str:
    """Text without the control characters that XML 1.0 cannot hold."""
    return "".join(letter if letter in "\t\n" or letter >= " " else "�" for letter in text)


def _case(name: str, of: str, *results: Any) -> Any:
    from junitparser import TestCase  # noqa: PLC0415

    case = TestCase(_clean(name), classname=_clean(of))
    case.result = list(results)
    return case


def _rules(report: Report) -> Iterator[Any]:
    from junitparser import Failure, Skipped  # noqa: PLC0415

    for rule in report.result.verdict.rules:
        said = _clean(rule.statement)
        came = () if rule.met else (Skipped(said),) if rule.met is None else (Failure(said, rule.rule_id),)
        yield _case(f"{rule.rule_id}: {rule.statement}", "verdict", *came)


def _cases(row: SymbolRow) -> Iterator[Any]:
    from junitparser import Error  # noqa: PLC0415

    if not row.checks:
        yield _case("recovered", row.symbol, Error(f"{row.symbol}: {row.status}, no check was declared", row.status))
    for cell in row.checks:
        yield from _suite(row, cell)


def _suite(row: SymbolRow, cell: CheckCell) -> Iterator[Any]:
    """Cases of one suite on one symbol; records of version 1 count checks without naming those that passed."""
    from junitparser import Error, Failure  # noqa: PLC0415

    texts = {failure.check: failure.text for failure in row.failures if failure.suite == cell.suite}
    of = f"{row.symbol}.{cell.suite.replace(' ', '_')}"
    for name in cell.names:
        if name in cell.not_evaluated:
            yield _case(name, of, Error("declared and not evaluated", "not evaluated"))
        elif name in texts:
            yield _case(name, of, Failure(_clean(texts[name]), "failed"))
        else:
            yield _case(name, of)
    for number in range(cell.declared if not cell.names else 0):
        said = row.first_difference or "; ".join(row.checks_failed) or "failed"
        late = number >= cell.evaluated
        came = (Failure(_clean(said), "failed"),) if number < cell.failed else ()
        yield _case(
            f"check {number + 1}", of, *((Error("declared and not evaluated", "not evaluated"),) if late else came)
        )
