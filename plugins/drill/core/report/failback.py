"""How the exchange went home: when each part of it happened, where the DR site stopped, and where the primary began."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from drill.core.report.clause import DORA_12, SCI_1001, SCI_1004, At, Count, Length, doc


class Moment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One moment of the way home."""

    name: Annotated[str, doc("what happened, in words")]
    at_ns: Annotated[At | None, doc("None: not reached")]


class HomeSymbol(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol: the state in which the DR site stopped, and the one to which the primary came."""

    symbol: Annotated[str, doc("symbol")]
    frozen_seq: Annotated[Count, doc("last seq that the DR site took", DORA_12)]
    frozen_digest: Annotated[str, doc("digest of its state there, hex; empty: halted, it had no state to hand over")]
    home_seq: Annotated[Count | None, doc("last seq that the primary recovered; None: not recovered", DORA_12)] = None
    home_digest: Annotated[str, doc("digest of its state there, hex")] = ""
    equal: Annotated[bool | None, doc("seq and digest are the same; None: nothing to compare", DORA_12)] = None
    acked_seq: Annotated[Count | None, doc("highest seq that members know from the DR site; None: none")] = None


class Failback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exchange's way home to its primary."""

    went_home: Annotated[bool, doc("the primary opened in the state that the DR site had left", SCI_1004)]
    from_epoch: Annotated[Count, doc("epoch of the DR site")]
    epoch: Annotated[Count, doc("epoch that the primary took")]
    moments: Annotated[tuple[Moment, ...], doc("its time line", SCI_1001)]
    closed_ns: Annotated[Length | None, doc("from the freeze until members were back; None: they are not", SCI_1001)]
    acknowledged: Annotated[Count | None, doc("commands acknowledged by the DR site; None: not handed over")] = None
    symbols: Annotated[tuple[HomeSymbol, ...], doc("symbol by symbol, test symbols included", DORA_12)] = ()
