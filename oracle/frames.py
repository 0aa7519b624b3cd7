"""A second decoder of journal frames: one pass over a whole uncompressed object, one rule a line.

Written from the layout alone (see docs of the journal format): it shares nothing with the engine's decoder, so that an
error in one of them shows as a disagreement.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import google_crc32c
from blake3 import blake3

__all__ = ["OracleFrame", "read_frames"]


class OracleFrame(NamedTuple):
    """A frame as plain values; commands are dictionaries, checkpoints map seq to digest."""

    environment: int
    epoch: int
    symbol: str
    first_seq: int
    commands: list[dict[str, int]]
    checkpoints: dict[int, bytes]
    previous: bytes
    digest: bytes


_FIELDS = (
    ("ts_ns", 0, 8, True),
    ("command_id", 8, 8, False),
    ("target_id", 16, 8, False),
    ("price", 24, 8, True),
    ("qty", 32, 4, False),
    ("customer", 36, 2, False),
    ("kind", 38, 1, False),
    ("side", 39, 1, False),
    ("type", 40, 1, False),
    ("tif", 41, 1, False),
    ("flags", 42, 1, False),
)


def read_frames(uncompressed: bytes) -> Iterator[OracleFrame]:
    """The frames of an uncompressed object.

    Raises:
        ValueError: the bytes are no row of whole, intact frames; the message names the offset.
    """
    start = 0
    while start < len(uncompressed):
        rest = uncompressed[start:]
        if rest[:4] != b"AEXF" or int.from_bytes(rest[4:6], "little") != 1:
            raise ValueError(f"no frame of version 1 at offset {start}")
        length = 72 + int.from_bytes(rest[36:40], "little") + 4
        image = rest[:length]
        if len(image) < length:
            raise ValueError(f"frame at offset {start} ends early")
        if struct.pack("<I", google_crc32c.value(image[:-4])) != image[-4:]:
            raise ValueError(f"frame at offset {start} fails its checksum")
        yield _read_frame(image)
        start += length


def _read_frame(image: bytes) -> OracleFrame:
    count = int.from_bytes(image[28:32], "little")
    marks = int.from_bytes(image[32:34], "little")
    behind = 72 + 48 * count
    checkpoints = [image[behind + 40 * index : behind + 40 * index + 40] for index in range(marks)]
    return OracleFrame(
        environment=image[6],
        epoch=int.from_bytes(image[8:12], "little"),
        symbol=image[12:20].strip(b"\0").decode("ascii"),
        first_seq=int.from_bytes(image[20:28], "little"),
        commands=[_read_command(image[72 + 48 * index : 120 + 48 * index]) for index in range(count)],
        checkpoints={int.from_bytes(mark[:8], "little"): mark[8:] for mark in checkpoints},
        previous=image[40:72],
        digest=blake3(image).digest(),
    )


def _read_command(record: bytes) -> dict[str, int]:
    return {
        name: int.from_bytes(record[at : at + width], "little", signed=signed) for name, at, width, signed in _FIELDS
    }
