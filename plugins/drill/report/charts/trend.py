"""The last 52 registered drills: a mark each, its shape the verdict, its height the recovery time; none is left out."""

from __future__ import annotations

from drill.core.report import PastDrill, Report
from drill.report import words
from drill.report.charts.picture import BAD, GOOD, INK, LINE, MIND, SOFT, Margins, Picture, altair, draw

DRILLS = 52
GLYPHS = {
    "PASS": "✓",
    "PASS_WITH_OBSERVATIONS": "☑",
    "PARTIAL": "◐",
    "FAIL": "✗",
    "ABORTED": "■",
    "INVALID": "▲",
    "REJECTED": "⊘",
    "MISSING": "?",
    "FAILOVER": "⇄",
    "FAILBACK": "⌂",
}
_HEIGHT = 52
_MARGINS = Margins(left=66, right=16, top=10, bottom=24)
_FILLS = {"PASS": GOOD, "PASS_WITH_OBSERVATIONS": GOOD, "PARTIAL": MIND, "FAILOVER": INK, "FAILBACK": INK}


def shown(report: Report) -> tuple[PastDrill, ...]:
    """Earlier drills as recorded, this one last."""
    registration = report.plan.registration
    this = PastDrill(
        drill_id=report.plan.drill_id,
        outcome=report.result.verdict.outcome,
        at_ns=registration.at_ns if registration else report.close.filing.generated_at_ns,
        recovery_time_ns=report.result.recovery.impact.total_ns,
        technical_ns=report.result.recovery.technical.total_ns,
        orders_lost=report.result.point.orders_lost,
        symbols_ok=report.symbols_ok,
        rules=report.result.verdict.deciding,
    )
    return (*report.close.comparison, this)[-DRILLS:]


def trend(report: Report) -> Picture | None:
    """Drills without a recovery time stand on the floor; None where this is the first drill."""
    alt = altair()

    drills = shown(report)
    if len(drills) == 1:
        return None
    objective = report.plan.objectives.recovery_time_ns
    top = max([objective, *(drill.recovery_time_ns or 0 for drill in drills)]) * 11 // 10
    place = DRILLS - len(drills)
    marks = [
        {"n": place + number, "ns": drill.recovery_time_ns or 0, "glyph": GLYPHS[drill.outcome],
         "fill": _FILLS.get(drill.outcome, BAD), "size": 17 if number == len(drills) - 1 else 13}
        for number, drill in enumerate(drills)
    ]  # fmt: skip
    y = alt.Y(
        "ns:Q",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(
            values=[0, objective],
            labelExpr=f"datum.value == 0 ? 'none' : '{words.duration(objective)}'",
            title=None, domain=False, grid=False, labelPadding=8,
        ),
    )  # fmt: skip
    x = alt.X("n:Q", scale=alt.Scale(domain=[-0.5, DRILLS - 0.5], nice=False, zero=False), axis=None)
    floor = alt.Chart(alt.Data(values=[{"ns": 0}])).mark_rule(stroke=LINE).encode(y=y)
    limit = alt.Chart(alt.Data(values=[{"ns": objective}])).mark_rule(stroke=SOFT, strokeDash=[6, 4]).encode(y=y)
    points = (
        alt.Chart(alt.Data(values=marks))
        .mark_text(baseline="middle", fontWeight="bold")
        .encode(x=x, y=y, text="glyph:N", fill=alt.Fill("fill:N", scale=None), size=alt.Size("size:Q", scale=None))
    )
    told = sorted(
        {(GLYPHS[drill.outcome], drill.outcome.replace("_", " ")) for drill in drills}, key=lambda one: one[1]
    )
    legend = (
        alt.Chart(alt.Data(values=[{"text": " · ".join(f"{glyph} {word}" for glyph, word in told)}]))
        .mark_text(align="left", fontSize=12, fill=SOFT)
        .encode(x=alt.value(0), y=alt.value(_HEIGHT + 18), text="text:N")
    )
    said = f"Recovery time and verdict of the last {len(drills)} registered drills, this one last: " + ", ".join(
        f"{drill.outcome.replace('_', ' ')} {words.duration(drill.recovery_time_ns)}" for drill in drills
    )
    return draw(alt.layer(floor, limit, points, legend), said, height=_HEIGHT, margins=_MARGINS)
