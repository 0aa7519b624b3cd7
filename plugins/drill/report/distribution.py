"""Geometry of two small charts: a dot per symbol over its recovery time, and a mark per drill over the last year."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from drill.core.percentile import nearest_rank
from drill.core.report import PastDrill, Report
from drill.report import words

WIDTH = 1000
LEFT, RIGHT = 30, 970
_BINS = 94  # a dot is 8 units, a bin 10
_DOT = 9
_DRILLS = 52
TREND_HEIGHT = 64
GLYPHS = {
    "PASS": "✓",
    "PASS_WITH_OBSERVATIONS": "✓",
    "PARTIAL": "◐",
    "FAIL": "✗",
    "ABORTED": "■",
    "INVALID": "▲",
    "REJECTED": "⊘",
    "MISSING": "?",
}


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol."""

    symbol: str
    x: int
    y: int
    worst: bool


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A percentile or a tick: where and what it says."""

    x: int
    label: str


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """A dot per symbol; empty where no symbol took a first order."""

    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Line, ...]
    floor: int
    missing: tuple[str, ...]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One drill in the trend."""

    drill_id: str
    outcome: str
    glyph: str
    x: int
    y: int


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 52 drills; `objective_y` is the dashed line."""

    points: tuple[Point, ...]
    objective_y: int


def _times(report: Report, origin_ns: int) -> list[tuple[int, str]]:
    rows = report.result.symbols
    return sorted((row.first_order_at_ns - origin_ns, row.symbol) for row in rows if row.first_order_at_ns is not None)


def _x(value: int, low: int, span: int) -> int:
    return LEFT + (value - low) * (RIGHT - LEFT) // span


def _dots(times: Sequence[tuple[int, str]], low: int, span: int) -> tuple[Dot, ...]:
    stacked: dict[int, int] = {}
    dots = []
    for number, (time, symbol) in enumerate(times):
        slot = min(_BINS - 1, (time - low) * _BINS // span)
        height = stacked.get(slot, 0)
        stacked[slot] = height + 1
        dots.append(
            Dot(
                symbol=symbol,
                x=LEFT + slot * (RIGHT - LEFT) // _BINS + 5,
                y=-height * _DOT,
                worst=number == len(times) - 1,
            )
        )
    return tuple(dots)


def _lines(ordered: Sequence[int], low: int, span: int) -> tuple[Line, ...]:
    """p50, p90, p99 and the worst; percentiles that fall on the same spot share one line."""
    found: dict[int, list[str]] = {}
    for name, value in (*((f"p{p}", nearest_rank(ordered, p)) for p in (50, 90, 99)), ("worst", ordered[-1])):
        found.setdefault(value, []).append(name)
    return tuple(
        Line(x=_x(value, low, span), label=f"{', '.join(names)} {words.precise(value)}")
        for value, names in found.items()
    )


def distribution(report: Report, origin_ns: int | None) -> Distribution:
    """Impact to first order, symbol by symbol, measured time alone."""
    reached = {row.symbol for row in report.result.symbols if row.first_order_at_ns is not None}
    missing = tuple(symbol for symbol in report.plan.scope.symbols if symbol not in reached)
    times = [] if origin_ns is None else _times(report, origin_ns)
    if not times:
        return Distribution(dots=(), lines=(), ticks=(), floor=0, missing=missing)
    ordered = [time for time, _ in times]
    low = ordered[0]
    span = max(1, ordered[-1] - low)
    dots = _dots(times, low, span)
    floor = max(-dot.y for dot in dots) + 84
    ticks = tuple(
        Line(x=_x(low + span * part // 4, low, span), label=words.precise(low + span * part // 4)) for part in range(5)
    )
    return Distribution(dots=dots, lines=_lines(ordered, low, span), ticks=ticks, floor=floor, missing=missing)


def trend(report: Report) -> Trend:
    """The last 52 registered drills, this one last; what has no recovery time stands on the floor."""
    objective = report.plan.objectives.recovery_time_ns
    registration = report.plan.registration
    this = PastDrill(
        drill_id=report.plan.drill_id,
        outcome=report.result.verdict.outcome,
        at_ns=registration.at_ns if registration else report.close.filing.generated_at_ns,
        recovery_time_ns=report.result.recovery.impact.total_ns,
    )
    drills = [*report.close.comparison, this][-_DRILLS:]
    top = max([objective, *(drill.recovery_time_ns or 0 for drill in drills)]) * 11 // 10
    floor = TREND_HEIGHT - 10

    def height(ns: int | None) -> int:
        return floor if ns is None else floor - ns * (floor - 8) // top

    step = (RIGHT - LEFT) // _DRILLS
    points = tuple(
        Point(
            drill_id=drill.drill_id,
            outcome=drill.outcome,
            glyph=GLYPHS[drill.outcome],
            x=RIGHT - 8 - (len(drills) - 1 - number) * step,
            y=height(drill.recovery_time_ns),
        )
        for number, drill in enumerate(drills)
    )
    return Trend(points=points, objective_y=height(objective))
