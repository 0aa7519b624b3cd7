"""What a member brings along after a failover: its own ack capture, 64-byte records appended as its socket was read.

The layout is the members' (`witness/capture.py` writes it); the exchange only reads it, to say which of a member's
commands and fills the member was never told of.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from engine.errors import CaptureError
from engine.listing import numbered
from engine.messages import member_of

__all__ = ["RECORD", "Capture", "Sent", "read_capture"]

RECORD: Final = struct.Struct("<BBBBHHIIQQqqIBBBBq")
"""kind, status, reason, liquidity, instrument number, fill_no, epoch, open_qty, seq, id, time_ns, price, qty,
command kind, side, type, tif, own send time of an acknowledged command."""

SENT, ACK, FILL, CANCELLED = 1, 2, 3, 4
_RECORDS_AT_ONCE: Final = 4096
_HINT: Final = "expected the file that the member's own gateway wrote, NNNNN.bin or NNNNN.bin.gz"


class Sent(msgspec.Struct, frozen=True):
    """A command as its member sent it."""

    symbol: str
    command_id: int
    time_ns: int
    kind: int
    side: int
    type: int
    tif: int
    price: int
    qty: int


class Capture(msgspec.Struct):
    """What one member knows: commands sent, answers and fills received."""

    sent: dict[tuple[str, int], Sent] = msgspec.field(default_factory=dict)
    answered: dict[tuple[str, int], int] = msgspec.field(default_factory=dict)
    """Symbol and command id, to the reason that the answer gave."""
    fills: set[tuple[str, int, int, int]] = msgspec.field(default_factory=set)
    """Symbol, seq, number of the fill within it, order id."""
    cancels: set[tuple[str, int, int]] = msgspec.field(default_factory=set)
    """Symbol, seq, id of an order that the exchange cancelled."""


def read_capture(path: Path, member: int) -> Capture:
    """Read a capture; a torn last record (its writer was killed) is left out, as the writer itself does.

    Raises:
        CaptureError: no capture, or not this member's.
        OSError: the file could not be read.
    """
    capture = Capture()
    readers = {SENT: _take_sent, ACK: _take_ack, FILL: _take_fill, CANCELLED: _take_cancelled}
    for place, fields in enumerate(_records(path)):
        kind, number, identity = fields[0], fields[4], fields[9]
        try:
            read, symbol = readers[kind], numbered(number).symbol
        except KeyError:
            cause = f"record {place}: expected kind 1 to 4 of a listed instrument, found kind {kind} of {number}"
            raise CaptureError("read capture", where=str(path), cause=cause, hint=_HINT) from None
        if member_of(identity) != member:
            cause = f"record {place}: expected member {member}, found {member_of(identity)}"
            raise CaptureError("read capture", where=str(path), cause=cause, hint="each member has a file of its own")
        read(capture, symbol, fields)
    return capture


def _records(path: Path) -> Iterator[tuple[int, ...]]:
    try:
        with cast("BinaryIO", gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            while piece := file.read(_RECORDS_AT_ONCE * RECORD.size):
                yield from RECORD.iter_unpack(piece[: len(piece) - len(piece) % RECORD.size])
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CaptureError("read capture", where=str(path), cause=str(error), hint=_HINT) from error


def _take_sent(capture: Capture, symbol: str, fields: tuple[int, ...]) -> None:
    identity, time_ns, price, qty, kind, side, order_type, tif = fields[9:17]
    capture.sent[symbol, identity] = Sent(symbol, identity, time_ns, kind, side, order_type, tif, price, qty)


def _take_ack(capture: Capture, symbol: str, fields: tuple[int, ...]) -> None:
    capture.answered[symbol, fields[9]] = fields[2]


def _take_fill(capture: Capture, symbol: str, fields: tuple[int, ...]) -> None:
    capture.fills.add((symbol, fields[8], fields[5], fields[9]))


def _take_cancelled(capture: Capture, symbol: str, fields: tuple[int, ...]) -> None:
    capture.cancels.add((symbol, fields[8], fields[9]))
