"""How trading came back: load at both sites, canaries, members, orders of unknown outcome."""

from __future__ import annotations

from drill.core.report import Load, Performance, Report, Resumption
from drill.report import words
from drill.report.sections import blocks as b

_MILLION = 1_000_000
_LISTED = 60


def performance(report: Report) -> b.Section:
    """Throughput and latency, DR site against primary, and every ten-second window."""
    found = report.result.performance
    sites = (("primary", found.primary), ("DR site", found.dr))
    columns = "site|#for|#offered|#acknowledged|#share|#n|#p50|#p90|#p99|#worst"
    windows = [
        b.cells(
            load.site,
            words.clock(window.start_ns),
            words.count(window.offered),
            words.count(window.acked),
            b.Span(
                words.floor_percent(window.acked, window.offered),
                "bad" if window.acked * _MILLION < window.offered * found.acked_limit_ppm else "",
            ),
            words.milliseconds(window.p99_ns),
        )
        for _, load in sites
        if load is not None
        for window in load.windows
    ]
    return b.Section(
        "performance",
        "Throughput and ack latency",
        (
            b.table(columns, (_load(name, load) for name, load in sites), dense=True),
            _gate(found),
            *(
                (
                    b.Heading("Ten-second windows"),
                    b.table("site|from (UTC)|#offered|#acknowledged|#share|#p99", windows, dense=True),
                )
                if windows
                else ()
            ),
        ),
    )


def _load(name: str, load: Load | None) -> tuple[b.Line, ...]:
    if load is None:
        return b.cells(name, b.absent("not run"), *("-",) * 8)
    spread = (load.latency.p50_ns, load.latency.p90_ns, load.latency.p99_ns, load.latency.worst_ns)
    return b.cells(
        load.site,
        words.spoken(load.length_ns),
        words.count(load.offered),
        words.count(load.acked),
        words.floor_percent(load.acked, load.offered),
        words.count(load.latency.n),
        *(words.milliseconds(value) for value in spread),
    )


def _gate(found: Performance) -> b.Block:
    return b.say(
        f"Gate: ack p99 at the DR site at most {words.percent(found.factor_limit_ppm, _MILLION)} of the primary's, "
        f"and at least {words.floor_percent(found.acked_limit_ppm, _MILLION)} acknowledged over the run and in each "
        "10-s window: ",
        b.yes(found.met, held="met", broken="not met"),
        ".",
    )


def resumption(report: Report) -> b.Section:
    """Canaries, members, and the orders whose members do not know their fate."""
    found = report.result.resumption
    blocks = (b.nothing("Not reached: trading did not resume."),) if found is None else _resumption(found, report)
    return b.Section("resumption", "Resumption", blocks)


def _resumption(found: Resumption, report: Report) -> tuple[b.Block, ...]:
    canaries = b.strong(f"{found.canaries_done} of {found.canaries_expected}")
    members = b.strong(
        f"{words.count(found.members_back)} of {words.count(found.members_expected, 'an unknown number')}"
    )
    return (
        b.say("Canary pairs accepted, acknowledged, matched and printed: ", canaries, " symbols. ",
            "Members back by name: ", members,
            f". Frames of the old epoch refused after the fence: {words.count(found.frames_refused, 'not counted')}. "
            f"Orders taken at the DR site: {found.orders_at_dr}."),
        b.Heading("Orders of unknown outcome, for the members' reconcile file"),
        *_unknown(found, report),
    )  # fmt: skip


def _unknown(found: Resumption, report: Report) -> tuple[b.Block, ...]:
    orders = found.unknown_orders
    if not orders:
        counted = report.result.point.unacknowledged
        if counted is None:
            return (b.nothing("Unknown."),)
        return (
            b.say(
                f"{words.plural(counted, 'command')}, not listed here."
                if counted
                else "None: every committed command had been acknowledged."
            ),
        )
    members = len({order.member for order in orders})
    rows = (
        b.cells(one.member, one.symbol, words.count(one.seq), b.code(one.command_id), one.kind, one.fate)
        for one in orders[:_LISTED]
    )
    more = len(orders) - _LISTED
    return (
        b.say(f"Committed but never acknowledged when the site was lost: {words.plural(len(orders), 'command')} of "
            f"{words.plural(members, 'member')}. The exchange knows their fate, their members do not; none is a loss. "
            "Members are pseudonyms."),
        b.table("member|symbol|#seq|command|kind|*fate in the recovered book", rows, dense=True),
        *((b.say(b.Span(f"and {more} more in the record", "soft")),) if more > 0 else ()),
    )  # fmt: skip
