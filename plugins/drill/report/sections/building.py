"""What was built and torn down, and what that would have cost."""

from __future__ import annotations

from drill.core.report import InventoryCount, Report, Teardown
from drill.report import words
from drill.report.sections import blocks as b


def stacks(report: Report) -> b.Section:
    """The DR site's stacks by their own events."""
    rows = (
        b.cells(
            one.name, _status(one.status),
            words.clock(one.started_ns), words.duration(one.ended_ns - one.started_ns), words.count(one.resources),
            one.slowest or "none", words.duration(one.slowest_ns, "unknown"),
        )
        for one in report.result.stacks
    )  # fmt: skip
    columns = "stack|status|#from (UTC)|#took|#resources|*slowest resource|#it took"
    return b.Section("stacks", "Stack events", (b.table(columns, rows, otherwise="No stack was built."),))


def _status(status: str) -> b.Span:
    return b.Span(f"✗ {status}", "bad") if "FAILED" in status or "ROLLBACK" in status else b.Span(status)


def teardown(report: Report) -> b.Section:
    """What is left, by an inventory of the whole account."""
    found = report.close.teardown
    orphans = (
        b.cells(
            b.bad(one.service),
            b.code(one.resource),
            words.moment(one.since_ns, "unknown"),
            words.dollars(one.day_micro_usd),
        )
        for one in found.orphans
    )
    return b.Section(
        "teardown",
        "Teardown and inventory",
        (
            _left(found),
            *((b.table("service|*resource|since|#cost a day", orphans),) if found.orphans else ()),
            b.table(
                "*service|#before the build|#after the teardown|difference",
                map(_service, found.inventory),
                caption="Every service that the endpoint offers, not what the templates name",
                dense=True,
                otherwise="No inventory was taken.",
            ),
        ),
    )


def _left(found: Teardown) -> b.Block:
    came = {
        "clean": b.good("clean"),
        "orphans": b.bad(words.plural(len(found.orphans), "orphan")),
        "not run": b.absent("not run"),
    }[found.status]
    return b.say(came, f". Stacks deleted: {words.count(found.stacks_deleted, 'not run')}. {found.note}".rstrip())


def _service(row: InventoryCount) -> tuple[b.Line, ...]:
    if row.before is None or row.after is None:
        difference = b.line(b.absent("unknown"))
    else:
        difference = b.line(b.good("none") if row.before == row.after else b.bad(f"{row.after - row.before:+d}"))
    return b.cells(
        row.service, words.count(row.before, "not counted"), words.count(row.after, "not counted"), difference
    )


def cost(report: Report) -> b.Section:
    """The estimate, with the date of its prices."""
    found = report.close.cost
    if found is None:
        return b.Section("cost", "Cost estimate", (b.nothing("Not estimated."),))
    rows = (b.cells(one.item, one.quantity, one.price, words.dollars(one.cost_micro_usd)) for one in found.lines)
    told = b.say(
        "Together ", b.strong(words.dollars(found.total_micro_usd)), f" in {found.region}, at prices of ",
        b.strong(found.prices_as_of), f" ({found.source}). {found.note}".rstrip(),
    )  # fmt: skip
    lines = b.table("*item|#quantity|price|#cost", rows, otherwise="Nothing was used that is charged.")
    return b.Section("cost", "Cost estimate", (told, lines))
