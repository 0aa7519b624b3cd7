from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.codec import MAX_FRAME, decode_frame, encode_frame
from engine.errors import FrameError
from engine.messages import Command
from oracle.frames import read_frames
from tests.engine.written_journal import quotes, written
from tests.property.flows import flows

FRAME = written(quotes(6), per_frame=6)[0][0]


@given(raw=st.binary(max_size=300))
@example(raw=b"")
@example(raw=b"AEXF")
@example(raw=FRAME[:72])
def test_random_bytes_are_a_frame_error(raw: bytes) -> None:
    with pytest.raises(FrameError):
        decode_frame(raw)


@given(changes=st.dictionaries(st.integers(0, len(FRAME) - 1), st.integers(0, 255), max_size=4), cut=st.integers(0, 40))
def test_a_mutated_frame_is_a_frame_error_or_the_frame(changes: dict[int, int], cut: int) -> None:
    mutated = bytearray(FRAME)
    for position, value in changes.items():
        mutated[position] = value
    raw = bytes(mutated[: len(mutated) - cut])
    if raw == FRAME:
        assert decode_frame(raw) == decode_frame(FRAME)
    else:
        with pytest.raises(FrameError) as caught:
            decode_frame(raw)
        assert caught.value.kind in {"truncated", "bad_header", "checksum"}
        assert caught.value.expected != caught.value.found


@given(flow=flows())
def test_two_decoders_read_the_same(flow: list[Command]) -> None:
    frames, _ = written(flow, per_frame=7)
    plain = list(read_frames(b"".join(frames)))
    for raw, theirs in zip(frames, plain, strict=True):
        ours = decode_frame(raw)
        assert [msgspec.structs.asdict(command) for command in ours.unpacked()] == theirs.commands
        assert {mark.seq: mark.digest for mark in ours.checkpoints} == theirs.checkpoints
        assert (ours.environment, ours.epoch, ours.symbol, ours.first_seq, ours.previous, ours.digest) == (
            theirs.environment,
            theirs.epoch,
            theirs.symbol,
            theirs.first_seq,
            theirs.previous,
            theirs.digest,
        )


def test_a_frame_larger_than_a_record_is_not_written() -> None:
    with pytest.raises(ValueError, match="a record holds"):
        encode_frame(bytes(48) * (MAX_FRAME // 48 + 1), environment=1, epoch=1, symbol="AAL", first_seq=1)
