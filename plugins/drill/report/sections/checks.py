"""Checks with their independence, and whether they could have failed: control, sensitivity, injected faults."""

from __future__ import annotations

from drill.core.report import Control, Expectation, Report, Suite
from drill.report import words
from drill.report.sections import blocks as b

_LEVELS = (
    "invariant: the data agree with themselves, and nobody else is asked · L1 another replay by the same code (shows "
    "determinism only) · L2 checkpoints that the primary wrote while it traded · L3 members' ack captures and fills · "
    "L4 an oracle that shares no code with the engine."
)


def checks(report: Report) -> b.Section:
    """Suites, each check, and what shows that they are not blind."""
    result = report.result
    faults = (
        b.cells(one.fault_id, one.what, one.expected, words.moment(one.applied_at_ns, "could not be applied"))
        for one in result.faults
    )
    scored = result.sensitivity
    known = (
        b.line("Sensitivity: ", b.absent("not scored yet"), ".")
        if scored.injected is None
        else b.line(
            f"Sensitivity: {scored.caught} of {scored.injected} known faults caught by ", b.code(scored.version), "."
        )
    )
    return b.Section(
        "checks",
        "Checks, and could they have failed?",
        (
            *_suites(result.suites),
            b.Heading("Negative control"),
            b.say(*_control(result.control)),
            b.say(*known),
            b.Heading("Faults injected besides the loss"),
            b.table("fault|*what was done|verdict it should lead to|applied", faults)
            if result.faults
            else b.say("None."),
        ),
    )


def _suites(suites: tuple[Suite, ...]) -> tuple[b.Block, ...]:
    if not suites:
        return (b.nothing("No checks were declared, so nothing is shown to be right."),)
    declared, evaluated, failed = (sum(getattr(one, n) for one in suites) for n in ("declared", "evaluated", "failed"))
    together = b.cells(
        b.strong("together"),
        "",
        "",
        *(b.strong(words.count(number)) for number in (declared, evaluated, failed)),
        b.good("declared = evaluated") if declared == evaluated else b.bad("declared and evaluated differ"),
    )
    every = [check for suite in suites for check in suite.expectations]
    columns = "suite|level|*compared with|#declared|#evaluated|#failed|result"
    singles = b.table("*check|level|#declared|#evaluated|#failed|*first failing row", map(_check, every))
    return (
        b.table(columns, (*map(_suite, suites), together)),
        b.say(b.Span(_LEVELS, "soft")),
        *((singles,) if every else ()),
    )


def _suite(one: Suite) -> tuple[b.Line, ...]:
    short = one.declared != one.evaluated or not one.declared
    came = b.bad("failed") if one.failed else b.Span("! not all evaluated", "mind") if short else b.good("passed")
    numbers = (words.count(number) for number in (one.declared, one.evaluated, one.failed))
    return b.cells(one.name, one.level, one.compared_with, *numbers, came)


def _check(one: Expectation) -> tuple[b.Line, ...]:
    short = one.declared != one.evaluated
    sign = b.Span("✗ ", "bad") if one.failed else b.Span("! ", "mind") if short else b.Span("✓ ", "good")
    numbers = (words.count(number) for number in (one.declared, one.evaluated, one.failed))
    return b.cells(b.line(sign, one.name), one.level or "not recorded", *numbers, one.example or "none")


def _control(found: Control) -> b.Line:
    came = {
        "caught": b.good("caught"),
        "missed": b.bad("missed: the validators are blind, whatever else is green"),
        "not run": b.absent("not run"),
    }[found.status]
    told = f": {found.kind} on {found.symbol}" if found.kind else ""
    by = f"; caught by {', '.join(found.caught_by)}" if found.caught_by else ""
    after = (
        f" {words.spoken(found.caught_after_ns)} after validation began" if found.caught_after_ns is not None else ""
    )
    restored = b.yes(found.restored, unknown="not run")
    return b.line(came, f"{told}{by}{after}. True version restored: ", restored, f". {found.note}".rstrip())
