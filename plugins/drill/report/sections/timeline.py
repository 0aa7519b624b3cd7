"""When what happened: three recovery times, marks, all phases, recovery time by symbol."""

from __future__ import annotations

from drill.core.report import Mark, PhaseTime, Report
from drill.report import words
from drill.report.charts import recovery, waterfall
from drill.report.sections import blocks as b
from drill.report.sections.first import mark


def timeline(report: Report) -> b.Section:
    """Everything that a clock saw."""
    impact = mark(report, "T0")
    dots = recovery(report, impact)
    return b.Section(
        "time",
        "Recovery time",
        (
            *_times(report),
            b.Heading("Recovery time by symbol, impact to first order, measured"),
            b.Figure(dots) if dots else b.nothing("No symbol took a first order."),
            *_percentiles(report),
            b.Heading("Marks"),
            b.table(
                "mark|*meaning|at (UTC)|#after impact|observed by|*note",
                (_mark(one, impact) for one in report.result.marks),
                otherwise="No mark was recorded.",
            ),
            b.Heading("All phases"),
            *_phases(report),
        ),
    )


def _times(report: Report) -> tuple[b.Block, ...]:
    found, limit = report.result.recovery, report.plan.objectives.recovery_time_ns
    rows = (
        b.cells(
            name,
            time.definition,
            words.duration(time.measured_ns),
            words.duration(time.assumed_ns) if time.assumed_ns else "none",
            b.strong(words.duration(time.total_ns)),
            words.percent(time.total_ns, limit),
        )
        for name, time in (
            ("impact (headline)", found.impact), ("declared", found.declared), ("technical", found.technical)
        )
    )  # fmt: skip
    worst = f", {found.worst_symbol}" if found.worst_symbol else ""
    note = f"The verdict uses the total of the first row and the worst symbol{worst}. Times are rounded up."
    columns = "recovery time|*taken between|#measured|#assumed|#total|#of the objective"
    return b.table(columns, rows), b.say(b.Span(note, "soft"))


def _percentiles(report: Report) -> tuple[b.Block, ...]:
    rows = [
        b.cells(
            one.name,
            words.count(one.n),
            *(words.duration(ns) for ns in (one.p50_ns, one.p90_ns, one.p99_ns, one.worst_ns)),
        )
        for one in report.result.recovery.percentiles
    ]
    return (b.table("*over symbols|#n|#p50|#p90|#p99|#worst", rows),) if rows else ()


def _mark(one: Mark, impact: int | None) -> tuple[b.Line, ...]:
    at = b.absent("assumed" if one.assumed else "not reached") if one.at_ns is None else words.moment(one.at_ns)[:-4]
    after = b.absent("unknown") if one.at_ns is None or impact is None else words.duration(one.at_ns - impact)
    note = b.line(b.Span("assumed ", "mind"), one.note) if one.assumed else b.line(one.note)
    return b.cells(one.name, one.meaning, at, after, one.recorder, note)


def _phases(report: Report) -> tuple[b.Block, ...]:
    phases = report.result.phases
    chart = waterfall(phases, None, since_what="since registration", title="All phases of the drill")
    if chart is None:
        return (b.nothing("No phase was reached."),)
    columns = "phase|status|#begin|#end|#work|#queue|#retry|#approval|#assumed|#attempts|*note"
    legend = "- : none of this kind. Queue lies before the begin; assumed time was lived through by no clock."
    return b.Figure(chart), b.table(columns, map(_phase, phases), dense=True), b.say(b.Span(legend, "soft"))


def _phase(phase: PhaseTime) -> tuple[b.Line, ...]:
    name = phase.name.replace("_", " ")
    status = b.Span(phase.status, "bad" if phase.status in ("failed", "unfinished") else "")
    if phase.start_ns is None:
        return b.cells(name, status, *("-",) * 8, phase.note)
    parts = (phase.work_ns, phase.queue_ns, phase.retry_ns, phase.approval_ns, phase.assumed_ns)
    return b.cells(
        name,
        status,
        words.clock(phase.start_ns),
        words.clock(phase.end_ns, "never ended"),
        *(words.duration(part) if part else "-" for part in parts),
        str(phase.attempts),
        phase.note,
    )
