"""Checks with their independence, and whether they could have failed: control, sensitivity, injected faults."""

from __future__ import annotations

from drill.core.report import Control, Expectation, Report, Suite
from drill.report import words
from drill.report.sections.blocks import (
    Block,
    Heading,
    Line,
    Section,
    Span,
    absent,
    bad,
    cells,
    code,
    good,
    line,
    nothing,
    say,
    strong,
    table,
    yes,
)

_LEVELS = (
    "L1 another replay by the same code (shows determinism only) · L2 checkpoints that the primary wrote while it "
    "traded · L3 members' ack captures and fills · L4 an oracle that shares no code with the engine."
)


def checks(report: Report) -> Section:
    """Suites, each check, and what shows that they are not blind."""
    result = report.result
    faults = (
        cells(one.fault_id, one.what, one.expected, words.moment(one.applied_at_ns, "could not be applied"))
        for one in result.faults
    )
    scored = result.sensitivity
    known = (
        line("Sensitivity: ", absent("not scored yet"), ".")
        if scored.injected is None
        else line(
            f"Sensitivity: {scored.caught} of {scored.injected} known faults caught by ", code(scored.version), "."
        )
    )
    return Section(
        "checks",
        "Checks, and could they have failed?",
        (
            *_suites(result.suites),
            Heading("Negative control"),
            say(*_control(result.control)),
            say(*known),
            Heading("Faults injected besides the loss"),
            table("fault|*what was done|verdict it should lead to|applied", faults) if result.faults else say("None."),
        ),
    )


def _suites(suites: tuple[Suite, ...]) -> tuple[Block, ...]:
    if not suites:
        return (nothing("No checks were declared, so nothing is shown to be right."),)
    declared, evaluated, failed = (sum(getattr(one, n) for one in suites) for n in ("declared", "evaluated", "failed"))
    together = cells(
        strong("together"),
        "",
        "",
        *(strong(words.count(number)) for number in (declared, evaluated, failed)),
        good("declared = evaluated") if declared == evaluated else bad("declared and evaluated differ"),
    )
    every = [check for suite in suites for check in suite.expectations]
    columns = "suite|level|*compared with|#declared|#evaluated|#failed|result"
    singles = table("*check|#declared|#evaluated|#failed|*first failing row", map(_check, every))
    return (
        table(columns, (*map(_suite, suites), together)),
        say(Span(_LEVELS, "soft")),
        *((singles,) if every else ()),
    )


def _suite(one: Suite) -> tuple[Line, ...]:
    short = one.declared != one.evaluated or not one.declared
    came = bad("failed") if one.failed else Span("! not all evaluated", "mind") if short else good("passed")
    numbers = (words.count(number) for number in (one.declared, one.evaluated, one.failed))
    return cells(one.name, one.level, one.compared_with, *numbers, came)


def _check(one: Expectation) -> tuple[Line, ...]:
    short = one.declared != one.evaluated
    sign = Span("✗ ", "bad") if one.failed else Span("! ", "mind") if short else Span("✓ ", "good")
    numbers = (words.count(number) for number in (one.declared, one.evaluated, one.failed))
    return cells(line(sign, one.name), *numbers, one.example or "none")


def _control(found: Control) -> Line:
    came = {
        "caught": good("caught"),
        "missed": bad("missed: the validators are blind, whatever else is green"),
        "not run": absent("not run"),
    }[found.status]
    told = f": {found.kind} on {found.symbol}" if found.kind else ""
    by = f"; caught by {', '.join(found.caught_by)}" if found.caught_by else ""
    after = (
        f" {words.spoken(found.caught_after_ns)} after validation began" if found.caught_after_ns is not None else ""
    )
    restored = yes(found.restored, unknown="not run")
    return line(came, f"{told}{by}{after}. True version restored: ", restored, f". {found.note}".rstrip())
