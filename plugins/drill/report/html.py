"""The report as one HTML page that carries everything it needs: no script, no address, no font from elsewhere."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from drill.core.report import CheckCell, Report, SymbolRow, canonical_bytes, clauses
from drill.report import distribution, waterfall, words

_TEMPLATES = Path(__file__).with_name("templates")
_COLUMNS = 3  # of the heat map
_SEVERITY = {"damaged": 0, "dead": 1, "not reached": 2, "recovered": 3}
_WORDS = (
    words.cents,
    words.clock,
    words.count,
    words.dollars,
    words.duration,
    words.floor_percent,
    words.milliseconds,
    words.moment,
    words.percent,
    words.plural,
    words.ppm,
    words.short,
    words.size,
    words.spoken,
    words.week,
)


@cache
def _environment() -> Environment:
    """Autoescape on whatever the template is called; a name that is not there is an error, not a blank."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({word.__name__: word for word in _WORDS})
    return environment


def _trouble(cell: CheckCell) -> bool:
    return bool(cell.failed) or cell.evaluated != cell.declared


def _worst_first(row: SymbolRow) -> tuple[int, int, int, str]:
    """Damaged, dead and unreached symbols first, then failed checks, then the slowest."""
    reached = row.first_order_at_ns
    return (
        _SEVERITY[row.status],
        -len(row.checks_failed) - sum(map(_trouble, row.checks)),
        0 if reached is None else -reached,
        row.symbol,
    )


def _heat_map(report: Report) -> tuple[tuple[SymbolRow, ...], ...]:
    """Rows worst first, dealt into columns that are read one after the other; symbols without a row are there too."""
    known = {row.symbol: row for row in report.result.symbols}
    rows = [known.get(name, SymbolRow(symbol=name, status="not reached")) for name in report.plan.scope.symbols]
    ordered = sorted(rows, key=_worst_first)
    length = max(1, -(-len(ordered) // _COLUMNS))
    return tuple(tuple(ordered[start : start + length]) for start in range(0, len(ordered), length))


def _letters(suites: tuple[str, ...]) -> dict[str, str]:
    """One letter a suite for the heat map's narrow columns: its first that is still free."""
    taken: dict[str, str] = {}
    for suite in suites:
        free = (letter.upper() for letter in suite if letter.isalpha() and letter.upper() not in taken.values())
        taken[suite] = next(free, "?")
    return taken


def _at(report: Report, name: str) -> int | None:
    return next((mark.at_ns for mark in report.result.marks if mark.name == name), None)


def _context(report: Report) -> dict[str, Any]:
    plan, result, close = report.plan, report.result, report.close
    impact = _at(report, "T0")
    counting = [phase for phase in result.phases if phase.counts]
    names = dict.fromkeys([suite.name for suite in result.suites])
    names.update(dict.fromkeys(cell.suite for row in result.symbols for cell in row.checks))
    return {
        "report": report,
        "plan": plan,
        "result": result,
        "close": close,
        "glyphs": distribution.GLYPHS,
        "impact_ns": impact,
        "objective_ns": plan.objectives.recovery_time_ns,
        "in_scope": len(plan.scope.symbols),
        "recovery": result.recovery,
        "point": result.point,
        "control": result.control,
        "teardown": close.teardown,
        "short_waterfall": waterfall.waterfall(counting, impact, start_label="since the impact"),
        "full_waterfall": waterfall.waterfall(result.phases, None, start_label="since registration"),
        "distribution": distribution.distribution(report, impact),
        "trend": distribution.trend(report),
        "heat_map": _heat_map(report),
        "letters": _letters(tuple(names)),
        "declared": sum(suite.declared for suite in result.suites),
        "evaluated": sum(suite.evaluated for suite in result.suites),
        "failed": sum(suite.failed for suite in result.suites),
        "clauses": clauses(),
        "record_sha256": hashlib.sha256(canonical_bytes(report)).hexdigest(),
    }


def render_html(report: Report) -> str:
    """The page, the same bytes for the same report."""
    return _environment().get_template("report.html.j2").render(_context(report))
