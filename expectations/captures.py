"""The members' ack captures: own decoder of the 64-byte records, `.bin` or `.bin.gz`."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from expectations.journal import Store
from expectations.layout import ACK, CAPTURE, FILL

__all__ = ["Captures", "SymbolCapture", "read_captures"]

Records = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class SymbolCapture:
    """What all members know of one symbol: acknowledgements and fills with a seq, each with its member."""

    acks: Records
    ack_members: Records
    fills: Records
    fill_members: Records


@dataclass(frozen=True, slots=True)
class Captures:
    """All captures of one epoch, sorted by instrument number.

    Attributes:
        members: whose files were read.
        unreadable: files that could not be read to their end, with the reason.
        unsequenced: acknowledgements without a seq (refused before the sequencer: nothing to recover).
    """

    members: tuple[int, ...]
    unreadable: tuple[str, ...]
    unsequenced: int
    numbers: Records
    records: Records
    record_members: Records

    def of(self, number: int) -> SymbolCapture:
        """The part of one instrument."""
        first, last = np.searchsorted(self.numbers, [number, number + 1])
        records, members = self.records[first:last], self.record_members[first:last]
        acks, fills = records["record"] == ACK, records["record"] == FILL
        return SymbolCapture(records[acks], members[acks], records[fills], members[fills])


def read_captures(store: Store, epoch: int) -> Captures:
    """Read each member's file once; keeps only this epoch's acknowledgements and fills that have a seq."""
    members: list[int] = []
    parts: list[Records] = []
    unreadable: list[str] = []
    unsequenced = 0
    for key in sorted(entry.key for entry in store.list("")):
        name = PurePosixPath(key).name.removesuffix(".gz").removesuffix(".bin")
        if not name.isdigit():
            continue
        records, reason = _decode(key, store.get(key))
        if reason:
            unreadable.append(f"{key}: {reason}")
        mine = records[(records["epoch"] == epoch) & ((records["record"] == ACK) | (records["record"] == FILL))]
        unsequenced += int((mine["seq"] == 0).sum())
        members.append(int(name))
        parts.append(mine[mine["seq"] > 0])
    return _sorted(members, parts, unreadable, unsequenced)


def _decode(key: str, content: bytes) -> tuple[Records, str]:
    reason = ""
    if key.endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            return np.empty(0, dtype=CAPTURE), f"{type(error).__name__}: {error}"
    torn = len(content) % CAPTURE.itemsize
    if torn:
        reason = f"{torn} bytes after the last whole record of {CAPTURE.itemsize}"
    return np.frombuffer(content[: len(content) - torn], dtype=CAPTURE), reason


def _sorted(members: list[int], parts: list[Records], unreadable: list[str], unsequenced: int) -> Captures:
    records = np.concatenate(parts) if parts else np.empty(0, dtype=CAPTURE)
    owners = np.repeat(np.array(members, dtype=np.int64), [len(part) for part in parts])
    order = np.argsort(records["number"], kind="stable")
    records, owners = records[order], owners[order]
    numbers = np.ascontiguousarray(records["number"])  # searched once per symbol: ten times faster than by stride
    return Captures(tuple(members), tuple(unreadable), unsequenced, numbers, records, owners)
