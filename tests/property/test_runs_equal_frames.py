"""A journal read in runs is the journal read frame by frame: same commands, checkpoints, account and anchor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import GENESIS, Checkpoint, Frame, decode_frame, encode_frame
from engine.given import PLACE, GivenFrames
from engine.journal import JournalReader
from engine.runs import Run, RunScanner
from tests.engine.written_journal import SYMBOL, quotes, stored, written
from tests.property.test_hostile_bytes import mutated
from tests.property.test_replay_is_order_free import arrivals

FRAMES, _ = written(quotes(120), per_frame=5, empty_every=4)
DECODED = [decode_frame(raw) for raw in FRAMES]


def told(reader: JournalReader, given_out: Iterable[Frame | Run]) -> tuple[bytes, list[Checkpoint], Any, Frame | None]:
    """Everything that a reader says."""
    commands, checkpoints = b"", list[Checkpoint]()
    for one in given_out:
        assert one.first_seq == reader.account.seq + 1 - one.count
        commands += bytes(one.commands)
        checkpoints += one.checkpoints
    return commands, checkpoints, msgspec.to_builtins(reader.account), reader.anchor


def hold_equal(objects: list[bytes], **options: Any) -> None:
    by_frame, by_run = (
        JournalReader(stored(objects), SYMBOL, environment=1, window_bytes=600, recent_frames=2, **options)
        for _ in range(2)
    )
    assert told(by_run, by_run.runs()) == told(by_frame, iter(by_frame))


@st.composite
def starts(draw: st.DrawFn) -> dict[str, Any]:
    """Where a reader begins, where it ends, and what epoch it asks for."""
    options: dict[str, Any] = {"epoch": draw(st.sampled_from((None, 1, 1, 2)))}
    if draw(st.booleans()):
        first = draw(st.sampled_from(DECODED))
        options |= {"after_seq": first.next_seq - 1, "after_frame": first.digest}
    if draw(st.integers(0, 3)) == 0:
        options["fence_seq"] = draw(st.integers(0, 130))
    return options


@given(data=st.data(), options=starts())
def test_any_arrival_reads_the_same(data: st.DataObject, options: dict[str, Any]) -> None:
    hold_equal(data.draw(arrivals(FRAMES)), **options)


@given(data=st.data(), options=starts())
def test_damaged_bytes_read_the_same(data: st.DataObject, options: dict[str, Any]) -> None:
    cut = data.draw(st.integers(1, len(FRAMES) - 1))
    objects = [b"".join(FRAMES[:cut]), b"".join(FRAMES[cut:])]
    hold_equal([data.draw(mutated(content)) for content in objects], **options)


def test_in_order_it_is_one_run_an_object() -> None:
    reader = JournalReader(stored([b"".join(FRAMES[:15]), b"".join(FRAMES[15:])]), SYMBOL, environment=1)
    runs = list(reader.runs())
    assert [type(run) for run in runs] == [Run, Run]
    assert (reader.account.frames, reader.account.damages) == (len(FRAMES), [])


def test_frames_of_every_size_have_the_digest_that_the_writer_computed() -> None:
    previous, seq, raw, digests = GENESIS, 1, bytearray(), []
    packed = b"".join(command.pack() for command in quotes(21_000))
    for count in (0, 1, 19, 20, 21, 40, 41, 42, 62, 63, 64, 84, 85, 86, 150, 1000, 21_000, 3):
        image, previous = encode_frame(
            packed[: 48 * count], environment=1, epoch=1, symbol=SYMBOL, first_seq=seq, previous=previous
        )
        raw += image
        digests.append((seq, previous))
        seq += count
    run, end = RunScanner(SYMBOL, environment=1, epoch=None, fence_seq=None).run(raw, 0, 1, GENESIS)
    assert run is not None
    assert (end, run.digest, list(PLACE.iter_unpack(run.places))) == (len(raw), previous, digests)


@given(seqs=st.lists(st.integers(0, 3), max_size=30), recent=st.integers(1, 4), asked=st.integers(0, 40))
def test_what_was_given_is_known_and_nothing_else(seqs: list[int], recent: int, asked: int) -> None:
    given_frames, known, seq = GivenFrames(recent=recent), set(), 1
    for number, step in enumerate(seqs):
        seq += step
        known.add((seq, bytes([number]) * 32))
        given_frames.add(PLACE.pack(seq, bytes([number]) * 32))
    for number in range(len(seqs) + 1):
        identity = (asked, bytes([number]) * 32)
        assert given_frames.has(*identity) == (identity in known)
    assert all(given_frames.has(*identity) for identity in known)
    given_frames.close()
