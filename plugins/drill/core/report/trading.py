"""How trading came back: load and latency on both sites, canaries, members, orders of unknown outcome."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from drill.core.report.clause import SCI_1001, SCI_1002, SCI_1004, At, Count, Length, doc
from drill.core.report.timeline import Percentiles


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ten seconds of load."""

    start_ns: Annotated[At, doc("begin")]
    offered: Annotated[Count, doc("commands due")]
    acked: Annotated[Count, doc("commands acknowledged")]
    p99_ns: Annotated[Length | None, doc("99th percentile of the ack latency")] = None


class Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The load on one site as members saw it."""

    site: Annotated[str, doc("site")]
    length_ns: Annotated[Length, doc("how long")]
    offered: Annotated[Count, doc("commands due", SCI_1001)]
    acked: Annotated[Count, doc("commands acknowledged", SCI_1001)]
    latency: Annotated[Percentiles, doc("ack latency: send to ack on the member's clock")]
    windows: Annotated[tuple[Window, ...], doc("10-s windows")] = ()


class Performance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Throughput and ack latency, DR site against primary. None: no load was run there."""

    primary: Annotated[Load | None, doc("before the loss", SCI_1001)] = None
    dr: Annotated[Load | None, doc("after the cutover", SCI_1001)] = None
    factor_limit_ppm: Annotated[int, doc("ack p99 of the DR site over the primary's, at most", SCI_1001)] = 2_000_000
    acked_limit_ppm: Annotated[int, doc("acknowledged over offered, at least, run and window")] = 990_000
    met: Annotated[bool | None, doc("None: gate not evaluated")] = None


class UnknownOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that was committed but never acknowledged: its member does not know whether it stands."""

    member: Annotated[str, doc("pseudonym")]
    symbol: Annotated[str, doc("symbol")]
    seq: Annotated[int, doc("seq in the journal")]
    command_id: Annotated[str, doc("the member's command id, decimal")]
    kind: Annotated[str, doc("new, cancel, replace, reduce")]
    fate: Annotated[str, doc("state in the recovered book: open, filled, cancelled, rejected")] = "unknown"


class Resumption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How trading came back."""

    canaries_expected: Annotated[Count, doc("symbols in scope", SCI_1004)]
    canaries_done: Annotated[Count, doc("accepted, acknowledged, matched and printed", SCI_1004)]
    members_expected: Annotated[Count | None, doc("members connected before the loss", SCI_1004)] = None
    members_back: Annotated[Count | None, doc("members reconnected by name", SCI_1004)] = None
    unknown_orders: Annotated[tuple[UnknownOrder, ...], doc("for the members' reconcile file", SCI_1002)] = ()
    orders_at_dr: Annotated[str, doc("fate of the orders taken at the DR site")] = "unknown"
    frames_refused: Annotated[Count | None, doc("frames of the old epoch refused after the fence")] = None
