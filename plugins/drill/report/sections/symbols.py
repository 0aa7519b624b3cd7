"""Symbols against suites, worst first, down to the first differing order."""

from __future__ import annotations

from drill.core.report import CheckCell, Report, SymbolRow
from drill.report import words
from drill.report.sections import blocks as b
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


def symbols(report: Report) -> b.Section:
    """The heat map and, for whatever is not green, what was found first."""
    rows = worst_first(report)
    named = letters(
        tuple(dict.fromkeys([s.name for s in report.result.suites] + [c.suite for r in rows for c in r.checks]))
    )
    length = max(1, -(-len(rows) // PARTS))
    impact = mark(report, "T0")
    legend: list[str | b.Span] = []
    for suite, letter in named.items():
        legend += [b.strong(letter), f" {suite} · "]
    legend.append(
        "✓ all passed · ✗ with the number failed · ! evaluated of declared · ○ not run · time: impact to first order"
    )
    heat = b.HeatMap(
        columns=(
            b.Column("symbol"),
            *(b.Column(letter) for letter in named.values()),
            b.Column("seq", figure=True),
            b.Column("time", figure=True),
        ),
        parts=tuple(
            tuple(_row(row, tuple(named), impact) for row in rows[start : start + length])
            for start in range(0, len(rows), length)
        ),
    )
    trouble = [row for row in rows if row.first_difference or row.status == "dead"]
    listed = (
        b.cells(
            row.symbol, row.status, words.count(row.orders_lost), _first(row), ", ".join(row.checks_failed) or "none"
        )
        for row in trouble[:_LISTED]
    )
    more = len(trouble) - _LISTED
    return b.Section(
        "symbols",
        "Symbols, worst first",
        (
            b.say(*legend),
            heat if rows else b.say("No symbol was in scope."),
            *(
                (
                    b.Heading("Down to the first difference"),
                    b.table("symbol|status|#orders lost|*first difference|*failed checks", listed),
                )
                if trouble
                else ()
            ),
            *((b.say(b.Span(f"and {more} more in the record and in symbols.csv", "soft")),) if more > 0 else ()),
        ),
    )


def _first(row: SymbolRow) -> b.Line:
    return b.line(row.first_difference or b.Span("its engine never came up", "bad"))


def _row(row: SymbolRow, suites: tuple[str, ...], impact: int | None) -> tuple[b.Line, ...]:
    if row.status in ("dead", "not reached") and not row.checks:
        dead = row.status == "dead"
        said = b.Span("✗ dead: its engine never came up", "dead") if dead else b.Span("○ not reached", "none")
        return b.cells(row.symbol, said)
    by_suite = {cell.suite: cell for cell in row.checks}
    reached = row.first_order_at_ns
    time = b.Span("none", "absent") if reached is None or impact is None else b.Span(words.precise(reached - impact))
    seq = b.Span("unknown", "absent") if row.seq is None else b.Span(words.count(row.seq))
    return b.cells(row.symbol, *(_cell(by_suite.get(suite)) for suite in suites), seq, time)


def _cell(cell: CheckCell | None) -> b.Span:
    if cell is None or not cell.declared:
        return b.Span("○", "none")
    if cell.failed:
        return b.Span(f"✗{cell.failed}", "hit")
    if cell.evaluated != cell.declared:
        return b.Span(f"!{cell.evaluated}/{cell.declared}", "short")
    return b.Span("✓", "good")
