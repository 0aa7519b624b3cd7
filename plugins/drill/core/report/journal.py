"""What was read to recover, and what members had been told that is not in it: the recovery point."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from drill.core.report.clause import DORA_12, SCI_1001, At, Count, Length, doc

FULL_DAY_COMMANDS = 234_000_000  # 10,000 commands/s for the 6.5 hours of a trading day


class RecoveryPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What members had been told and the recovered exchange does not know. None: unknown, never zero."""

    orders_lost: Annotated[Count | None, doc("acknowledged commands above the recovered prefix", SCI_1001, DORA_12)]
    acknowledged: Annotated[Count | None, doc("acknowledged commands in all captures")]
    new: Annotated[Count | None, doc("of the lost: new orders")] = None
    cancels: Annotated[Count | None, doc("of the lost: cancels")] = None
    replaces: Annotated[Count | None, doc("of the lost: replaces and reduces")] = None
    fills: Annotated[Count | None, doc("captured fills that the recovered tape lacks")] = None
    notional_cents: Annotated[int | None, doc("price x quantity of the lost new orders that named a price, cents")] = (
        None
    )
    unpriced: Annotated[Count | None, doc("of the lost new orders: market orders, which name no price")] = None
    members_touched: Annotated[Count | None, doc("members with at least one lost command")] = None
    time_ns: Annotated[Length | None, doc("largest over symbols: last acknowledged - last recovered", DORA_12)] = None
    phantom_fills: Annotated[Count | None, doc("recovered fills that nothing explains; any fails")] = None
    unacknowledged: Annotated[Count | None, doc("committed but never acknowledged: listed, no loss")] = None


class Damage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One piece of the journal that is not as it was written."""

    kind: Annotated[str, doc("gap, conflict, checksum, chain, truncated, …")]
    symbol: Annotated[str, doc("symbol")]
    object: Annotated[str, doc("key of the object; empty for a gap")] = ""
    offset: Annotated[int | None, doc("bytes into the unzipped object")] = None
    seq_from: Annotated[int | None, doc("first seq concerned, inclusive")] = None
    seq_to: Annotated[int | None, doc("last seq concerned, inclusive")] = None
    expected: Annotated[str, doc("what should be there")] = ""
    found: Annotated[str, doc("what is there")] = ""


class JournalAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was read to recover."""

    objects: Annotated[Count, doc("objects read", DORA_12)]
    size_bytes: Annotated[Count, doc("bytes as stored")]
    frames: Annotated[Count, doc("frames decoded")]
    commands: Annotated[Count, doc("commands replayed, scope and test symbols")]
    equal_duplicates: Annotated[Count, doc("frames delivered more than once with equal content")] = 0
    conflicts: Annotated[Count, doc("same seq, other content")] = 0
    gaps: Annotated[Count, doc("missing ranges of seq")] = 0
    reorder_depth: Annotated[Count, doc("largest distance in frames between arrival and order")] = 0
    snapshots_used: Annotated[Count, doc("symbols that started from a snapshot, not from genesis")] = 0
    snapshot_age_ns: Annotated[Length | None, doc("age of the oldest snapshot used; None: none used")] = None
    above_checkpoint: Annotated[Count | None, doc("commands above the last checkpoint, all symbols")] = None
    full_day_commands: Annotated[Count, doc("commands of a full trading day")] = FULL_DAY_COMMANDS
    damages: Annotated[tuple[Damage, ...], doc("everything that is not as it was written", DORA_12)] = ()

    @property
    def share_ppm(self) -> int:
        """The journal's size as a share of a full trading day, ppm, rounded to the nearest."""
        return (self.commands * 2_000_000 + self.full_day_commands) // (2 * self.full_day_commands)


class LagPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far delivery was behind at one moment, by the streams' own metric."""

    at_ns: Annotated[At, doc("when the metric was taken")]
    worst_ns: Annotated[Length, doc("age of the oldest record not yet delivered, worst stream", DORA_12)]
    stream: Annotated[str, doc("the worst stream")]
    streams: Annotated[Count, doc("streams that published at this moment")]


class FlushBuffer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The physics of the delivery buffer between commit and object."""

    interval_ns: Annotated[Length, doc("buffer hint: flush at the latest after")]
    size_bytes: Annotated[Count, doc("buffer hint: flush at the latest at")]
    delivery_lag_ns: Annotated[Length | None, doc("largest DataFreshness seen before the loss")]
    loss_in_cycle_ns: Annotated[Length | None, doc("how far into the flush cycle the loss fell")]
    worst_case_orders: Annotated[Count | None, doc("orders in one full buffer at the offered rate")]
    drained_ns: Annotated[Length | None, doc("loss until the last committed frame lay in the bucket")] = None
