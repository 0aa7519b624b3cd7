"""Symbols against suites, worst first, down to the first differing order."""

from __future__ import annotations

from drill.core.report import CheckCell, Report, SymbolRow
from drill.report import words
from drill.report.sections.blocks import (
    Column,
    Heading,
    HeatMap,
    Line,
    Section,
    Span,
    cells,
    line,
    say,
    strong,
    table,
)
from drill.report.sections.first import mark

PARTS = 3
_SEVERITY = {"damaged": 0, "dead": 1, "not reached": 2, "recovered": 3}
_LISTED = 40


def letters(suites: tuple[str, ...]) -> dict[str, str]:
    """One letter a suite for the narrow columns: its first that is still free."""
    taken: dict[str, str] = {}
    for suite in suites:
        free = (letter.upper() for letter in suite if letter.isalpha() and letter.upper() not in taken.values())
        taken[suite] = next(free, "?")
    return taken


def worst_first(report: Report) -> list[SymbolRow]:
    """Damaged, dead and unreached symbols first, then failed checks, then the slowest; symbols without a row too."""
    known = {row.symbol: row for row in report.result.symbols}
    rows = [known.get(name, SymbolRow(symbol=name, status="not reached")) for name in report.plan.scope.symbols]
    return sorted(rows, key=_order)


def _order(row: SymbolRow) -> tuple[int, int, int, str]:
    reached = row.first_order_at_ns
    trouble = sum(bool(cell.failed) or cell.evaluated != cell.declared for cell in row.checks)
    return _SEVERITY[row.status], -len(row.checks_failed) - trouble, 0 if reached is None else -reached, row.symbol


def symbols(report: Report) -> Section:
    """The heat map and, for whatever is not green, what was found first."""
    rows = worst_first(report)
    named = letters(
        tuple(dict.fromkeys([s.name for s in report.result.suites] + [c.suite for r in rows for c in r.checks]))
    )
    length = max(1, -(-len(rows) // PARTS))
    impact = mark(report, "T0")
    legend: list[str | Span] = []
    for suite, letter in named.items():
        legend += [strong(letter), f" {suite} · "]
    legend.append(
        "✓ all passed · ✗ with the number failed · ! evaluated of declared · ○ not run · time: impact to first order"
    )
    heat = HeatMap(
        columns=(
            Column("symbol"),
            *(Column(letter) for letter in named.values()),
            Column("seq", figure=True),
            Column("time", figure=True),
        ),
        parts=tuple(
            tuple(_row(row, tuple(named), impact) for row in rows[start : start + length])
            for start in range(0, len(rows), length)
        ),
    )
    trouble = [row for row in rows if row.first_difference or row.status == "dead"]
    listed = (
        cells(row.symbol, row.status, words.count(row.orders_lost), _first(row), ", ".join(row.checks_failed) or "none")
        for row in trouble[:_LISTED]
    )
    more = len(trouble) - _LISTED
    return Section(
        "symbols",
        "Symbols, worst first",
        (
            say(*legend),
            heat if rows else say("No symbol was in scope."),
            *(
                (
                    Heading("Down to the first difference"),
                    table("symbol|status|#orders lost|*first difference|*failed checks", listed),
                )
                if trouble
                else ()
            ),
            *((say(Span(f"and {more} more in the record and in symbols.csv", "soft")),) if more > 0 else ()),
        ),
    )


def _first(row: SymbolRow) -> Line:
    return line(row.first_difference or Span("its engine never came up", "bad"))


def _row(row: SymbolRow, suites: tuple[str, ...], impact: int | None) -> tuple[Line, ...]:
    if row.status in ("dead", "not reached") and not row.checks:
        dead = row.status == "dead"
        said = Span("✗ dead: its engine never came up", "dead") if dead else Span("○ not reached", "none")
        return cells(row.symbol, said)
    by_suite = {cell.suite: cell for cell in row.checks}
    reached = row.first_order_at_ns
    time = Span("none", "absent") if reached is None or impact is None else Span(words.precise(reached - impact))
    seq = Span("unknown", "absent") if row.seq is None else Span(words.count(row.seq))
    return cells(row.symbol, *(_cell(by_suite.get(suite)) for suite in suites), seq, time)


def _cell(cell: CheckCell | None) -> Span:
    if cell is None or not cell.declared:
        return Span("○", "none")
    if cell.failed:
        return Span(f"✗{cell.failed}", "hit")
    if cell.evaluated != cell.declared:
        return Span(f"!{cell.evaluated}/{cell.declared}", "short")
    return Span("✓", "good")
