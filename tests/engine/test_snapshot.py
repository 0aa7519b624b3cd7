"""The file of a snapshot: what was put in comes out, and nothing that was changed is believed."""

from __future__ import annotations

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SnapshotError
from engine.messages import Command
from engine.snapshot import (
    Snapshot,
    decode_snapshot,
    encode_snapshot,
    seq_of_key,
    snapshot_folder,
    snapshot_key,
)
from engine.venue import Venue
from tests.engine.written_journal import SYMBOL, quotes
from tests.property.flows import flows


def snapshot_of(flow: list[Command], **other: object) -> Snapshot:
    venue = Venue(SYMBOL)
    for seq, command in enumerate(flow, start=1):
        venue.apply(seq, command)
    fields: dict[str, object] = {
        "symbol": SYMBOL,
        "environment": 1,
        "epoch": 7,
        "seq": venue.seq,
        "taken_ns": 1_700_000_000_000_000_000,
        "digest": venue.digest(),
        "last_frame": bytes(range(32)),
        "canonical": venue.canonical_bytes(),
    }
    return Snapshot(**(fields | other))  # type: ignore[arg-type]


@given(flow=flows(), more=flows(max_size=20))
def test_what_comes_out_trades_on_as_what_went_in(flow: list[Command], more: list[Command]) -> None:
    snapshot = snapshot_of(flow)
    read = decode_snapshot(encode_snapshot(snapshot))
    assert read == snapshot
    restored, live = read.venue(), Venue(SYMBOL)
    for seq, command in enumerate(flow, start=1):
        live.apply(seq, command)
    for seq, command in enumerate(more, start=live.seq + 1):
        assert restored.apply(seq, command) == live.apply(seq, command)
    assert restored.canonical_bytes() == live.canonical_bytes()


@given(data=st.data(), flow=flows(max_size=20))
def test_changed_bytes_are_never_accepted(data: st.DataObject, flow: list[Command]) -> None:
    true = encode_snapshot(snapshot_of(flow))
    raw = bytearray(true)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    if bytes(raw) != true:
        with pytest.raises(SnapshotError):
            decode_snapshot(bytes(raw))


@given(data=st.data(), flow=flows(max_size=20))
def test_shorter_and_longer_files_are_never_accepted(data: st.DataObject, flow: list[Command]) -> None:
    raw = encode_snapshot(snapshot_of(flow))
    cut = data.draw(st.integers(0, len(raw) - 1))
    for wrong in (raw[:cut], raw + raw[:cut] + b"x", b""):
        with pytest.raises(SnapshotError):
            decode_snapshot(wrong)


@given(raw=st.binary(max_size=400))
def test_any_bytes_are_refused_without_another_exception(raw: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode_snapshot(raw)


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        ({"digest": bytes(32)}, "digest"),
        ({"symbol": "AAPL"}, "symbol"),
        ({"seq": 9}, "seq"),
    ],
)
def test_a_header_that_lies_about_its_state_is_found_out(other: dict[str, object], cause: str) -> None:
    snapshot = decode_snapshot(encode_snapshot(snapshot_of(quotes(10), **other)))
    with pytest.raises(SnapshotError, match=cause):
        snapshot.venue()


def test_a_state_that_no_engine_wrote_is_refused_though_every_checksum_holds() -> None:
    forged = b"AEXS" + bytes(99)
    snapshot = snapshot_of(quotes(10), canonical=forged, digest=blake3(forged).digest())
    with pytest.raises(SnapshotError):
        decode_snapshot(encode_snapshot(snapshot)).venue()


def test_keys_sort_by_seq_and_name_it() -> None:
    keys = [snapshot_key(2, "AAL", seq) for seq in (9, 10, 100, 10**15)]
    assert keys == sorted(keys)
    assert [seq_of_key(key) for key in keys] == [9, 10, 100, 10**15]
    assert keys[0] == snapshot_folder(2, "AAL") + "00000000000000000009.snap"
    assert [seq_of_key(key) for key in ("x.snap", "9.snap.tmp", "", "\u0661.snap")] == [None] * 4
