"""What the terminal shows at the end of a drill: a small table and one last line for scripts."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from drill.core.report import RecoveryTime, Report
from drill.report import words
from drill.report.planned import REAL


def _teardown(report: Report) -> str:
    teardown = report.close.teardown
    return {"clean": "clean", "orphans": f"orphans:{len(teardown.orphans)}", "not run": "not_run"}[teardown.status]


def summary_line(report: Report) -> str:
    """The last line of a drill, one `key=value` a word; recovery times in seconds, rounded up to a tenth.

    `acked=unknown` stands where no capture could be read: a zero would claim that nothing had been acknowledged.
    """
    recovery, point = report.result.recovery, report.result.point
    parts = {
        "drill": report.plan.drill_id,
        "verdict": report.result.verdict.outcome,
        "rto_impact_s": words.seconds(recovery.impact.total_ns, "not_achieved"),
        "rto_technical_s": words.seconds(recovery.technical.total_ns, "not_achieved"),
        "rpo_orders": "unknown" if point.orders_lost is None else str(point.orders_lost),
        "acked": "unknown" if point.acknowledged is None else str(point.acknowledged),
        "symbols": f"{report.symbols_ok}/{len(report.plan.scope.symbols)}",
        "control": report.result.control.status.replace(" ", "_"),
        "teardown": _teardown(report),
        "report": report.close.filing.path,
    }
    return " ".join(f"{key}={value}" for key, value in parts.items())


def missing_line(drill: str, symbols: int) -> str:
    """The last line of a drill of `symbols` symbols that filed no report: nothing is known, and nothing is claimed."""
    return (
        f"drill={drill} verdict=MISSING rto_impact_s=not_achieved rto_technical_s=not_achieved rpo_orders=unknown "
        f"acked=unknown symbols=0/{symbols} control=not_run teardown=not_run report=none"
    )


def _time(recovery: RecoveryTime) -> str:
    text = words.spoken(recovery.total_ns)
    return f"{text} (of it {words.spoken(recovery.assumed_ns)} assumed)" if recovery.assumed_ns else text


def table(report: Report) -> Table:
    """The small table above the last line: what was asked, what came out, what the limit was."""
    result, scope = report.result, report.plan.scope
    limit = report.plan.objectives
    real = "  REAL EVENT, not a drill" if report.plan.purpose == REAL else ""
    grid = Table(title=f"{result.verdict.outcome}  {report.plan.drill_id}{real}", title_justify="left", show_edge=False)
    for name in ("", "result", "limit"):
        grid.add_column(name, overflow="fold")
    grid.add_row("recovery time", _time(result.recovery.impact), words.spoken(limit.recovery_time_ns))
    grid.add_row("  from declaration", _time(result.recovery.declared), "")
    grid.add_row("  technical", _time(result.recovery.technical), "")
    lost = words.plural(result.point.orders_lost, "order")
    grid.add_row(
        "recovery point",
        lost if result.point.orders_lost is None else f"{lost} lost",
        words.plural(limit.recovery_point_orders, "order"),
    )
    grid.add_row("symbols reopened", f"{report.symbols_ok} of {len(scope.symbols)}", f"{scope.listing} listed")
    evaluated = sum(suite.evaluated for suite in result.suites)
    failed = sum(suite.failed for suite in result.suites)
    declared = words.count(sum(suite.declared for suite in result.suites))
    grid.add_row("checks", f"{evaluated:,} evaluated, {failed:,} failed", f"{declared} declared")
    grid.add_row("negative control", result.control.status, "caught")
    grid.add_row("teardown", _teardown(report).replace("_", " "), "clean")
    grid.caption = Text(result.verdict.sentence)
    grid.caption_justify = "left"
    return grid
