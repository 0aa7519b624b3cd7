"""Atheris harness over everything that reads bytes from outside: see README.md here."""

from __future__ import annotations

import gzip
import io
import struct
import sys

import atheris
import google_crc32c
from blake3 import blake3

with atheris.instrument_imports(include=["engine"]):
    from engine.codec import decode_frame
    from engine.errors import FlowError, FrameError, LineageError, SnapshotError
    from engine.flow_books import match_flow
    from engine.lineage import opened_key, read_lineage
    from engine.replay import recover
    from engine.snapshot import decode_snapshot
    from engine.storage import MemoryStore


def frame(raw: bytes) -> None:
    """A frame, as it came and signed again."""
    for image in (raw, raw + struct.pack("<I", google_crc32c.value(raw))):
        try:
            decode_frame(image)
        except FrameError:
            continue


def journal(raw: bytes) -> None:
    """An object, as it came and packed."""
    store = MemoryStore()
    store.put("symbol=AAL/raw.gz", raw)
    store.put("symbol=AAL/packed.gz", gzip.compress(raw, 1))
    recover(store, "AAL", environment=1, now_ns=lambda: 0).venue.check()


def snapshot(raw: bytes) -> None:
    """A snapshot, as it came and signed again."""
    for image in (raw, raw + blake3(raw).digest()):
        try:
            decode_snapshot(image).venue().check()
        except SnapshotError:
            continue


def flow(raw: bytes) -> None:
    """An order flow."""
    try:
        match_flow(io.BytesIO(raw), lambda _: None, with_book=True)
    except FlowError:
        return


def record(raw: bytes) -> None:
    """The record of an opening."""
    recovered = MemoryStore()
    recovered.put(opened_key(2, "AAL"), raw)
    try:
        read_lineage(recovered, MemoryStore(), "AAL", 2)
    except LineageError:
        return


TARGETS = {target.__name__: target for target in (frame, journal, snapshot, flow, record)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: readers.py {'|'.join(TARGETS)} [libFuzzer options]")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
