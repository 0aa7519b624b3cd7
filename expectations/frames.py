"""The documented data frames that the suites are declared over; a batch of symbols at a time.

No column says "passed": each pair of columns holds what was stored and what was computed, and the suite compares.
There are no nulls: what is absent has a value that cannot be right (ids 0, prices and seqs -1, digests "absent").
A symbol without any readable journal gets one row of such values per journal frame, so that it is counted, and red.

symbols -- one row per symbol
    journal_seq, recovered_seq, recovered_status, objects, commands, acked, fills_bytes, fills_bytes_declared,
    checkpoint_distance, checkpoint_distance_most, checkpoints_unread, and `<frame>_due`: rows due in that frame
objects -- one row per journal object
    object; size, gunzipped, plain, decoded in bytes (journal.ObjectRow)
frames -- one row per distinct frame
    object, offset, version, environment, epoch, frame_symbol, first_seq, expected_first_seq, count, payload_stored,
    payload_expected, previous_stored, previous_computed, crc_stored, crc_computed, copies
commands -- one row per command of a sound frame
    seq, object, ts_ns, command_id, target_id, member, price, qty, qty_least, customer, kind, side, type, tif, flags
checkpoints -- one row per (seq, digest) of the stream
    seq, primary_digest, recovered_digest, engine_read_digest
fills -- one row per recovered fill, canary left out
    seq, fill_no, maker_id, taker_id, price, qty, command_order_id, buy_qty, sell_qty, buy_limit, sell_limit,
    taker_acks, captures, witnesses
orders -- one row per term of an order (orders.py) that executed
    order_id, seq, ordered_qty, executed_qty
captured_fills -- one row per captured fill, canary left out
    member, seq, fill_no, order_id, price, qty, recovered_order_id, recovered_price, recovered_qty
acks -- one row per captured acknowledgement
    member, seq, command_id, journal_command_id, recovered_seq, time_ns
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from expectations.captures import SymbolCapture
from expectations.journal import Journal, ObjectRow
from expectations.layout import (
    BUY,
    CANARY,
    CANARY_MEMBER,
    FILLED,
    MEMBER_SHIFT,
    NEW,
    REDUCE,
    REJECTED,
    REPLACE,
    SELL,
)
from expectations.opening import NO_ORDERS
from expectations.orders import UNKNOWN, Terms, terms
from expectations.recovered import ABSENT, Recovered

__all__ = ["FRAMES", "Facts", "World", "build", "join"]

Array = np.ndarray[Any, Any]
Columns = dict[str, Any]
FRAMES = ("symbols", "objects", "frames", "commands", "checkpoints", "fills", "orders", "captured_fills", "acks")
FAR = 2**63 - 1


@dataclass(frozen=True, slots=True)
class World:
    """All that is known of one symbol, from three places that do not depend on each other.

    `captures_unreadable`: number of capture files that could not be read; then no capture check counts as evaluated.
    `resting` are the orders that rested when the journal's epoch began, as NEW commands.
    """

    journal: Journal
    recovered: Recovered
    capture: SymbolCapture
    checkpoint_every: int
    captures_unreadable: int = 0
    resting: Array = field(default_factory=lambda: NO_ORDERS)

    @property
    def floor(self) -> int:
        """Fills and checkpoints above it can be compared: the journal's epoch and the engine's replay both begin."""
        return max(self.journal.bounds.start_seq, self.recovered.base_seq)

    @property
    def prefix(self) -> int:
        """Last seq that counts as recovered: by the engine's word, and the journal read here has one truth up to it."""
        return min(self.recovered.seq, self.journal.account.contiguous_seq)


@dataclass(frozen=True, slots=True)
class Facts:
    """Plain arrays for the caller's own arithmetic, without Great Expectations (validation.SymbolFacts)."""

    acks: Array
    ack_members: Array
    recovered: Array
    unacknowledged: Array
    captured_fills: int
    lost_fills: Array
    recovered_fills: int


def build(world: World) -> tuple[dict[str, pd.DataFrame], Facts]:
    """Frames of one symbol, and the facts that fall out on the way."""
    journal = world.journal
    lookup = _Lookup(journal)
    acks, ack_members = _once(*_in_scope(world, world.capture.acks, world.capture.ack_members))
    fills, fill_members = _in_scope(world, world.capture.fills, world.capture.fill_members)
    tape = ((fills["id"] >> MEMBER_SHIFT) != CANARY_MEMBER) & (fills["seq"] > world.floor)
    fills, fill_members = fills[tape], fill_members[tape]
    traded = _traded(world.recovered.fills, world.floor)
    journal_ids = lookup.ids(acks["seq"].astype(np.int64))
    unacknowledged = _unacknowledged(world, acks)
    captured, lost = _captured_fills(traded, fills, fill_members)
    columns: dict[str, Columns] = {
        "objects": _objects(journal),
        "frames": _frames(journal),
        "commands": _commands(journal),
        "checkpoints": _checkpoints(world),
        "captured_fills": captured,
        "acks": _acks(world, acks, ack_members, journal_ids),
    }
    columns["fills"], columns["orders"] = _fills(
        world, traded, lookup, heard=(acks, fills), unacknowledged=unacknowledged
    )
    columns["symbols"] = _symbols(world, acks=acks, fills=fills, traded=traded)
    frames = {name: _frame(journal.bounds.symbol, columns[name]) for name in FRAMES}
    seqs = acks["seq"].astype(np.int64)
    facts = Facts(
        acks=acks,
        ack_members=ack_members,
        recovered=(seqs <= world.prefix) & (journal_ids == acks["id"]),
        unacknowledged=unacknowledged,
        captured_fills=len(fills),
        lost_fills=fills[lost],
        recovered_fills=len(traded),
    )
    return frames, facts


def join(parts: Iterable[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """One frame per name over a batch of symbols, rows numbered from 0."""
    collected = list(parts)
    return {name: pd.concat([part[name] for part in collected], ignore_index=True) for name in FRAMES}


class _Lookup:
    """Command at a seq. Of conflicting commands the first one by object name answers: the conflict is red anyway."""

    def __init__(self, journal: Journal) -> None:
        self._seqs, self._first = np.unique(journal.seqs, return_index=True)
        self._commands = journal.commands

    def rows(self, seqs: Array) -> Array:
        """Places in `commands`; UNKNOWN where the journal has no such seq."""
        if not len(self._seqs):
            return np.full(len(seqs), UNKNOWN, dtype=np.int64)
        place = np.minimum(np.searchsorted(self._seqs, seqs), len(self._seqs) - 1)
        return np.where(self._seqs[place] == seqs, self._first[place], UNKNOWN)

    def ids(self, seqs: Array) -> Array:
        """Command id at each seq, 0 where there is none."""
        return self._value(self.rows(seqs), self._commands["command_id"])

    def order_ids(self, seqs: Array) -> Array:
        """The order each command concerns: its own id for NEW, its target otherwise."""
        commands = self._commands
        concerned = np.where(commands["kind"] == NEW, commands["command_id"], commands["target_id"])
        return self._value(self.rows(seqs), concerned)

    @staticmethod
    def _value(rows: Array, column: Array) -> Array:
        if not len(column):
            return np.zeros(len(rows), dtype=np.uint64)
        return np.where(rows == UNKNOWN, np.uint64(0), column[rows])


def _frame(symbol: str, columns: Columns) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.insert(0, "symbol", np.full(len(frame), symbol, dtype=object))
    return frame


def _in_scope(world: World, records: Array, members: Array) -> tuple[Array, Array]:
    """Of this journal, and no further than its recovery point where it has one.

    What a site answers again at or below its own first seq was acknowledged for the journal before this one.
    """
    bounds = world.journal.bounds
    within = records["seq"] > bounds.start_seq
    if bounds.point is not None:
        within &= records["seq"] <= bounds.point
    return records[within], members[within]


def _once(acks: Array, members: Array) -> tuple[Array, Array]:
    """A command counts once however often its answer came: the first answer, and again to a resend."""
    _, first = np.unique(acks[["seq", "id"]], return_index=True)
    first.sort()
    return acks[first], members[first]


def _traded(fills: Array, floor: int) -> Array:
    """The tape above `floor`: recovered fills without the canary's."""
    fills = fills[fills["seq"] > floor]
    canary = (fills["flags"] & CANARY).astype(bool)
    for party in ("maker_id", "taker_id"):
        canary |= (fills[party] >> MEMBER_SHIFT) == CANARY_MEMBER
    tape: Array = fills[~canary]
    return tape


def _objects(journal: Journal) -> Columns:
    rows = journal.objects or [ObjectRow("", 0, -1, 0, -1)]
    names = ("object", "size", "gunzipped", "plain", "decoded")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


NO_FRAME: Columns = {
    "object": [""],
    "offset": [0],
    "version": [0],
    "environment": [0],
    "epoch": [-1],
    "frame_symbol": [ABSENT],
    "first_seq": [0],
    "expected_first_seq": [1],
    "count": [-1],
    "payload_stored": [-1],
    "payload_expected": [0],
    "previous_stored": [ABSENT],
    "previous_computed": [""],
    "crc_stored": [-1],
    "crc_computed": [0],
    "copies": [0],
}


def _frames(journal: Journal) -> Columns:
    return dict(journal.frame_rows) if journal.frame_rows["object"] else dict(NO_FRAME)


OUT_OF_RANGE = 255
NO_COMMAND: Columns = {
    "seq": [0],
    "object": [""],
    "ts_ns": [0],
    "command_id": [0],
    "target_id": [0],
    "member": [0],
    "price": [0],
    "qty": [0],
    "qty_least": [1],
    "customer": [0],
    **{name: [OUT_OF_RANGE] for name in ("kind", "side", "type", "tif", "flags")},
}


def _commands(journal: Journal) -> Columns:
    commands = journal.commands
    if not len(commands) and not journal.objects_of_commands:
        return dict(NO_COMMAND)
    columns: Columns = {name: commands[name] for name in COMMAND_COLUMNS}
    columns["seq"] = journal.seqs
    columns["object"] = np.array(journal.objects_of_commands, dtype=object)[journal.object_codes]
    columns["member"] = (commands["command_id"] >> MEMBER_SHIFT).astype(np.int64)
    columns["qty"] = commands["qty"].astype(np.int64)
    columns["qty_least"] = np.isin(commands["kind"], (NEW, REPLACE, REDUCE)).astype(np.int64)
    return columns


COMMAND_COLUMNS = ("ts_ns", "command_id", "target_id", "price", "customer", "kind", "side", "type", "tif", "flags")


def _checkpoints(world: World) -> Columns:
    """The stream's checkpoints up to the recovery point, and those that only the engine claims to have read."""
    recovered, point = world.recovered.checkpoints, world.journal.account.contiguous_seq
    stream = [(seq, digest) for seq, digest in world.journal.checkpoints if world.floor < seq <= point]
    known = {seq for seq, _ in stream}
    stream += [(seq, ABSENT) for seq in sorted(recovered) if seq not in known and seq > world.floor]
    theirs = [recovered.get(seq, ("", "")) for seq, _ in stream]
    return {
        "seq": np.array([seq for seq, _ in stream], dtype=np.int64),
        "primary_digest": np.array([digest for _, digest in stream], dtype=object),
        "recovered_digest": np.array([digest for _, digest in theirs], dtype=object),
        "engine_read_digest": np.array([digest for digest, _ in theirs], dtype=object),
    }


def _acks(world: World, acks: Array, members: Array, journal_ids: Array) -> Columns:
    return {
        "member": members,
        "seq": acks["seq"].astype(np.int64),
        "command_id": acks["id"],
        "journal_command_id": journal_ids,
        "recovered_seq": np.full(len(acks), world.prefix, dtype=np.int64),
        "time_ns": acks["time_ns"],
    }


def _unacknowledged(world: World, acks: Array) -> Array:
    """Places of recovered commands that no member knows to be acknowledged, canary left out."""
    journal = world.journal
    commands = journal.commands
    mine = (journal.seqs <= world.prefix) & _of_members(commands)
    mine &= ~np.isin(journal.seqs, acks["seq"].astype(np.int64))
    return np.flatnonzero(mine)


def _of_members(commands: Array) -> Array:
    mine: Array = ((commands["flags"] & CANARY) == 0) & ((commands["command_id"] >> MEMBER_SHIFT) < CANARY_MEMBER)
    return mine


FILL_NO_SPAN = 1 << 16  # fill_no is a u16


def _fill_keys(fills: Array) -> Array:
    keys: Array = fills["seq"].astype(np.int64) * FILL_NO_SPAN + fills["fill_no"].astype(np.int64)
    return keys


def _captured_fills(traded: Array, fills: Array, members: Array) -> tuple[Columns, Array]:
    """Each captured fill beside the recovered fill of the same seq and number; and a mask of the missing."""
    keys, first = np.unique(_fill_keys(traded), return_index=True)
    wanted = _fill_keys(fills)
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    found = keys[place] == wanted if len(keys) else np.zeros(len(fills), dtype=bool)
    theirs: Array = traded[first[place]] if len(keys) else np.zeros(len(fills), dtype=FILLED)
    order = np.where(fills["liquidity"] == 1, theirs["maker_id"], theirs["taker_id"])
    columns = {
        "member": members,
        "seq": fills["seq"].astype(np.int64),
        "fill_no": fills["fill_no"].astype(np.int64),
        "order_id": fills["id"],
        "price": fills["price"],
        "qty": fills["qty"].astype(np.int64),
        "recovered_order_id": np.where(found, order, np.uint64(0)),
        "recovered_price": np.where(found, theirs["price"], -1),
        "recovered_qty": np.where(found, theirs["qty"].astype(np.int64), -1),
    }
    return columns, ~found


def _fills(
    world: World, traded: Array, lookup: _Lookup, *, heard: tuple[Array, Array], unacknowledged: Array
) -> tuple[Columns, Columns]:
    acks, captured = heard
    journal = world.journal
    seqs = traded["seq"].astype(np.int64)
    qty = traded["qty"].astype(np.int64)
    before = np.full(len(world.resting), journal.bounds.start_seq, dtype=np.int64)
    known = terms(
        np.concatenate([world.resting, journal.commands]),
        np.concatenate([before, journal.seqs]),
        acks["seq"][acks["status"] == REJECTED].astype(np.int64),
    )
    parties = [known.at(traded[party], seqs) for party in ("maker_id", "taker_id")]
    sides = [_taken(known.side, rows) for rows in parties]
    limits = [_taken(known.limit, rows) for rows in parties]
    keys = _fill_keys(captured)
    captures = sum(
        np.isin(_fill_keys(traded), keys[captured["liquidity"] == liquidity]).astype(np.int64) for liquidity in (1, 2)
    )
    pending = np.isin(seqs, journal.seqs[unacknowledged]).astype(np.int64)
    columns: Columns = {
        "seq": seqs,
        "fill_no": traded["fill_no"].astype(np.int64),
        "maker_id": traded["maker_id"],
        "taker_id": traded["taker_id"],
        "price": traded["price"],
        "qty": qty,
        "command_order_id": lookup.order_ids(seqs),
        "buy_qty": qty * sum((side == BUY).astype(np.int64) for side in sides),
        "sell_qty": qty * sum((side == SELL).astype(np.int64) for side in sides),
        "buy_limit": _limit(sides, limits, BUY, FAR),
        "sell_limit": _limit(sides, limits, SELL, -FAR),
        "taker_acks": np.isin(seqs, acks["seq"].astype(np.int64)).astype(np.int64),
        "captures": captures,
        "witnesses": captures + pending,
    }
    return columns, _orders(
        known,
        np.concatenate(parties),
        np.concatenate([traded["maker_id"], traded["taker_id"]]),
        np.concatenate([qty, qty]),
    )


def _taken(column: Array, rows: Array) -> Array:
    if not len(column):
        return np.full(len(rows), UNKNOWN, dtype=np.int64)
    return np.where(rows == UNKNOWN, UNKNOWN, column[rows])


def _limit(sides: list[Array], limits: list[Array], side: int, free: int) -> Array:
    """Limit of the party on `side`; `free` where nobody is on it: that fill is out of balance, and red for that."""
    maker, taker = sides
    return np.where(maker == side, limits[0], np.where(taker == side, limits[1], free))


def _orders(known: Terms, rows: Array, parties: Array, qty: Array) -> Columns:
    """Executed quantity by term; an order that the journal does not know has ordered nothing (seq 0)."""
    listed = rows != UNKNOWN
    used, executed = _summed(rows[listed], qty[listed])
    strangers, theirs = _summed(parties[~listed], qty[~listed])
    nothing = np.zeros(len(strangers), dtype=np.int64)
    return {
        "order_id": np.concatenate([known.order_ids[known.order[used]], strangers]),
        "seq": np.concatenate([known.seq[used], nothing]),
        "ordered_qty": np.concatenate([known.qty[used], nothing]),
        "executed_qty": np.concatenate([executed, theirs]),
    }


def _summed(keys: Array, qty: Array) -> tuple[Array, Array]:
    """Distinct keys and the quantity of each."""
    distinct, place = np.unique(keys, return_inverse=True)
    total = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(total, place, qty)
    return distinct, total


def _symbols(world: World, *, acks: Array, fills: Array, traded: Array) -> Columns:
    journal, recovered = world.journal, world.recovered
    member_commands = int(_of_members(journal.commands).sum())
    distance, most = _checkpoint_distance(world)
    blind = world.captures_unreadable
    row = {
        "journal_seq": journal.account.contiguous_seq,
        "recovered_seq": recovered.seq,
        "recovered_status": recovered.status,
        "objects": len(journal.objects),
        "commands": len(journal.commands),
        "acked": len(acks),
        "fills_bytes": recovered.fills_bytes,
        "fills_bytes_declared": recovered.fills_declared * recovered.fills.dtype.itemsize,
        "checkpoint_distance": distance,
        "checkpoint_distance_most": most,
        "checkpoints_unread": recovered.checkpoints_unread,
        "symbols_due": 1,
        "objects_due": max(len(journal.objects), 1),
        "frames_due": max(journal.account.frames, 1),
        "commands_due": journal.account.commands if journal.account.frames else 1,
        "checkpoints_due": sum(world.floor < seq <= journal.account.contiguous_seq for seq, _ in journal.checkpoints),
        "fills_due": len(traded),
        "orders_due": len(np.unique(np.concatenate([traded["maker_id"], traded["taker_id"]]))),
        "captured_fills_due": len(fills) + blind,
        # A symbol that was traded has been acknowledged to somebody: captures that say nothing are no witness.
        "acks_due": max(len(acks), min(member_commands, 1)) + blind,
    }
    return {name: [value] for name, value in row.items()}


def _checkpoint_distance(world: World) -> tuple[int, int]:
    """Most commands between two checkpoints (from the start, to the last frame), and the most that is due.

    A checkpoint may stand at the end of the frame in which it fell due, or in the next one.
    """
    journal = world.journal
    stops = [journal.bounds.start_seq, *[seq for seq, _ in journal.checkpoints], journal.last_frame_first_seq - 1]
    distance = max((later - earlier for earlier, later in pairwise(stops)), default=0)
    return distance, world.checkpoint_every + journal.max_count
