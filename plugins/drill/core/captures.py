"""Members' captures: what came over their sockets, read without engine, numpy or GX (a second decoder beside GX's).

A capture is a file of 64-byte little-endian records, appended by the member's own process:
kind (1 sent, 2 ack, 3 fill, 4 cancelled by the exchange), status, reason, liquidity (of sent and ack: 1 if repeated),
instrument number, fill number, epoch, open quantity, seq, id, own clock at send or receipt (ns), price, quantity,
command kind, side, type, time in force, own send time (acks only).

A member that lost its session sends what was not answered again. The answer to that is an acknowledgement of the first
seq: it counts once however often it came, under the epoch of whose journal that seq is, and it measures no speed.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

import msgspec

RECORD = struct.Struct("<BBBBHHIIQQqqIBBBBq")
SENT, ACK, FILL, ENDED = 1, 2, 3, 4
REPEATED = 1
OPEN, FILLED, CANCELLED, REJECTED = 1, 2, 3, 4
NEW = 1  # command kind
HALTED = 6  # reason: refused without a seq, so never acknowledged in the journal's sense
WINDOW_NS = 10_000_000_000
IN_FLIGHT_NS = 1_000_000_000  # sent within the last second before the loss: may be unanswered at no fault of the engine

Acked = dict[str, dict[int, list[tuple[int, int, int, int | None]]]]


class BadCapture(ValueError):
    """A capture whose length is no multiple of a record, or with an unknown record kind."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Ten seconds of one epoch: commands sent in them, how many of those were acknowledged, and how fast (us)."""

    start_ns: str
    offered: int
    acknowledged: int
    p99_us: int | None = None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Load and acknowledgement latency of one epoch as members saw them. Latencies in microseconds, send to receipt."""

    epoch: int
    offered: int
    acknowledged: int
    p50_us: int | None
    p90_us: int | None
    p99_us: int | None
    max_us: int | None
    n: int
    windows: tuple[Window, ...]


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """What all members together know of one epoch.

    `acked[symbol][member]` is a list of [seq, ack time ns, command kind, worth] in order of receipt; worth is price x
    quantity in cents of a new order that was not rejected, None where it named no price, 0 of every other command.
    `sent_unanswered` lists [member, symbol, command id, sent ns] of commands whose fate the member does not know.
    `learned` lists [member, symbol, command id, seq, status] of commands that were sent again and answered then,
    whatever their epoch; `ended` counts orders that the exchange cancelled.
    """

    epoch: int
    acked: Acked
    fills: int
    refused: int
    first_ack_by_member: dict[int, int]
    last_ack_ns: int | None
    sent_unanswered: list[tuple[int, str, int, int]]
    latencies: list[tuple[int, int]]  # (sent ns, microseconds to the acknowledgement)
    sends: list[tuple[int, int]]  # (sent ns, 1 acknowledged or 0)
    learned: list[tuple[int, str, int, int, int]] = []
    ended: int = 0

    @property
    def acknowledged(self) -> int:
        """Number of acknowledged commands (each command counts once)."""
        return sum(len(rows) for members in self.acked.values() for rows in members.values())


def _records(member: int, data: bytes) -> Iterable[tuple[int, ...]]:
    if len(data) % RECORD.size:
        msg = f"capture of member {member}: {len(data)} bytes, expected a multiple of {RECORD.size}; take it again"
        raise BadCapture(msg)
    return RECORD.iter_unpack(data)


class _Reader:
    """Collects one epoch; kept apart so that the loop below reads as the rule it is."""

    def __init__(self, epoch: int, symbols: Mapping[int, str], starts: Mapping[str, int]) -> None:
        self.epoch = epoch
        self.symbols = symbols
        self.starts = starts
        self.acked: Acked = {}
        self.unanswered: list[tuple[int, str, int, int]] = []
        self.learned: list[tuple[int, str, int, int, int]] = []
        self.first: dict[int, int] = {}
        self.last: int | None = None
        self.latencies: list[tuple[int, int]] = []
        self.sends: list[tuple[int, int]] = []
        self.fills = self.refused = self.ended = 0

    def member(self, member: int, data: bytes) -> None:
        sent: dict[int, tuple[int, int]] = {}
        heard: set[tuple[str, int, int]] = set()
        for row in _records(member, data):
            kind, _, reason, repeated, number, _, epoch, _, seq, command, time_ns, *_ = row
            symbol = self.symbols.get(number)
            if symbol is None or epoch != self.epoch:
                continue
            if kind == ACK:
                sent.pop(command, None)
                self.refused += not seq and reason == HALTED
                if seq:
                    self._answered(member, symbol, row, first=(symbol, seq, command) not in heard)
                    heard.add((symbol, seq, command))
            elif kind == SENT:
                if not repeated:
                    sent[command] = (time_ns, number)
            elif kind in {FILL, ENDED}:
                self.fills += kind == FILL
                self.ended += kind == ENDED
            else:
                msg = f"capture of member {member}: record kind {kind}, expected 1, 2, 3 or 4"
                raise BadCapture(msg)
        self._unanswered(member, sent)

    def _answered(self, member: int, symbol: str, row: tuple[int, ...], *, first: bool) -> None:
        """An acknowledgement with a seq; `first`: this member has not heard it before."""
        _, status, _, repeated, _, _, _, _, seq, command, time_ns, price, qty, what, *_, sent_ns = row
        if repeated == REPEATED:
            self.learned.append((member, symbol, command, seq, status))
        if sent_ns:  # 0: the member no longer knew when; it is acknowledged, and no measure of speed
            self.latencies.append((sent_ns, (time_ns - sent_ns) // 1000))
            self.sends.append((sent_ns, 1))
        self.first.setdefault(member, time_ns)
        self.last = time_ns if self.last is None else max(self.last, time_ns)
        if first and seq > self.starts.get(symbol, 0):
            self.acked.setdefault(symbol, {}).setdefault(member, []).append(
                (seq, time_ns, what, _worth(what, status, price, qty))
            )

    def _unanswered(self, member: int, sent: Mapping[int, tuple[int, int]]) -> None:
        for command, (sent_ns, number) in sent.items():
            self.unanswered.append((member, self.symbols[number], command, sent_ns))
            self.sends.append((sent_ns, 0))


def _worth(kind: int, status: int, price: int, qty: int) -> int | None:
    if kind != NEW or status == REJECTED:
        return 0
    return price * qty or None


def read(
    files: Mapping[int, bytes], epoch: int, symbols: Mapping[int, str], starts: Mapping[str, int] | None = None
) -> Captured:
    """Read the captures of all members for one epoch; `symbols` maps instrument number to symbol in scope.

    `starts` says with which seq the epoch before ended, by symbol: what its successor answers again at or below it was
    acknowledged for that epoch's journal, not for its own.
    """
    reader = _Reader(epoch, symbols, starts or {})
    for member in sorted(files):
        reader.member(member, files[member])
    return Captured(
        epoch=epoch,
        acked=reader.acked,
        fills=reader.fills,
        refused=reader.refused,
        first_ack_by_member=reader.first,
        last_ack_ns=reader.last,
        sent_unanswered=sorted(reader.unanswered),
        latencies=reader.latencies,
        sends=reader.sends,
        learned=sorted(reader.learned),
        ended=reader.ended,
    )


def within(captured: Captured, since_ns: int, until_ns: int) -> Captured:
    """The same with the rates and latencies of commands sent from `since_ns` (inclusive) to `until_ns` (exclusive).

    What was acknowledged, to whom and when, stays whole.
    """
    return msgspec.structs.replace(
        captured,
        latencies=[(at, latency) for at, latency in captured.latencies if since_ns <= at < until_ns],
        sends=[(at, acked) for at, acked in captured.sends if since_ns <= at < until_ns],
    )


def _rank(ordered: list[int], per_mille: int) -> int | None:
    """Nearest-rank percentile: the smallest value with at least that share at or below it."""
    return ordered[max(0, -(-len(ordered) * per_mille // 1000) - 1)] if ordered else None


def _window(sends: Sequence[tuple[int, int]], answered: Sequence[tuple[int, int]], since: int, until: int) -> Window:
    """One window; both sequences are (sent ns, ...) in order of sending."""

    def inside(rows: Sequence[tuple[int, int]]) -> list[int]:
        return [value for _, value in rows[bisect_left(rows, (since, -1)) : bisect_left(rows, (until, -1))]]

    acknowledged = inside(sends)
    return Window(
        start_ns=str(since),
        offered=len(acknowledged),
        acknowledged=sum(acknowledged),
        p99_us=_rank(sorted(inside(answered)), 990),
    )


def performance(captured: Captured, *, until_ns: int | None = None, warm_up_ns: int = 0) -> Performance:
    """Rates in whole 10-s windows and latency percentiles of an epoch.

    Commands sent in the last second before `until_ns` (the loss, or the end of the capture) are left out of the
    rates: a loss leaves them unanswered at no fault of the engine. `warm_up_ns` is left out at the start.
    """
    sends = sorted(captured.sends)
    if not sends:
        return Performance(
            epoch=captured.epoch, offered=0, acknowledged=0, p50_us=None, p90_us=None, p99_us=None, max_us=None, n=0,
            windows=(),
        )  # fmt: skip
    start = sends[0][0] + warm_up_ns
    end = (sends[-1][0] if until_ns is None else until_ns) - IN_FLIGHT_NS
    judged = [(at, acked) for at, acked in sends if start <= at < end]
    answered = sorted(captured.latencies)
    windows = [
        _window(judged, answered, first, first + WINDOW_NS) for first in range(start, end - WINDOW_NS + 1, WINDOW_NS)
    ]
    ordered = sorted(latency for _, latency in captured.latencies)
    return Performance(
        epoch=captured.epoch,
        offered=len(judged),
        acknowledged=sum(acked for _, acked in judged),
        p50_us=_rank(ordered, 500),
        p90_us=_rank(ordered, 900),
        p99_us=_rank(ordered, 990),
        max_us=ordered[-1] if ordered else None,
        n=len(ordered),
        windows=tuple(windows),
    )
