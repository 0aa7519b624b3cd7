"""Geometry of the waterfall: phases as bars on the time that counts, each bar split into five kinds.

Assumed time was lived through by nobody: it is inserted into the axis after its phase. Where it is longer than all that
was measured, drawing it to scale would crush every other bar, so it gets a fixed width and says "not to scale".
The objective is not on this axis for the same reason; the gauge shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from drill.core.report import PhaseTime
from drill.report import words

WIDTH = 1000  # units of the view box; a unit is about 0.19 mm on A4
LEFT, RIGHT = 130, 800  # the plot's edges; names stand left of it, splits right
ROW, TOP = 22, 8
_GAP = 90  # width of an assumed part that is not to scale
_TICK_ROOM = 84
_LAST_TICK = 765  # the axis says what it counts to the right of this
_LABEL_ROOM = 105
KINDS = ("queue", "approval", "retry", "work", "assumed")
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of one kind; x and width in units."""

    kind: str
    x: int
    width: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A phase: its bars, its length at the bar, its split in words."""

    name: str
    status: str
    y: int
    bars: tuple[Bar, ...]
    label: str
    label_x: int
    label_anchor: str
    split: str


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A mark of the axis."""

    x: int
    label: str


class Waterfall(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the template draws."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    height: int
    to_scale: bool
    start_label: str


class _Axis:
    """Nanoseconds to units, with assumed time inserted where it belongs."""

    def __init__(self, phases: Sequence[PhaseTime], origin_ns: int | None) -> None:
        begins = [phase.start_ns - phase.queue_ns for phase in phases if phase.start_ns is not None]
        ends = [phase.end_ns for phase in phases if phase.end_ns is not None]
        self.first = min([*begins, *([origin_ns] if origin_ns is not None else [])], default=0)
        starts = [phase.start_ns for phase in phases if phase.start_ns is not None]
        self.last = max([*ends, *starts], default=self.first)
        self.span = max(1, self.last - self.first)
        self.breaks = sorted((p.end_ns, p.assumed_ns) for p in phases if p.end_ns is not None and p.assumed_ns)
        assumed = sum(length for _, length in self.breaks)
        self.to_scale = assumed <= self.span
        room = RIGHT - LEFT
        self.scale_span = self.span + assumed if self.to_scale else self.span
        self.room = room if self.to_scale else room - _GAP * len(self.breaks)

    def gap(self, length_ns: int) -> int:
        """Width of an assumed part."""
        return length_ns * self.room // self.scale_span if self.to_scale else _GAP

    def x(self, at_ns: int, *, begins: bool) -> int:
        """Where a moment lies; what begins at a break lies behind it, what ends there before it."""
        passed = sum(self.gap(length) for at, length in self.breaks if at < at_ns or (begins and at == at_ns))
        return LEFT + (at_ns - self.first) * self.room // self.scale_span + passed

    def counted(self, at_ns: int) -> int:
        """Time that counts since the first moment: measured plus assumed."""
        return at_ns - self.first + sum(length for at, length in self.breaks if at <= at_ns)

    def ticks(self) -> tuple[Tick, ...]:
        """Round distances of measured time, labelled with counted time, as many as there is room for."""
        step = next((s for s in _STEPS_S if self.span <= 8 * s * words.SECOND), _STEPS_S[-1]) * words.SECOND
        found: list[Tick] = []
        for at in range(self.first, self.last + 1, step):
            x = self.x(at, begins=True)
            if x <= _LAST_TICK and (not found or x - found[-1].x >= _TICK_ROOM):
                whole = self.counted(at) // words.SECOND
                found.append(Tick(x=x, label=f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"))
        return tuple(found)


def _bars(axis: _Axis, phase: PhaseTime) -> tuple[Bar, ...]:
    if phase.start_ns is None:
        return ()
    end = axis.last if phase.end_ns is None else phase.end_ns
    at = phase.start_ns - phase.queue_ns
    bars = []
    lengths = (phase.queue_ns, phase.approval_ns, phase.retry_ns, None)
    for kind, length in zip(KINDS, lengths, strict=False):
        until = end if length is None else at + length
        if until > at:
            x = axis.x(at, begins=True)
            bars.append(Bar(kind=kind, x=x, width=max(1, axis.x(until, begins=False) - x)))
        at = until
    if phase.assumed_ns and phase.end_ns is not None:
        bars.append(Bar(kind="assumed", x=axis.x(end, begins=False), width=axis.gap(phase.assumed_ns)))
    return tuple(bars)


def _split(phase: PhaseTime) -> str:
    parts = [
        (kind, getattr(phase, f"{kind}_ns")) for kind in ("queue", "retry", "approval", "assumed", "work")
    ]  # work last: it is the rest
    told = [f"{kind} {words.duration(length)}" for kind, length in parts if length and kind != "work"]
    return ", ".join(told) or ("work alone" if phase.work_ns else "")


def _length(phase: PhaseTime) -> str:
    if phase.start_ns is None:
        return "not reached"
    if phase.end_ns is None:
        return "never ended"
    return words.duration(phase.end_ns - phase.start_ns + phase.queue_ns + phase.assumed_ns)


def _row(axis: _Axis, number: int, phase: PhaseTime) -> Row:
    bars = _bars(axis, phase)
    right = max((bar.x + bar.width for bar in bars), default=LEFT)
    left = min((bar.x for bar in bars), default=LEFT)
    after = right + _LABEL_ROOM <= RIGHT + 20 or left - _LABEL_ROOM < LEFT
    return Row(
        name=phase.name.replace("_", " "),
        status=phase.status,
        y=TOP + number * ROW,
        bars=bars,
        label=("✗ " if phase.status in ("failed", "unfinished") else "") + _length(phase),
        label_x=right + 5 if after else left - 5,
        label_anchor="start" if after else "end",
        split=_split(phase),
    )


def _since(origin_ns: int, phase: PhaseTime) -> PhaseTime:
    """The part of a phase that lies after the impact: the wait for the loss begins before it."""
    if phase.start_ns is None or phase.start_ns >= origin_ns or (phase.end_ns is not None and phase.end_ns < origin_ns):
        return phase
    work = 0 if phase.end_ns is None else phase.end_ns - origin_ns
    return msgspec.structs.replace(phase, start_ns=origin_ns, work_ns=work, queue_ns=0, retry_ns=0, approval_ns=0)


def waterfall(phases: Sequence[PhaseTime], origin_ns: int | None, *, start_label: str) -> Waterfall:
    """Lay out `phases` in their order; with `origin_ns` (the impact) what lies before it is cut off."""
    if origin_ns is not None:
        phases = [_since(origin_ns, phase) for phase in phases]
    axis = _Axis(phases, origin_ns)
    rows = tuple(_row(axis, number, phase) for number, phase in enumerate(phases))
    started = any(row.bars for row in rows)
    return Waterfall(
        rows=rows,
        ticks=axis.ticks() if started else (),
        height=TOP + ROW * len(rows) + 26,
        to_scale=axis.to_scale,
        start_label=start_label,
    )
