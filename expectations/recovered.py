"""What the DR site's engine says it recovered, per symbol: `result.json`, `fills.bin`, `checkpoints.jsonl`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from expectations.journal import Store
from expectations.layout import FILLED

__all__ = ["ABSENT", "Recovered", "read_recovered"]

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Recovered:
    """One symbol's recovery. What is absent or unreadable reads as seq -1, fills -1 and a status that says so.

    Attributes:
        base_seq: fills and checkpoints begin behind this seq: the recovery started from a snapshot there.
        checkpoints: seq -> (primary's digest as the engine read it, digest it came to itself), hex.
        checkpoints_unread: lines of checkpoints.jsonl that are no checkpoint.
        fills_bytes: size of fills.bin.
    """

    symbol: str
    status: str
    seq: int
    fills_declared: int
    fills: np.ndarray[Any, Any]
    fills_bytes: int
    checkpoints: dict[int, tuple[str, str]]
    checkpoints_unread: int
    base_seq: int = 0


def read_recovered(store: Store, symbol: str) -> Recovered:
    """Read one symbol's three files; each may be absent."""
    present = {entry.key for entry in store.list(f"{symbol}/")}

    def content(name: str) -> bytes | None:
        key = f"{symbol}/{name}"
        return store.get(key) if key in present else None

    status, seq, declared, base = _result(content("result.json"))
    fills = content("fills.bin") or b""
    whole = len(fills) - len(fills) % FILLED.itemsize
    checkpoints, unread = _checkpoints(content("checkpoints.jsonl") or b"")
    return Recovered(
        symbol=symbol,
        status=status,
        seq=seq,
        fills_declared=declared,
        fills=np.frombuffer(fills[:whole], dtype=FILLED),
        fills_bytes=len(fills),
        checkpoints=checkpoints,
        checkpoints_unread=unread,
        base_seq=base,
    )


def _result(content: bytes | None) -> tuple[str, int, int, int]:
    if content is None:
        return ABSENT, -1, -1, 0
    try:
        result = json.loads(content)
        base = int(result.get("base_seq", 0))
        return str(result["status"]), int(result["seq"]), int(result.get("fills", -1)), base
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"unreadable: {error!r}", -1, -1, 0


def _checkpoints(content: bytes) -> tuple[dict[int, tuple[str, str]], int]:
    read: dict[int, tuple[str, str]] = {}
    unread = 0
    for line in content.splitlines():
        try:
            row = json.loads(line)
            read[int(row["seq"])] = (str(row["primary"]), str(row["recovered"]))
        except (ValueError, KeyError, TypeError):
            unread += 1
    return read, unread
