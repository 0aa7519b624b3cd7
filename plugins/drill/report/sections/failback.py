"""Going home: its time line, and symbol by symbol the state that was left and the one that was found again."""

from __future__ import annotations

from drill.core.report import Failback, HomeSymbol, Moment, Report
from drill.report import words
from drill.report.sections.blocks import (
    Block,
    Heading,
    Line,
    Section,
    absent,
    cells,
    code,
    line,
    nothing,
    say,
    strong,
    table,
    yes,
)


def failback(report: Report) -> Section:
    """Always there: a drill that ended at the DR site says so."""
    found = report.result.failback
    blocks = _told(found) if found else (nothing("The exchange did not go home to its primary in this run."),)
    return Section("failback", "Going home", blocks)


def _told(found: Failback) -> tuple[Block, ...]:
    rows = (_symbol(one) for one in found.symbols)
    began = found.moments[0].at_ns
    return (
        say(
            yes(found.went_home, held="went home", broken="did not go home"),
            f": from epoch {found.from_epoch} to epoch {found.epoch}, closed for ",
            strong(words.spoken(found.closed_ns, "an unknown time")),
            f" from the freeze until members were back; {words.count(found.acknowledged)} commands were acknowledged "
            "at the DR site.",
        ),
        Heading("Its time line"),
        table("*moment|at (UTC)|#after its begin", (_moment(one, began) for one in found.moments)),
        Heading("States, left and found again"),
        table(
            "symbol|#frozen at seq|digest|#recovered to seq|digest|equal|#highest acknowledged",
            rows,
            dense=True,
            otherwise="The DR site had opened nothing, so nothing was frozen.",
        ),
    )


def _moment(one: Moment, began: int | None) -> tuple[Line, ...]:
    at = absent("not reached") if one.at_ns is None else words.moment(one.at_ns)[:-4]
    after = absent("unknown") if one.at_ns is None or began is None else words.duration(one.at_ns - began)
    return cells(one.name, at, after)


def _symbol(one: HomeSymbol) -> tuple[Line, ...]:
    digest = line(code(words.short(one.frozen_digest))) if one.frozen_digest else line(absent("halted"))
    home = line(code(words.short(one.home_digest))) if one.home_digest else line(absent("none"))
    return cells(
        one.symbol,
        words.count(one.frozen_seq),
        digest,
        words.count(one.home_seq, "not recovered"),
        home,
        yes(one.equal, unknown="not compared"),
        words.count(one.acked_seq, "none"),
    )
