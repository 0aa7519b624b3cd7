"""Journal lag: how old the oldest undelivered record of the worst stream was, by the streams' own metric."""

from __future__ import annotations

from collections.abc import Sequence

from drill.core.report import FlushBuffer, LagPoint
from drill.report import words
from drill.report.charts.picture import BAD, SOFT, WORK, Margins, Picture, altair, draw

_HEIGHT = 90
_MARGINS = Margins(left=66, right=20, top=18, bottom=36)


def lag(points: Sequence[LagPoint], buffer: FlushBuffer | None, impact_ns: int | None) -> Picture | None:
    """Seconds of lag over seconds since the impact, the buffer's interval dashed; None without points."""
    alt = altair()

    if not points:
        return None
    origin = points[0].at_ns if impact_ns is None else impact_ns
    values = [{"s": (one.at_ns - origin) / words.SECOND, "age": one.worst_ns / words.SECOND} for one in points]
    interval = None if buffer is None else buffer.interval_ns / words.SECOND
    highest = max([one["age"] for one in values] + [interval or 0, 1])
    title = "seconds since the first point" if impact_ns is None else "seconds since the impact"
    x = alt.X("s:Q", scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(title=title, grid=False, tickCount=8))
    y = alt.Y("age:Q", scale=alt.Scale(domain=[0, highest * 1.15]), axis=alt.Axis(title="lag, s", tickCount=3))
    lines = alt.Chart(alt.Data(values=values))
    layers = [lines.mark_line(stroke=WORK, interpolate="step-after").encode(x=x, y=y)]
    layers.append(lines.mark_circle(fill=WORK, size=24, opacity=1).encode(x=x, y=y))
    if interval is not None:
        limit = alt.Chart(alt.Data(values=[{"age": interval, "text": "buffer interval"}]))
        layers.append(limit.mark_rule(stroke=SOFT, strokeDash=[6, 4]).encode(y=y))
        layers.append(
            limit.mark_text(align="left", dy=-6, fontSize=12, fill=SOFT).encode(x=alt.value(4), y=y, text="text:N")
        )
    if impact_ns is not None and values[0]["s"] <= 0 <= values[-1]["s"]:
        loss = alt.Chart(alt.Data(values=[{"s": 0, "text": "impact"}]))
        layers.append(loss.mark_rule(stroke=BAD, strokeDash=[3, 3]).encode(x=x))
        layers.append(
            loss.mark_text(align="left", dx=4, fontSize=12, fill=BAD).encode(x=x, y=alt.value(-6), text="text:N")
        )
    worst = max(points, key=lambda one: one.worst_ns)
    said = f"Journal lag at {len(points)} moments, at most {words.spoken(worst.worst_ns)} on {worst.stream}"
    return draw(alt.layer(*layers), said, height=_HEIGHT, margins=_MARGINS)
