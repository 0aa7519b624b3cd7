"""Readers fed with bytes that nobody wrote: an error of ours or a right result, in bounded memory.

Checksums keep random changes out of the reader's depths, so most mutations here are signed again.
"""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import google_crc32c
import msgspec
import pytest
from blake3 import blake3
from hypothesis import example, given
from hypothesis import strategies as st

from engine.codec import HEADER_SIZE, MAGIC, decode_frame, encode_again, encode_frame
from engine.errors import FrameError, LineageError, SnapshotError, StateError
from engine.journal import MAX_DAMAGES
from engine.lineage import Link, Opened, opened_key, read_lineage
from engine.messages import Environment
from engine.replay import recover
from engine.restore import restore
from engine.snapshot import Snapshot, decode_snapshot, encode_snapshot
from engine.storage import MemoryStore
from engine.venue import Venue
from tests.engine.written_journal import SYMBOL, quotes, written

FRAMES, LIVE = written(quotes(30), per_frame=5)
KEY = f"symbol={SYMBOL}/2016/11/30/14/one.gz"
MIB = 1 << 20


@st.composite
def mutated(draw: st.DrawFn, raw: bytes, *, first: int = 0) -> bytes:
    """A few bytes changed, some cut out, some put in; nothing before `first`."""
    changed = bytearray(raw)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(first, max(first, len(changed) - 1)))
        way = draw(st.sampled_from(("set", "set", "cut", "insert", "extreme")))
        if way == "cut":
            del changed[at : at + draw(st.integers(1, 60))]
        elif way == "insert":
            changed[at:at] = draw(st.binary(min_size=1, max_size=60))
        elif way == "extreme":
            changed[at : at + 8] = draw(st.sampled_from((b"\xff" * 8, b"\x7f" * 8, bytes(8), b"\x80" + bytes(7))))
        else:
            changed[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
    return bytes(changed)


def signed(body: bytes) -> bytes:
    """A frame's bytes with the length and the checksum that its content asks for: only the content is hostile."""
    raw = bytearray(body)
    if len(raw) >= HEADER_SIZE:
        struct.pack_into("<I", raw, 36, (len(raw) - HEADER_SIZE) & 0xFFFFFFFF)
    return bytes(raw) + struct.pack("<I", google_crc32c.value(bytes(raw)))


@st.composite
def hostile_frames(draw: st.DrawFn) -> bytes:
    frame = draw(st.sampled_from(FRAMES))
    changed = draw(mutated(frame[:-4], first=draw(st.sampled_from((0, 6, HEADER_SIZE)))))
    return signed(changed) if draw(st.booleans()) else changed + frame[-4:]


@given(raw=hostile_frames())
@example(raw=signed(FRAMES[0][:16] + b"\x80" + FRAMES[0][17:-4]))  # a symbol that is no text
def test_a_frame_is_refused_or_is_what_its_bytes_say(raw: bytes) -> None:
    try:
        frame = decode_frame(raw)
    except FrameError as error:
        assert error.expected != error.found  # noqa: PT017 - either end is right
        return
    again, digest = encode_again(frame)
    assert (again, digest) == (raw[: frame.size], frame.digest)


@given(data=st.data())
def test_a_journal_of_hostile_frames_never_raises_and_what_it_gives_out_is_contiguous(data: st.DataObject) -> None:
    store = MemoryStore()
    for number in range(data.draw(st.integers(1, 3))):
        frames = data.draw(st.lists(st.one_of(st.sampled_from(FRAMES), hostile_frames()), max_size=8))
        packed = gzip.compress(b"".join(frames), 1, mtime=0)
        store.put(f"{KEY}{number}", data.draw(st.one_of(st.just(packed), mutated(packed), st.binary(max_size=99))))
    recovery = recover(store, SYMBOL, environment=Environment.LIVE, now_ns=lambda: 0)
    recovery.venue.check()
    assert recovery.venue.seq == recovery.seq == recovery.account.seq
    assert recovery.status == "damaged" or recovery.account.gaps == recovery.account.conflicts == 0


def test_a_seq_beyond_63_bits_is_a_bad_header() -> None:
    raw, _ = encode_frame(bytes(48), environment=1, epoch=1, symbol=SYMBOL, first_seq=(1 << 63) - 1)
    with pytest.raises(FrameError, match="first_seq from 1"):
        decode_frame(raw)


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bomb(piece: bytes, size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = piece * (MIB // len(piece))
    return b"".join([*(packer.compress(block) for _ in range(size // MIB)), packer.flush()])


CLAIM = struct.pack("<4sHBBI8sQIHHI32s", MAGIC, 1, 1, 0, 1, b"AAL", 1, 20_000, 0, 0, 960_000, bytes(32))
FOREIGN, _ = encode_frame(b"", environment=1, epoch=1, symbol="MSFT", first_seq=1)
BOMBS = {
    "zeros": (bytes(64), 32),
    "magic after magic": (MAGIC, 32),
    "headers that claim a megabyte each": (CLAIM, 32),
    "frames of another symbol": (FOREIGN, 32),
    "the same frame": (FRAMES[0], 1),
    "frames that begin late": (FRAMES[3], 1),
}


@pytest.mark.parametrize(("piece", "mib"), BOMBS.values(), ids=BOMBS)
def test_a_few_kilobytes_that_unpack_to_megabytes_cost_neither_memory_nor_a_million_damages(
    piece: bytes, mib: int
) -> None:
    store = MemoryStore()
    store.put(KEY, bomb(piece, mib * MIB))
    found = []

    def read() -> None:
        found.append(recover(store, SYMBOL, environment=Environment.LIVE, now_ns=lambda: 0))

    assert peak(read) < 8 * MIB
    damages = found[0].account.damages
    assert len(damages) <= MAX_DAMAGES + 2
    assert (found[0].status == "damaged") == bool(damages) == (piece != FRAMES[0])


def test_a_row_of_empty_gzip_files_is_read_to_its_end() -> None:
    store = MemoryStore()
    store.put(KEY, gzip.compress(b"", mtime=0) * 5000 + gzip.compress(b"".join(FRAMES)))
    recovery = recover(store, SYMBOL, environment=Environment.LIVE, now_ns=lambda: 0)
    assert (recovery.status, recovery.digest) == ("recovered", LIVE.digest())


SNAPSHOT = Snapshot(
    symbol=SYMBOL,
    environment=1,
    epoch=1,
    seq=LIVE.seq,
    taken_ns=1,
    digest=LIVE.digest(),
    last_frame=bytes(32),
    canonical=LIVE.canonical_bytes(),
)


@given(canonical=mutated(SNAPSHOT.canonical))
def test_a_state_is_refused_or_gives_its_bytes_back(canonical: bytes) -> None:
    try:
        venue = restore(canonical)
    except StateError:
        return
    assert venue.canonical_bytes() == canonical
    venue.check()


@given(data=st.data())
def test_a_snapshot_with_good_checksums_is_refused_or_is_what_it_says(data: st.DataObject) -> None:
    canonical = data.draw(mutated(SNAPSHOT.canonical))
    raw = encode_snapshot(msgspec.structs.replace(SNAPSHOT, canonical=canonical, digest=blake3(canonical).digest()))
    header = data.draw(mutated(raw[:-32]))
    raw = header + blake3(header).digest() if data.draw(st.booleans()) else raw
    try:
        snapshot = decode_snapshot(raw)
        venue = snapshot.venue()
    except SnapshotError:
        return
    assert (venue.seq, venue.symbol, venue.digest()) == (snapshot.seq, snapshot.symbol, snapshot.digest)


def test_a_state_takes_a_small_multiple_of_its_bytes() -> None:
    venue = Venue(SYMBOL)
    for seq, command in enumerate(quotes(4000), 1):
        venue.apply(seq, command)
    canonical = venue.canonical_bytes()
    assert peak(lambda: restore(canonical)) < 64 * len(canonical)
    claim = canonical[:90] + b"\xff\xff\xff\xff" + canonical[94:]  # where the bids are counted: four thousand million
    assert peak(lambda: refused(claim)) < MIB


def refused(canonical: bytes) -> None:
    with pytest.raises(StateError, match="4294967295 buy orders"):
        restore(canonical)


RECORD = msgspec.json.encode(Opened(2, "a site", "0", "a task", (Link(1), Link(2, 20, "00" * 32))))


@given(raw=st.one_of(mutated(RECORD), st.binary(max_size=100), st.just(b'{"x":' + b"[" * 100_000)))
def test_a_record_of_an_opening_is_refused_or_a_lineage(raw: bytes) -> None:
    recovered, journal = MemoryStore(), MemoryStore()
    recovered.put(opened_key(2, SYMBOL), raw)
    try:
        links = read_lineage(recovered, journal, SYMBOL, 2)
    except LineageError:
        return
    assert links[-1].epoch == 2
    assert [link.epoch for link in links] == sorted({link.epoch for link in links})
