"""How much of the objective was used: measured and assumed, on an axis that ends a little beyond the objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drill.core.report import RecoveryTime
from drill.report import words
from drill.report.charts.picture import BAD, INK, SOFT, WASH, WIDTH, WORK, Margins, Picture, altair, draw

if TYPE_CHECKING:
    from altair import Chart

_HEIGHT, _BAR, _TOP = 42, 18, 4
_BEYOND = 108  # the axis goes to this many per cent of the longer of time and objective
_NEAR_THE_EDGE = 920


def gauge(recovery: RecoveryTime, limit_ns: int) -> Picture:
    """One bar; a recovery that was not achieved is said in words, not drawn as an empty bar."""
    alt = altair()

    total, measured = recovery.total_ns, recovery.measured_ns
    top = max(limit_ns, total or 0, 1) * _BEYOND // 100
    x = alt.X("from:Q", scale=alt.Scale(domain=[0, top]), axis=None)

    def bar(begin: int, end: int, **look: object) -> Chart:
        shown = max(end, begin + top * 2 // WIDTH)  # never thinner than two units
        chart = alt.Chart(alt.Data(values=[{"from": begin, "to": shown}])).mark_bar(**look)
        return chart.encode(x=x, x2="to:Q", y=alt.value(_TOP), y2=alt.value(_TOP + _BAR))

    def text(at: int, said: str, y: int, **look: object) -> Chart:
        chart = alt.Chart(alt.Data(values=[{"from": at, "text": said}])).mark_text(**look)
        return chart.encode(x=x, y=alt.value(y), text="text:N")

    layers = [bar(0, top, fill=WASH)]
    if measured is None:
        layers.append(
            text(0, "✗ not achieved", _TOP + 9, align="left", dx=10, fontSize=13, fontWeight="bold", fill=BAD)
        )
    else:
        layers.append(bar(0, measured, fill=WORK if measured + recovery.assumed_ns <= limit_ns else BAD))
        if recovery.assumed_ns:
            dashed = {"fill": "#fff6dc", "stroke": "#7a4a00", "strokeDash": [4, 3]}
            layers.append(bar(measured, measured + recovery.assumed_ns, **dashed))
    rule = alt.Chart(alt.Data(values=[{"from": limit_ns}])).mark_rule(stroke=INK, strokeWidth=2.5, strokeDash=[5, 2])
    layers.append(rule.encode(x=x, y=alt.value(0), y2=alt.value(_TOP + _BAR + 5)))
    align = "right" if limit_ns * WIDTH // top > _NEAR_THE_EDGE else "center"
    layers.append(text(limit_ns, f"objective {words.duration(limit_ns)}", 35, align=align, fontSize=12.5, fill=SOFT))
    layers.append(text(0, "0:00:00", 35, align="left", fontSize=12.5, fill=SOFT))
    said = f"Recovery time against the objective: {words.duration(total)} of {words.duration(limit_ns)}"
    return draw(alt.layer(*layers), said, height=_HEIGHT, margins=Margins())
