"""Stored journal objects, as far as their published format goes: gzip over frames of one symbol.

Enough to find a frame and to damage it knowingly. Nothing of the engine is imported: a witness reads the format from
its description, as any outsider would.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass

import google_crc32c

HEADER = struct.Struct("<4sHBBI8sQIHHI32s")
"""magic, version, environment, reserved, epoch, symbol, first_seq, count, checkpoints, reserved, payload_len,
previous frame's digest."""
TRAILER = struct.Struct("<I")
MAGIC = b"AEXF"
COMMAND_BYTES = 48
PRICE = struct.Struct("<q")
PRICE_AT = 24
"""Offset of the price in a command."""
KIND_AT = 38
NEW = 1


class UnreadableObjectError(ValueError):
    """A stored object is not what the format says: names the object and the offset."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame lies in the unpacked object, and which commands it carries."""

    offset: int
    size: int
    symbol: str
    first_seq: int
    count: int

    @property
    def last_seq(self) -> int:
        """The last command's seq; first_seq - 1 for a frame without commands."""
        return self.first_seq + self.count - 1

    def command_at(self, index: int) -> int:
        """Offset of a command's first byte in the unpacked object."""
        return self.offset + HEADER.size + index * COMMAND_BYTES


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A journal object, unpacked."""

    key: str
    content: bytes
    frames: tuple[Frame, ...]

    @property
    def seqs(self) -> frozenset[int]:
        """Seqs of all its commands."""
        return frozenset(seq for frame in self.frames for seq in range(frame.first_seq, frame.last_seq + 1))


def unpack(key: str, stored: bytes) -> StoredObject:
    """Unpack an object that is whole; raises UnreadableObjectError otherwise."""
    try:
        content = gzip.decompress(stored)
    except (OSError, EOFError) as error:
        raise UnreadableObjectError(f"{key}: not gzip: {error}") from error
    frames: list[Frame] = []
    offset = 0
    while offset < len(content):
        try:
            magic, _, _, _, _, symbol, first, count, _, _, length, _ = HEADER.unpack_from(content, offset)
        except struct.error as error:
            raise UnreadableObjectError(f"{key}: no frame header at {offset}: {error}") from error
        size = HEADER.size + length + TRAILER.size
        if magic != MAGIC or offset + size > len(content):
            raise UnreadableObjectError(f"{key}: no whole frame at {offset}")
        frames.append(Frame(offset, size, symbol.rstrip(b"\0").decode("ascii"), first, count))
        offset += size
    return StoredObject(key, content, tuple(frames))


def pack(content: bytes) -> bytes:
    """Gzip frames as an object is stored (mtime 0)."""
    return gzip.compress(content, mtime=0)


def with_flipped_bit(content: bytes, at: int, bit: int) -> bytes:
    """One bit of one byte changed; checksums stay as they were, and are now wrong."""
    return content[:at] + bytes((content[at] ^ (1 << bit),)) + content[at + 1 :]


def new_commands(stored: StoredObject, frame: Frame) -> list[int]:
    """Indexes of the frame's NEW commands: orders whose price matters."""
    return [index for index in range(frame.count) if stored.content[frame.command_at(index) + KIND_AT] == NEW]


def with_altered_price(stored: StoredObject, frame: Frame, index: int) -> bytes:
    """The frame's bytes with one price a tick higher and the checksum recomputed: it looks valid by itself."""
    body = bytearray(stored.content[frame.offset : frame.offset + frame.size - TRAILER.size])
    at = frame.command_at(index) - frame.offset + PRICE_AT
    PRICE.pack_into(body, at, PRICE.unpack_from(body, at)[0] + 1)
    return bytes(body) + TRAILER.pack(google_crc32c.value(bytes(body)))
