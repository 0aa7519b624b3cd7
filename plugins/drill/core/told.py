"""What members were told of each command by the site that carried it out: answers and fills, from their captures.

The primary's books are gone with it, but each member wrote down what came over its sockets. So the captures say what
the primary had made of each command, long after a checkpoint has shown that something differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from drill.core.captures import ACK, FILL, RECORD, BadCapture

Place = tuple[int, int]
"""Epoch and seq."""


class Answered(msgspec.Struct, frozen=True):
    """What a command was answered; status and reason as numbers on the wire."""

    command_id: int
    status: int
    reason: int
    open_qty: int


class Filled(msgspec.Struct, frozen=True, order=True):
    """One side of a trade as its member was told; `fill_no` from 0 within the command."""

    fill_no: int
    order_id: int
    price: int
    qty: int


class Told(msgspec.Struct, frozen=True):
    """Everything that any member was told of one command. Silence is not here: it contradicts nothing."""

    answer: Answered | None = None
    fills: frozenset[Filled] = frozenset()


def told(files: Mapping[int, bytes], number: int) -> dict[Place, Told]:
    """What was told of one instrument's commands, by epoch and seq; `files` are whole captures by member.

    Raises BadCapture for a length that is no multiple of a record.
    """
    found: dict[Place, Told] = {}
    for member, data in files.items():
        if len(data) % RECORD.size:
            raise BadCapture(f"capture of member {member}: {len(data)} bytes, expected a multiple of {RECORD.size}")
        _add(found, RECORD.iter_unpack(data), number)
    return found


def _add(found: dict[Place, Told], records: Iterable[tuple[int, ...]], number: int) -> None:
    for kind, status, reason, _, instrument, fill_no, epoch, open_qty, seq, identity, _, price, qty, *_ in records:
        if instrument != number or not seq or kind not in {ACK, FILL}:
            continue
        known = found.get((epoch, seq), Told())
        if kind == ACK:
            answer = Answered(identity, status, reason, open_qty)
            found[epoch, seq] = msgspec.structs.replace(known, answer=known.answer or answer)
        else:
            fills = known.fills | {Filled(fill_no, identity, price, qty)}
            found[epoch, seq] = msgspec.structs.replace(known, fills=fills)
