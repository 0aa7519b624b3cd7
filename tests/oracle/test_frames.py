"""The oracle's frame decoder on bytes written out by hand, field by field, from the layout."""

from __future__ import annotations

import gzip

import pytest
from blake3 import blake3

from oracle.frames import read_frames

COMMAND = bytes.fromhex(
    "0102030405060700"  # ts_ns
    "1100000000000100"  # command_id: member 1, number 17
    "0500000000000100"  # target_id: member 1, number 5
    "feffffffffffffff"  # price -2
    "0a000000"  # qty 10
    "0700"  # customer
    "03 01 00 02 03"  # replace, sell, limit, ioc, canary and post only
    "0000000000"
)
CHECKPOINT = bytes.fromhex("2a00000000000000" + "ab" * 32)
HEADER = bytes.fromhex(
    "41455846 0100 02 00"  # AEXF, version 1, DRILL, reserved
    "03000000"  # epoch
    "5a5a543100000000"  # ZZT1
    "2a00000000000000"  # first seq 42
    "01000000 0100 0000"  # one command, one checkpoint, reserved
    "58000000" + "cd" * 32  # payload: 48 + 40 bytes  # previous frame
)
FRAME = HEADER + COMMAND + CHECKPOINT + bytes.fromhex("3f330bd9")
DIGEST = "9699c73dbc90f68f9434f4c10b782995a5d26e4a83e9904dc15d65342f7327b8"
MEMBER = 1 << 48


def test_every_field_is_where_the_layout_says() -> None:
    (frame,) = read_frames(FRAME)
    assert frame._asdict() == {
        "environment": 2,
        "epoch": 3,
        "symbol": "ZZT1",
        "first_seq": 42,
        "commands": [
            {
                "ts_ns": 0x0007060504030201,
                "command_id": MEMBER + 17,
                "target_id": MEMBER + 5,
                "price": -2,
                "qty": 10,
                "customer": 7,
                "kind": 3,
                "side": 1,
                "type": 0,
                "tif": 2,
                "flags": 3,
            }
        ],
        "checkpoints": {42: b"\xab" * 32},
        "previous": b"\xcd" * 32,
        "digest": bytes.fromhex(DIGEST),
    }


def test_the_digest_is_of_the_whole_frame_its_checksum_included() -> None:
    assert blake3(FRAME).hexdigest() == DIGEST


def test_an_object_is_a_row_of_frames() -> None:
    assert [frame.first_seq for frame in read_frames(FRAME * 3)] == [42, 42, 42]
    assert list(read_frames(b"")) == []


DAMAGED = {
    "another magic": (b"B" + FRAME[1:], "no frame of version 1 at offset 0"),
    "another version": (FRAME[:4] + b"\2" + FRAME[5:], "no frame of version 1 at offset 0"),
    "still compressed": (gzip.compress(FRAME), "no frame of version 1 at offset 0"),
    "cut short": (FRAME[:-1], "frame at offset 0 ends early"),
    "a flipped bit in the price": (FRAME[:96] + b"\xff" + FRAME[97:], "frame at offset 0 fails its checksum"),
    "a flipped bit in the epoch": (FRAME[:8] + b"\2" + FRAME[9:], "frame at offset 0 fails its checksum"),
    "rubbish behind a frame": (FRAME + b"rubbish", "no frame of version 1 at offset 164"),
    "a second frame cut short": (FRAME + FRAME[:100], "frame at offset 164 ends early"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_whatever_is_no_row_of_whole_frames_is_refused_with_its_offset(name: str) -> None:
    raw, said = DAMAGED[name]
    with pytest.raises(ValueError, match=said):
        list(read_frames(raw))
