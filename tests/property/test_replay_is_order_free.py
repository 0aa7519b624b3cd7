from __future__ import annotations

import gzip
import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.fill import FILL
from engine.journal import JournalReader
from engine.messages import Command, Environment
from engine.replay import recover
from engine.storage import MemoryStore
from engine.venue import Venue
from tests.engine.written_journal import SYMBOL, quotes, stored, written
from tests.property.flows import flows


@st.composite
def arrivals(draw: st.DrawFn, frames: list[bytes]) -> list[bytes]:
    """The frames in any order, some of them repeated, cut into objects anywhere between frames."""
    repeated = draw(st.lists(st.sampled_from(range(len(frames))), max_size=10))
    order = draw(st.permutations([*range(len(frames)), *repeated]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)))) | {0, len(order)})
    return [b"".join(frames[index] for index in order[a:b]) for a, b in pairwise(cuts)]


@given(data=st.data(), flow=flows(), per_frame=st.integers(1, 7), window=st.sampled_from((1, 300, 1 << 20)))
def test_any_arrival_gives_the_digest_of_the_venue_that_traded(
    data: st.DataObject, flow: list[Command], per_frame: int, window: int
) -> None:
    frames, live = written(flow, per_frame=per_frame, empty_every=3)
    store = stored(data.draw(arrivals(frames)))
    reader = JournalReader(store, SYMBOL, environment=Environment.LIVE, window_bytes=window, recent_frames=2)
    venue = Venue(SYMBOL)
    for frame in reader:
        for seq, command in enumerate(frame.unpacked(), start=frame.first_seq):
            venue.apply(seq, command)
    assert venue.digest() == live.digest()
    assert (reader.account.damages, reader.account.seq) == ([], len(flow))
    assert reader.account.duplicates == reader.account.frames - len(frames)


@given(data=st.data(), flow=flows())
def test_recovery_repeats_every_fill_and_every_checkpoint(data: st.DataObject, flow: list[Command]) -> None:
    frames, live = written(flow)
    packed: list[bytes] = []
    store = stored(data.draw(arrivals(frames)))
    recovery = recover(store, SYMBOL, environment=1, now_ns=lambda: 0, on_fills=packed.append)
    venue, expected = Venue(SYMBOL), []
    for seq, command in enumerate(flow, start=1):
        for number, fill in enumerate(venue.apply(seq, command).fills):
            expected.append((seq, number, *fill, command.flags & 1))
    assert list(FILL.iter_unpack(b"".join(packed))) == expected
    assert (recovery.status, recovery.digest, recovery.fills) == ("recovered", live.digest(), len(expected))
    assert (recovery.checkpoints, recovery.disagreements) == (len(flow) // 5, 0)


@given(data=st.data(), flow=flows())
def test_a_journal_that_lost_frames_is_never_called_recovered_unless_the_loss_is_its_end(
    data: st.DataObject, flow: list[Command]
) -> None:
    frames, _ = written(flow, per_frame=2)
    lost = data.draw(st.sets(st.integers(0, len(frames) - 1), min_size=1))
    kept = [frame for number, frame in enumerate(frames) if number not in lost]
    recovery = recover(stored(data.draw(st.permutations(kept))), SYMBOL, environment=1, now_ns=lambda: 0)
    first = min(lost)
    assert recovery.seq == 2 * first
    assert (recovery.status == "recovered") == (lost == set(range(first, len(frames))))


@given(data=st.data(), flow=flows(max_size=20))
def test_damaged_bytes_never_raise_and_are_never_silent(data: st.DataObject, flow: list[Command]) -> None:
    frames, live = written(flow, per_frame=3)
    whole = bytearray(b"".join(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    recovery = recover(stored([bytes(whole)]), SYMBOL, environment=1, now_ns=lambda: 0)
    assert recovery.status == "damaged"
    assert recovery.seq <= live.seq


@given(data=st.data())
def test_damaged_compression_never_raises_and_is_never_silent(data: st.DataObject) -> None:
    frames, live = written(quotes(20))
    raw = bytearray(gzip.compress(b"".join(frames), mtime=0))
    at = data.draw(st.integers(10, len(raw) - 1))  # the first ten bytes hold time and system, which mean nothing
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    store = MemoryStore()
    store.put(f"symbol={SYMBOL}/one.gz", bytes(raw))
    recovery = recover(store, SYMBOL, environment=1, now_ns=lambda: 0)
    assert recovery.status == "damaged" or recovery.digest == live.digest()


def peak_while_reading(frames: list[bytes], *, shape: str) -> int:
    arrangements = {
        "in order": frames,
        "backwards": frames[::-1],
        "twice": frames + frames,
        "without its first frame": frames[1:],
    }
    arranged = arrangements[shape]
    store = stored(b"".join(arranged[start : start + 20]) for start in range(0, len(arranged), 20))
    reader = JournalReader(store, SYMBOL, environment=1, window_bytes=64 << 10, recent_frames=16)
    tracemalloc.start()
    try:
        for _ in reader:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_journal_whatever_the_arrival() -> None:
    frames, _ = written(quotes(40_000), per_frame=40, checkpoint_every=1 << 30)
    for shape in ("in order", "backwards", "twice", "without its first frame"):
        short = peak_while_reading(frames[:100], shape=shape)
        long = peak_while_reading(frames, shape=shape)
        assert long < 1.5 * short, f"{shape}: {short} bytes for 100 frames, {long} for 1000"
