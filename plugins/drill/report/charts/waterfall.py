"""The waterfall: phases as bars on the time that counts, each bar split into five kinds.

Assumed time was lived through by nobody: it is inserted into the axis after its phase. Where it is longer than all that
was measured, drawing it to scale would crush every other bar, so the axis is bent there: a fixed width, and it says so.
The objective is not on this axis for the same reason; the gauge shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from drill.core.report import PhaseTime
from drill.report import words
from drill.report.charts.picture import BAD, FONT, INK, SOFT, WIDTH, WORK, Margins, Picture, altair, draw

if TYPE_CHECKING:
    from altair import Chart

KINDS = ("work", "queue", "retry", "approval", "assumed")
_FILLS = (WORK, "#d5dbe3", "#f08c4a", "#e9ddf5", "#fff6dc")
_STROKES = (WORK, "#5c6774", "#8a2f00", "#5b2a86", "#7a4a00")
_DASHES: tuple[list[int], ...] = ([1, 0], [1, 0], [1, 0], [1, 0], [4, 3])
_MEANINGS = (
    "{'queue': 'queue: waiting for the scheduler', 'approval': 'approval by a person', "
    "'assumed': 'assumed, not measured'}[datum.label] || datum.label"
)
_MARGINS = Margins(left=130, right=205, top=4, bottom=46)
_ROOM = WIDTH - _MARGINS.left - _MARGINS.right
_ROW = 22
_BENT = 95  # width of an assumed part that is not to scale
_TICK_ROOM, _LABEL_ROOM = 80, 105
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of one kind, in ns of the time that counts."""

    kind: str
    begin: int
    end: int


class Axis:
    """The time that counts: measured since the first moment, with assumed time inserted where it belongs.

    Example: 10 s measured, 900 s assumed, 70 s measured -> `domain` [0, 10, 910, 980] s on `range` [0, 71, 166, 665]
    units: the axis is linear in three pieces.
    """

    def __init__(self, phases: Sequence[PhaseTime], origin_ns: int | None) -> None:
        begins = [phase.start_ns - phase.queue_ns for phase in phases if phase.start_ns is not None]
        ends = [phase.end_ns for phase in phases if phase.end_ns is not None]
        starts = [phase.start_ns for phase in phases if phase.start_ns is not None]
        self.first = min([*begins, *([origin_ns] if origin_ns is not None else [])], default=0)
        self.last = max([*ends, *starts], default=self.first)
        self.span = max(1, self.last - self.first)
        self._inserted = sorted((p.end_ns, p.assumed_ns) for p in phases if p.end_ns is not None and p.assumed_ns)
        assumed = sum(length for _, length in self._inserted)
        self.to_scale = assumed <= self.span
        self.domain, self.range = self._pieces(assumed)

    def _pieces(self, assumed: int) -> tuple[list[int], list[int]]:
        if self.to_scale:
            return [0, self.span + assumed], [0, _ROOM]
        room = _ROOM - _BENT * len(self._inserted)
        domain, places = [0], [0]
        for bent, (at, length) in enumerate(self._inserted):
            before = self.counted(at, begins=False)
            place = (at - self.first) * room // self.span + bent * _BENT
            domain += [before, before + length]
            places += [place, place + _BENT]
        return [*domain, self.span + assumed], [*places, _ROOM]

    def counted(self, at_ns: int, *, begins: bool) -> int:
        """Time that counts since the first moment; what begins where time was inserted lies after it."""
        inserted = (length for at, length in self._inserted if at < at_ns or (begins and at == at_ns))
        return at_ns - self.first + sum(inserted)

    def x(self, counted: int) -> int:
        """Units from the plot's left edge."""
        pieces = zip(self.domain, self.domain[1:], self.range, self.range[1:], strict=False)
        low, high, left, right = next(piece for piece in pieces if counted <= piece[1])
        return left + (counted - low) * (right - left) // max(1, high - low)

    def ticks(self) -> list[int]:
        """Round distances of measured time as counted time, as many as there is room for."""
        step = next((s for s in _STEPS_S if self.span <= 8 * s * words.SECOND), _STEPS_S[-1]) * words.SECOND
        found: list[int] = []
        for at in range(self.first, self.last + 1, step):
            counted = self.counted(at, begins=True)
            if not found or self.x(counted) - self.x(found[-1]) >= _TICK_ROOM:
                found.append(counted)
        return found


def bars(axis: Axis, phase: PhaseTime) -> list[Bar]:
    """The pieces of one phase in the order in which they passed."""
    if phase.start_ns is None:
        return []
    end = axis.last if phase.end_ns is None else phase.end_ns
    at = phase.start_ns - phase.queue_ns
    found = []
    for kind, length in (("queue", phase.queue_ns), ("approval", phase.approval_ns), ("retry", phase.retry_ns)):
        if length:
            found.append((kind, at, at + length))
        at += length
    found.append(("work", at, max(at, end)))
    pieces = [
        Bar(kind=kind, begin=axis.counted(begin, begins=True), end=axis.counted(until, begins=False))
        for kind, begin, until in found
        if until > begin
    ]
    if phase.assumed_ns and phase.end_ns is not None:
        begin = axis.counted(phase.end_ns, begins=False)
        pieces.append(Bar(kind="assumed", begin=begin, end=begin + phase.assumed_ns))
    return pieces


def since(origin_ns: int, phase: PhaseTime) -> PhaseTime:
    """The part of a phase that lies after the impact: the wait for the loss begins before it."""
    if phase.start_ns is None or phase.start_ns >= origin_ns or (phase.end_ns is not None and phase.end_ns < origin_ns):
        return phase
    work = 0 if phase.end_ns is None else phase.end_ns - origin_ns
    return msgspec.structs.replace(phase, start_ns=origin_ns, work_ns=work, queue_ns=0, retry_ns=0, approval_ns=0)


def _split(phase: PhaseTime) -> str:
    """What of a phase was not work, in words: colour is never the only sign."""
    parts = [(kind, getattr(phase, f"{kind}_ns")) for kind in KINDS if kind != "work"]
    told = [f"{kind} {words.duration(length)}" for kind, length in parts if length]
    return ", ".join(told) or ("work alone" if phase.work_ns else "")


def _length(phase: PhaseTime) -> str:
    if phase.start_ns is None:
        return "not reached"
    if phase.end_ns is None:
        return "✗ never ended"
    length = words.duration(phase.end_ns - phase.start_ns + phase.queue_ns + phase.assumed_ns)
    return f"✗ {length}" if phase.status == "failed" else length


def _texts(axis: Axis, phases: Sequence[PhaseTime]) -> dict[str, list[dict[str, Any]]]:
    """The length at the end of each row's bars (before them where there is no room), by alignment; and the splits."""
    found: dict[str, list[dict[str, Any]]] = {"left": [], "right": [], "split": [], "absent": []}
    for phase in phases:
        name = phase.name.replace("_", " ")
        pieces = bars(axis, phase)
        if not pieces:
            found["absent"].append({"phase": name, "text": _length(phase)})
            continue
        begin, end = pieces[0].begin, pieces[-1].end
        after = axis.x(end) + _LABEL_ROOM <= _ROOM + 30 or axis.x(begin) < _LABEL_ROOM
        fill = BAD if phase.status in ("failed", "unfinished") else INK
        text = {"phase": name, "text": _length(phase), "begin": end if after else begin, "fill": fill}
        found["left" if after else "right"].append(text)
        found["split"].append({"phase": name, "text": _split(phase)})
    return found


def waterfall(phases: Sequence[PhaseTime], origin_ns: int | None, *, since_what: str, title: str) -> Picture | None:
    """Draw `phases` in their order; with `origin_ns` (the impact) what lies before it is cut off. None: no phases."""
    alt = altair()

    if not phases:
        return None
    if origin_ns is not None:
        phases = [since(origin_ns, phase) for phase in phases]
    axis = Axis(phases, origin_ns)
    names = [phase.name.replace("_", " ") for phase in phases]
    y = alt.Y(
        "phase:N", sort=names, scale=alt.Scale(domain=names, paddingInner=0.36, paddingOuter=0.18), axis=_names(alt)
    )
    bent = "" if axis.to_scale else ", bent where time is assumed"
    said = ", ".join(f"{name} {_length(phase)}" for name, phase in zip(names, phases, strict=True))
    x = _time(alt, axis, f"time that counts {since_what}{bent}")
    chart = alt.layer(_bars(alt, axis, phases, x, y), *_labels(alt, axis, phases, x, y))
    return draw(chart, f"{title}: {said}", height=_ROW * len(phases), margins=_MARGINS)


def _names(alt: Any) -> Any:
    return alt.Axis(title=None, domain=False, labelColor=INK, labelFontSize=13.5, labelLimit=140, labelPadding=8)


def _time(alt: Any, axis: Axis, title: str) -> Any:
    ticks = axis.ticks() if axis.span > 1 else []
    told = {tick: f"{t // 3600}:{t // 60 % 60:02}:{t % 60:02}" for tick in ticks for t in (tick // words.SECOND,)}
    labels = "".join(f"datum.value == {tick} ? '{text}' : " for tick, text in told.items()) + "''"
    looks = {"grid": True, "labelFlush": False, "titleAnchor": "end", "titlePadding": 4}
    return alt.X(
        "begin:Q",
        scale=alt.Scale(domain=axis.domain, range=axis.range, nice=False),
        axis=alt.Axis(values=ticks, labelExpr=labels, title=title, **looks),
    )


def _bars(alt: Any, axis: Axis, phases: Sequence[PhaseTime], x: Any, y: Any) -> Chart:
    pieces = [
        {"phase": phase.name.replace("_", " "), "kind": bar.kind, "begin": bar.begin, "end": bar.end}
        for phase in phases
        for bar in bars(axis, phase)
    ]
    legend = alt.Legend(
        title=None, labelExpr=_MEANINGS, labelLimit=300, labelFont=FONT, labelFontSize=12, labelColor=SOFT,
        orient="none", columnPadding=18, legendX=0, legendY=_ROW * len(phases) + 30, direction="horizontal",
        symbolType="square", symbolSize=170, symbolStrokeWidth=1,
    )  # fmt: skip
    domain = list(KINDS)
    return (
        alt.Chart(alt.Data(values=pieces))
        .mark_bar(strokeWidth=1)
        .encode(
            x=x,
            x2="end:Q",
            y=y,
            fill=alt.Fill("kind:N", scale=alt.Scale(domain=domain, range=list(_FILLS)), legend=legend),
            stroke=alt.Stroke("kind:N", scale=alt.Scale(domain=domain, range=list(_STROKES)), legend=legend),
            strokeDash=alt.StrokeDash("kind:N", scale=alt.Scale(domain=domain, range=list(_DASHES)), legend=legend),
        )
    )


def _labels(alt: Any, axis: Axis, phases: Sequence[PhaseTime], x: Any, y: Any) -> list[Chart]:
    texts = _texts(axis, phases)
    layers = [
        alt.Chart(alt.Data(values=texts[side]))
        .mark_text(align=side, baseline="middle", dx=dx, fontSize=13, fontWeight="bold")
        .encode(x=x, y=y, text="text:N", fill=alt.Fill("fill:N", scale=None))
        for side, dx in (("left", 5), ("right", -5))
        if texts[side]
    ]
    if texts["split"]:
        data = alt.Data(values=texts["split"])
        splits = alt.Chart(data).mark_text(align="right", baseline="middle", fontSize=11.5, fill=SOFT)
        layers.append(splits.encode(x=alt.value(_ROOM + _MARGINS.right - 8), y=y, text="text:N"))
    if texts["absent"]:
        absent = alt.Chart(alt.Data(values=texts["absent"]))
        outline = absent.mark_bar(fill="white", stroke="#8a94a1", strokeDash=[2, 2])
        layers.append(outline.encode(x=alt.value(1), x2=alt.value(80), y=y))
        said = absent.mark_text(align="left", baseline="middle", fontSize=13, fill=SOFT)
        layers.append(said.encode(x=alt.value(88), y=y, text="text:N"))
    return layers
