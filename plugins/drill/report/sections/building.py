"""What was built and torn down, and what that would have cost."""

from __future__ import annotations

from drill.core.report import InventoryCount, Report, Teardown
from drill.report import words
from drill.report.sections.blocks import (
    Block,
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
)


def stacks(report: Report) -> Section:
    """The DR site's stacks by their own events."""
    rows = (
        cells(
            one.name, _status(one.status),
            words.clock(one.started_ns), words.duration(one.ended_ns - one.started_ns), words.count(one.resources),
            one.slowest or "none", words.duration(one.slowest_ns, "unknown"),
        )
        for one in report.result.stacks
    )  # fmt: skip
    columns = "stack|status|#from (UTC)|#took|#resources|*slowest resource|#it took"
    return Section("stacks", "Stack events", (table(columns, rows, otherwise="No stack was built."),))


def _status(status: str) -> Span:
    return Span(f"✗ {status}", "bad") if "FAILED" in status or "ROLLBACK" in status else Span(status)


def teardown(report: Report) -> Section:
    """What is left, by an inventory of the whole account."""
    found = report.close.teardown
    orphans = (
        cells(
            bad(one.service),
            code(one.resource),
            words.moment(one.since_ns, "unknown"),
            words.dollars(one.day_micro_usd),
        )
        for one in found.orphans
    )
    return Section(
        "teardown",
        "Teardown and inventory",
        (
            _left(found),
            *((table("service|*resource|since|#cost a day", orphans),) if found.orphans else ()),
            table(
                "*service|#before the build|#after the teardown|difference",
                map(_service, found.inventory),
                caption="Every service that the endpoint offers, not what the templates name",
                dense=True,
                otherwise="No inventory was taken.",
            ),
        ),
    )


def _left(found: Teardown) -> Block:
    came = {
        "clean": good("clean"),
        "orphans": bad(words.plural(len(found.orphans), "orphan")),
        "not run": absent("not run"),
    }[found.status]
    return say(came, f". Stacks deleted: {words.count(found.stacks_deleted, 'not run')}. {found.note}".rstrip())


def _service(row: InventoryCount) -> tuple[Line, ...]:
    if row.before is None or row.after is None:
        difference = line(absent("unknown"))
    else:
        difference = line(good("none") if row.before == row.after else bad(f"{row.after - row.before:+d}"))
    return cells(row.service, words.count(row.before, "not counted"), words.count(row.after, "not counted"), difference)


def cost(report: Report) -> Section:
    """The estimate, with the date of its prices."""
    found = report.close.cost
    if found is None:
        return Section("cost", "Cost estimate", (nothing("Not estimated."),))
    rows = (cells(one.item, one.quantity, one.price, words.dollars(one.cost_micro_usd)) for one in found.lines)
    told = say(
        "Together ", strong(words.dollars(found.total_micro_usd)), f" in {found.region}, at prices of ",
        strong(found.prices_as_of), f" ({found.source}). {found.note}".rstrip(),
    )  # fmt: skip
    lines = table("*item|#quantity|price|#cost", rows, otherwise="Nothing was used that is charged.")
    return Section("cost", "Cost estimate", (told, lines))
