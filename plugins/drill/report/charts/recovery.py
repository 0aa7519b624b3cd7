"""Recovery time by symbol: a dot each, the worst named; percentiles as rules, no average anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drill.core.percentile import nearest_rank
from drill.core.report import Report
from drill.report import words
from drill.report.charts.picture import INK, SOFT, WORK, Margins, Picture, altair, draw

_WORST = "#b8480a"
_BINS = 94
_DOT = 10
_LEAST_SPAN = words.SECOND  # an axis below a second would tell differences that no clock here measures
_MARGINS = Margins(left=30, right=30, top=72, bottom=26)
_WIDTH = 1000 - _MARGINS.left - _MARGINS.right


def times(report: Report, impact_ns: int | None) -> list[tuple[int, str]]:
    """Impact to first order, measured, ascending; symbols that took none are absent."""
    if impact_ns is None:
        return []
    rows = report.result.symbols
    return sorted((row.first_order_at_ns - impact_ns, row.symbol) for row in rows if row.first_order_at_ns is not None)


def _percentiles(ordered: Sequence[int]) -> dict[int, str]:
    """Where the rules stand and what they say; percentiles that fall on the same spot share one."""
    found: dict[int, list[str]] = {}
    for name, value in (*((f"p{p}", nearest_rank(ordered, p)) for p in (50, 90, 99)), ("worst", ordered[-1])):
        found.setdefault(value, []).append(name)
    return {value: f"{', '.join(names)} {words.precise(value)}" for value, names in found.items()}


def recovery(report: Report, impact_ns: int | None) -> Picture | None:
    """The dots, stacked where they fall together; None where no symbol took a first order."""
    alt = altair()

    found = times(report, impact_ns)
    if not found:
        return None
    ordered = [time for time, _ in found]
    low, span = ordered[0], max(_LEAST_SPAN, ordered[-1] - ordered[0])
    stacked: dict[int, int] = {}
    dots: list[dict[str, Any]] = []
    for time, symbol in found:
        slot = min(_BINS - 1, (time - low) * _BINS // span)
        stacked[slot] = stacked.get(slot, 0) + 1
        dots.append({"time": low + (2 * slot + 1) * span // (2 * _BINS), "level": stacked[slot], "symbol": symbol})
    height = max(stacked.values()) * _DOT + 6
    # Symbols that come back within the same tenth of a second have one label between them.
    ticks = list({words.precise(tick): tick for tick in (low + span * part // 4 for part in range(5))}.values())
    labels = "".join(f"datum.value == {tick} ? '{words.precise(tick)}' : " for tick in ticks) + "''"
    x = alt.X(
        "time:Q",
        scale=alt.Scale(domain=[low, low + span], nice=False, zero=False),
        axis=alt.Axis(values=ticks, labelExpr=labels, title=None, grid=False),
    )
    y = alt.Y("level:Q", scale=alt.Scale(domain=[0.4, height / _DOT + 0.4], nice=False, zero=False), axis=None)
    worst = dots[-1]
    # A name must not run out of the picture.
    side, beside = ("left", 9) if (worst["time"] - low) * 10 < span else ("right", -9)
    layers = [
        alt.Chart(alt.Data(values=dots[:-1])).mark_circle(size=52, opacity=1, fill=WORK).encode(x=x, y=y),
        alt.Chart(alt.Data(values=[worst]))
        .mark_point(size=70, shape="diamond", filled=True, opacity=1, fill=_WORST)
        .encode(x=x, y=y),
        alt.Chart(alt.Data(values=[worst]))
        .mark_text(align=side, baseline="middle", dx=beside, fontSize=12.5, fontWeight="bold", fill=INK)
        .encode(x=x, y=y, text="symbol:N"),
    ]
    for number, (value, text) in enumerate(_percentiles(ordered).items()):
        top = number * 17 - _MARGINS.top + 12
        left = (value - low) * _WIDTH // span < _WIDTH * 3 // 4
        data = alt.Data(values=[{"time": value, "text": text}])
        layers.append(
            alt.Chart(data)
            .mark_rule(stroke=SOFT, strokeDash=[3, 3])
            .encode(x=x, y=alt.value(top + 4), y2=alt.value(height))
        )
        layers.append(
            alt.Chart(data)
            .mark_text(align="left" if left else "right", dx=5 if left else -5, fontSize=12.5, fill=INK)
            .encode(x=x, y=alt.value(top), text="text:N")
        )
    said = (
        f"Time from impact to first order of {len(found)} symbols; worst {worst['symbol']} {words.precise(ordered[-1])}"
    )
    return draw(alt.layer(*layers), said, height=height, margins=_MARGINS)
