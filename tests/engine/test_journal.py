# ruff: noqa: E501 - a table is read row by row

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable

import google_crc32c
import pytest

from engine.codec import GENESIS, decode_frame
from engine.journal import JournalReader, read_symbol
from engine.messages import Environment
from engine.replay import Comparison, Recovery, recover
from engine.storage import MemoryStore
from tests.engine.written_journal import SYMBOL, quotes, stored, written

FRAMES, LIVE = written(quotes(40))
"""Ten frames of four commands."""


def recovered(store: MemoryStore) -> Recovery:
    return recover(store, SYMBOL, environment=Environment.LIVE, epoch=1, now_ns=lambda: 0)


def resealed(raw: bytes, offset: int, replacement: bytes) -> bytes:
    """A forgery: other bytes at `offset`, and the checksum made to fit."""
    body = raw[:offset] + replacement + raw[offset + len(replacement) : -4]
    return body + struct.pack("<I", google_crc32c.value(body))


def key(number: int) -> str:
    return f"symbol=AAL/2016/11/30/14/{number:06}.gz"


def test_an_intact_journal_gives_the_state_that_wrote_it() -> None:
    recovery = recovered(stored(FRAMES))
    assert (recovery.status, recovery.seq, recovery.digest) == ("recovered", 40, LIVE.digest())
    assert (recovery.checkpoints, recovery.disagreements) == (8, 0)
    assert recovery.account.last_frame == decode_frame(FRAMES[-1]).digest
    assert recovery.account.commands == 40
    assert recovery.venue.first_difference(LIVE) is None


def test_an_empty_journal_is_genesis() -> None:
    recovery = recovered(MemoryStore())
    assert (recovery.status, recovery.seq, recovery.last_frame) == ("recovered", 0, GENESIS)


def test_repetitions_are_dropped_and_counted_and_the_deepest_queue_is_measured() -> None:
    backwards = FRAMES[::-1]
    recovery = recovered(stored(backwards + FRAMES[3:5] + FRAMES[:1]))
    assert (recovery.status, recovery.seq, recovery.digest) == ("recovered", 40, LIVE.digest())
    assert (recovery.account.duplicates, recovery.account.reorder_depth) == (3, 9)


def flipped(frame: int, byte: int) -> list[bytes]:
    objects = list(FRAMES)
    damaged = bytearray(objects[frame])
    damaged[byte] ^= 0x10
    objects[frame] = bytes(damaged)
    return objects


def instead(frame: int, raw: bytes) -> list[bytes]:
    return [raw if number == frame else intact for number, intact in enumerate(FRAMES)]


OTHER_FRAMES, _ = written(quotes(41)[1:])
FOREIGN_SYMBOL = written(quotes(40), symbol="ZZT1")[0]
FOREIGN_ENVIRONMENT = written(quotes(40), environment=Environment.DRILL)[0]
FOREIGN_EPOCH = written(quotes(40), epoch=2)[0]

# name: (objects, kind, object, offset, seq of the damage, last seq of the prefix)
DAMAGES: dict[str, tuple[list[bytes], str, int, int, int, int]] = {
    "a missing frame": (FRAMES[:4] + FRAMES[5:], "gap", 4, 0, 17, 16),
    "a missing start": (FRAMES[2:], "gap", 0, 0, 1, 0),
    "another frame for the same seqs": ([*FRAMES, OTHER_FRAMES[4]], "conflict", 10, 0, 17, 40),
    "an early conflict": ([FRAMES[0], OTHER_FRAMES[4], *FRAMES[1:]], "conflict", 1, 0, 17, 40),
    "an overlapping frame": ([*FRAMES, written(quotes(40), per_frame=6)[0][1]], "conflict", 10, 0, 7, 40),
    "a flipped bit in a command": (flipped(4, 80), "checksum", 4, 0, 17, 16),
    "a flipped bit in the checksum": (flipped(4, -1), "checksum", 4, 0, 17, 16),
    "a flipped bit in the chain": (flipped(4, 45), "checksum", 4, 0, 17, 16),
    "a forged frame": (instead(4, resealed(FRAMES[4], 72 + 32, b"\x63")), "chain", 5, 0, 21, 20),
    "a forged link": (instead(4, resealed(FRAMES[4], 40, b"\x00" * 32)), "chain", 4, 0, 17, 16),
    "a frame of another symbol": ([*FRAMES, FOREIGN_SYMBOL[0]], "foreign_symbol", 10, 0, 1, 40),
    "a frame of an exercise": ([*FRAMES, FOREIGN_ENVIRONMENT[0]], "foreign_environment", 10, 0, 1, 40),
    "a frame of another epoch": ([*FRAMES, FOREIGN_EPOCH[0]], "bad_header", 10, 0, 1, 40),
    "a frame cut short": (instead(4, FRAMES[4][:-9]), "truncated", 4, 0, 17, 16),
    "a header cut short": (instead(4, FRAMES[4][:20]), "truncated", 4, 0, 0, 16),
    "another magic": (instead(4, b"XEXF" + FRAMES[4][4:]), "bad_header", 4, 0, 0, 16),
    "another version": (instead(4, FRAMES[4][:4] + b"\2\0" + FRAMES[4][6:]), "bad_header", 4, 0, 0, 16),
    "an impossible length": (instead(4, FRAMES[4][:36] + b"\xff\xff" + FRAMES[4][38:]), "bad_header", 4, 0, 0, 16),
    "an unknown kind of command": (instead(4, resealed(FRAMES[4], 72 + 38, b"\x09")), "bad_header", 4, 0, 17, 16),
    "rubbish between frames": ([FRAMES[0] + b"rubbish" + FRAMES[1], *FRAMES[2:]], "bad_header", 0, len(FRAMES[0]), 0, 40),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_named_with_symbol_object_and_offset(name: str) -> None:
    objects, kind, number, offset, seq, prefix = DAMAGES[name]
    recovery = recovered(stored(objects))
    places = [
        (damage.kind, damage.symbol, damage.object, damage.offset, damage.seq) for damage in recovery.account.damages
    ]
    assert (kind, SYMBOL, key(number), offset, seq) in places
    assert (recovery.status, recovery.seq, recovery.venue.seq) == ("damaged", prefix, prefix)
    assert recovery.account.highest_seq == 40
    recovery.venue.check()


def compressed(damage: Callable[[bytes], bytes]) -> MemoryStore:
    store = stored([*FRAMES[:5], b"".join(FRAMES[5:8]), *FRAMES[8:]])
    store.put(key(5), damage(store.get(key(5))))
    return store


NO_GZIP: dict[str, Callable[[bytes], bytes]] = {
    "not gzip at all": gzip.decompress,
    "empty": lambda raw: b"",
    "cut short": lambda raw: raw[:-10],
    "a flipped bit": lambda raw: raw[:40] + bytes([raw[40] ^ 0xFF]) + raw[41:],
    "rubbish behind it": lambda raw: raw + b"rubbish",
}


@pytest.mark.parametrize("name", NO_GZIP)
def test_bad_compression_is_named_and_reading_goes_on(name: str) -> None:
    recovery = recovered(compressed(NO_GZIP[name]))
    places = {(damage.kind, damage.object) for damage in recovery.account.damages}
    assert ("bad_gzip", key(5)) in places
    assert recovery.status == "damaged"
    assert recovery.account.highest_seq == 40


def test_two_gzip_files_in_one_object_are_one_object() -> None:
    store = stored([])
    store.put(key(0), b"".join(gzip.compress(frame) for frame in FRAMES))
    assert recovered(store).status == "recovered"


def test_every_gap_is_counted_and_nothing_behind_the_first_belongs_to_the_prefix() -> None:
    reader = read_symbol(stored(FRAMES[:2] + FRAMES[3:5] + FRAMES[7:]), SYMBOL, environment=1)
    assert sum(frame.count for frame in reader) == 8
    assert (reader.account.seq, reader.account.gaps, reader.account.highest_seq) == (8, 2, 40)
    assert [damage.seq for damage in reader.account.damages] == [9, 21]


def test_a_damaged_frame_that_has_an_intact_copy_costs_no_command_but_is_still_damage() -> None:
    recovery = recovered(stored([*flipped(4, 80), FRAMES[4]]))
    assert (recovery.seq, recovery.digest, recovery.status) == (40, LIVE.digest(), "damaged")
    assert [damage.kind for damage in recovery.account.damages] == ["checksum"]


def test_empty_frames_take_their_place_in_the_chain_in_any_order() -> None:
    frames, venue = written(quotes(40), empty_every=2)
    for arrival in (frames, frames[::-1], frames + frames):
        recovery = recovered(stored(arrival))
        assert (recovery.status, recovery.digest) == ("recovered", venue.digest())


def test_a_checkpoint_that_disagrees_is_reported_with_its_seq_and_the_symbol_is_not_recovered() -> None:
    frames, _ = written(quotes(4), checkpoint_every=2)
    forged = resealed(frames[0], len(frames[0]) - 4 - 40 + 8, b"\x00" * 32)
    lines: list[Comparison] = []
    recovery = recover(stored([forged]), SYMBOL, environment=1, now_ns=lambda: 0, on_checkpoint=lines.append)
    assert (recovery.status, recovery.disagreements, recovery.first_disagreement_seq) == ("damaged", 1, 4)
    assert [(line.seq, line.agrees) for line in lines] == [(2, True), (4, False)]


def test_reading_can_start_behind_a_recovered_frame() -> None:
    after = decode_frame(FRAMES[5])
    reader = JournalReader(
        stored(FRAMES[::-1]), SYMBOL, environment=1, after_seq=after.next_seq - 1, after_frame=after.digest
    )
    assert [frame.first_seq for frame in reader] == [25, 29, 33, 37]
    assert (reader.account.skipped, reader.account.damages) == (6, [])


def test_windows_of_one_frame_change_nothing_but_where_frames_wait() -> None:
    shuffled = FRAMES[5:] + FRAMES[:5][::-1] + FRAMES
    wide = read_symbol(stored(shuffled), SYMBOL, environment=1)
    narrow = JournalReader(stored(shuffled), SYMBOL, environment=1, window_bytes=1, recent_frames=1)
    assert list(wide) == list(narrow)
    assert wide.account == narrow.account
    assert narrow.account.duplicates == 10
