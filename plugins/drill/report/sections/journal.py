"""The recovery point, and the account of the journal that it rests on."""

from __future__ import annotations

from drill.core.report import Damage, FlushBuffer, JournalAccount, RecoveryPoint, Report
from drill.report import words
from drill.report.charts import lag
from drill.report.sections import blocks as b
from drill.report.sections.first import mark


def _counted(number: int | None) -> b.Span:
    """A count that should be zero."""
    return b.Span(f"✗ {number:,}", "bad") if number else b.Span(words.count(number))


def point(report: Report) -> b.Section:
    """What members had been told and the recovered exchange does not know."""
    found = report.result.point
    lost = (
        ("acknowledged orders lost", _counted(found.orders_lost)),
        ("- new orders", words.count(found.new)),
        ("- cancels", words.count(found.cancels)),
        ("- replaces and reduces", words.count(found.replaces)),
        ("captured fills lost", _counted(found.fills)),
        ("notional of the lost new orders", _notional(found)),
    )
    counted = (
        ("acknowledged commands", words.count(found.acknowledged)),
        ("members touched", words.count(found.members_touched)),
        ("recovery point in time, worst symbol", words.duration(found.time_ns, "unknown")),
        ("fills that nothing explains", _counted(found.phantom_fills)),
        ("committed, never acknowledged (no loss)", words.count(found.unacknowledged)),
    )
    return b.Section(
        "point",
        "Recovery point",
        (
            b.facts("Commands acknowledged to a member and unknown to the recovered exchange", lost, figures=True),
            b.facts("Counted from the ack captures, never from the journal", counted, figures=True),
        ),
    )


def _notional(found: RecoveryPoint) -> str:
    """Dollars; market orders name no price, so they are counted beside."""
    beside = f" and {words.plural(found.unpriced, 'market order')} without a price" if found.unpriced else ""
    return words.cents(found.notional_cents) + beside


def journal(report: Report) -> b.Section:
    """What was read, what was damaged, how far delivery was behind."""
    result = report.result
    chart = lag(result.lag, result.buffer, mark(report, "T0"))
    return b.Section(
        "journal",
        "Journal account",
        (
            *(_account(result.journal) if result.journal else (b.nothing("The journal was not read."),)),
            b.Heading("The delivery buffer between commit and object"),
            _buffer(result.buffer) if result.buffer else b.nothing("The delivery buffer was not examined."),
            b.Heading("Journal lag, worst stream"),
            b.Figure(chart) if chart else b.nothing("No point of the streams' own metric was recorded."),
        ),
    )


def _account(found: JournalAccount) -> tuple[b.Block, ...]:
    read = (
        ("objects", words.count(found.objects)),
        ("size as stored", words.size(found.size_bytes)),
        ("frames", words.count(found.frames)),
        ("commands above the last checkpoint", words.count(found.above_checkpoint)),
        ("symbols that started from a snapshot", words.count(found.snapshots_used)),
        ("age of the oldest snapshot used", words.duration(found.snapshot_age_ns, "none used")),
        ("equal duplicates", words.count(found.equal_duplicates)),
        ("reorder depth, frames", words.count(found.reorder_depth)),
        ("gaps", _counted(found.gaps)),
        ("conflicts: same seq, other content", _counted(found.conflicts)),
        ("damages", _counted(len(found.damages))),
    )
    share = b.say(
        "Commands replayed: ", b.strong(words.count(found.commands)), ", which is ",
        b.strong(words.ppm(found.share_ppm)),
        f" of a full trading day of {words.count(found.full_day_commands)} commands.",
    )  # fmt: skip
    damages = b.table("damage|symbol|seq|*object|#offset|*expected|*found", map(_damage, found.damages))
    return share, b.facts("What was read", read, figures=True), *((damages,) if found.damages else ())


def _damage(one: Damage) -> tuple[b.Line, ...]:
    until = words.count(one.seq_to, "end")
    seq = b.line(b.absent("unknown")) if one.seq_from is None else b.line(f"[{words.count(one.seq_from)}..{until}]")
    where = b.line(b.code(one.object)) if one.object else b.line(b.absent("none: it is missing"))
    offset = words.count(one.offset, "none")
    return b.cells(
        b.bad(one.kind), one.symbol, seq, where, offset, one.expected or "not recorded", one.found or "not recorded"
    )


def _buffer(found: FlushBuffer) -> b.Block:
    return b.say(
        f"It flushes after {words.spoken(found.interval_ns)} or {words.size(found.size_bytes)}. Largest delivery lag "
        f"seen before the loss: {words.spoken(found.delivery_lag_ns, 'not measured')}. The loss fell "
        f"{words.spoken(found.loss_in_cycle_ns, 'at an unknown point')} into the flush cycle; the last committed frame "
        f"lay in the bucket {words.spoken(found.drained_ns, 'at an unknown time')} after the loss. Were a full buffer "
        f"lost, it would be {words.count(found.worst_case_orders, 'an unknown number of')} orders."
    )
