"""Frames, version 1: the journal's unit of writing, self-delimiting, idempotent and free of order.

Little-endian layout::

    header   <4sHBBI8sQIHHI32s   72 bytes
      magic b"AEXF" · version 1 · environment · reserved 0 · epoch · symbol (NUL padded) · first_seq · count of commands
      · count of checkpoints · reserved 0 · payload length · blake3 of the previous frame (zeros at genesis)
    payload  count x 48 bytes of commands, then checkpoints x <Q32s (seq, digest after it)
    trailer  <I crc32c of header and payload

A frame's own digest is blake3 over all of its bytes, trailer included; the next frame carries it. The version is the
reader's key: a successor keeps magic and version where they are and may change everything behind them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import google_crc32c
import msgspec
from blake3 import blake3

from engine.errors import FrameError
from engine.messages import COMMAND, COMMAND_SIZE, Command, CommandFlag, Environment, Kind, OrderType, Side, TimeInForce

__all__ = [
    "GENESIS",
    "HEADER_SIZE",
    "MAGIC",
    "MAX_FRAME",
    "Checkpoint",
    "Frame",
    "decode_frame",
    "encode_again",
    "encode_frame",
    "frame_size",
]

MAGIC: Final = b"AEXF"
VERSION: Final = 1
GENESIS: Final = bytes(32)
"""What the first frame of a symbol names as its predecessor."""

MAX_FRAME: Final = 1_024_000
"""Largest frame in bytes: a Firehose record may hold 1,000 KiB."""

LAST_SEQ: Final = (1 << 63) - 1
"""No command has a higher seq: stores and databases count in signed 64 bits."""

_HEADER: Final = struct.Struct("<4sHBBI8sQIHHI32s")
HEADER_SIZE: Final = _HEADER.size
_CHECKPOINT: Final = struct.Struct("<Q32s")
_TRAILER: Final = struct.Struct("<I")
_ENVIRONMENTS: Final = frozenset(int(environment) for environment in Environment)

_ENUMERATED: Final = tuple(
    (name, offset, bytes(values))
    for name, offset, values in (
        ("kind", 38, [int(kind) for kind in Kind]),
        ("side", 39, [int(side) for side in Side]),
        ("type", 40, [int(order_type) for order_type in OrderType]),
        ("tif", 41, [int(tif) for tif in TimeInForce]),
        ("flags", 42, range((CommandFlag.CANARY | CommandFlag.POST_ONLY) + 1)),
    )
)


class Checkpoint(msgspec.Struct, frozen=True):
    """The digest of a symbol's state right after `seq` was applied."""

    seq: int
    digest: bytes


class Frame(msgspec.Struct, frozen=True):
    """A verified frame; `commands` are the packed 48-byte records, `digest` is the frame's own."""

    environment: int
    epoch: int
    symbol: str
    first_seq: int
    count: int
    previous: bytes
    commands: bytes
    checkpoints: tuple[Checkpoint, ...]
    digest: bytes
    size: int

    @property
    def next_seq(self) -> int:
        """The seq that follows this frame's last command."""
        return self.first_seq + self.count

    def unpacked(self) -> Iterator[Command]:
        """The commands, in order of seq."""
        for fields in COMMAND.iter_unpack(self.commands):
            yield Command(*fields)


def encode_frame(
    commands: Sequence[bytes] | bytes,
    *,
    environment: int,
    epoch: int,
    symbol: str,
    first_seq: int,
    previous: bytes = GENESIS,
    checkpoints: Sequence[Checkpoint] = (),
) -> tuple[bytes, bytes]:
    """Encode packed commands (`Command.pack`) as one frame; returns its bytes and its digest for the next frame.

    Raises:
        ValueError: the frame would be larger than `MAX_FRAME`, or a command is not 48 bytes.
    """
    packed = commands if isinstance(commands, bytes) else b"".join(commands)
    if len(packed) % COMMAND_SIZE:
        raise ValueError(f"encode frame {symbol} {first_seq}: {len(packed)} bytes are no whole number of commands")
    payload = packed + b"".join(_CHECKPOINT.pack(mark.seq, mark.digest) for mark in checkpoints)
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        environment,
        0,
        epoch,
        symbol.encode(),
        first_seq,
        len(packed) // COMMAND_SIZE,
        len(checkpoints),
        0,
        len(payload),
        previous,
    )
    body = header + payload
    raw = body + _TRAILER.pack(google_crc32c.value(body))
    if len(raw) > MAX_FRAME:
        raise ValueError(f"encode frame {symbol} {first_seq}: {len(raw)} bytes, a record holds {MAX_FRAME}")
    return raw, blake3(raw).digest()


def encode_again(frame: Frame) -> tuple[bytes, bytes]:
    """Encode a frame that was read: its bytes and digest, the same as before if today's version wrote it."""
    return encode_frame(
        frame.commands,
        environment=frame.environment,
        epoch=frame.epoch,
        symbol=frame.symbol,
        first_seq=frame.first_seq,
        previous=frame.previous,
        checkpoints=frame.checkpoints,
    )


def frame_size(raw: bytes | bytearray, offset: int = 0) -> int:
    """The length in bytes of the frame whose header stands at `offset`; the header must be complete.

    Raises:
        FrameError: `bad_header`, the bytes there are no header of this version.
    """
    magic, version, _, zero, _, _, seq, count, marks, reserved, length, _ = _HEADER.unpack_from(raw, offset)
    rules = (
        (magic == MAGIC, f"magic {MAGIC!r}", f"{magic!r}"),
        (version == VERSION, f"version {VERSION}", f"version {version}"),
        (zero == 0 and reserved == 0, "reserved 0", f"reserved {zero}, {reserved}"),
        (1 <= seq <= LAST_SEQ - count, f"first_seq from 1 to {LAST_SEQ - count}", f"first_seq {seq}"),
        (
            length == count * COMMAND_SIZE + marks * _CHECKPOINT.size,
            f"payload of {count} commands and {marks} checkpoints",
            f"payload of {length} bytes",
        ),
        (length <= MAX_FRAME - HEADER_SIZE - _TRAILER.size, f"at most {MAX_FRAME} bytes", f"payload of {length} bytes"),
    )
    for holds, expected, found in rules:
        if not holds:
            raise FrameError("bad_header", offset=offset, expected=expected, found=found)
    return HEADER_SIZE + int(length) + _TRAILER.size


def decode_frame(raw: bytes, offset: int = 0) -> Frame:
    """Read and verify the frame at `offset`.

    Raises:
        FrameError: `truncated`, `bad_header` or `checksum`; nothing else, whatever the bytes are.
    """
    if len(raw) - offset < HEADER_SIZE:
        found = f"{len(raw) - offset} bytes"
        raise FrameError("truncated", offset=offset, expected=f"a header of {HEADER_SIZE} bytes", found=found)
    size = frame_size(raw, offset)
    image = raw[offset : offset + size]
    _, _, environment, _, epoch, name, first_seq, count, marks, _, _, previous = _HEADER.unpack_from(image)
    if len(image) < size:
        raise FrameError(
            "truncated", offset=offset, expected=f"{size} bytes", found=f"{len(image)} bytes", size=size, seq=first_seq
        )
    body_size = size - _TRAILER.size
    (written,) = _TRAILER.unpack_from(image, body_size)
    computed = google_crc32c.value(image[:body_size])
    if written != computed:
        raise FrameError(
            "checksum", offset=offset, expected=f"{written:08x}", found=f"{computed:08x}", size=size, seq=first_seq
        )
    commands = image[HEADER_SIZE : HEADER_SIZE + count * COMMAND_SIZE]
    frame = Frame(
        environment=environment,
        epoch=epoch,
        symbol=name.rstrip(b"\0").decode("latin-1"),  # refused below where it is not ASCII
        first_seq=first_seq,
        count=count,
        previous=previous,
        commands=commands,
        checkpoints=_checkpoints(image, HEADER_SIZE + len(commands), marks),
        digest=blake3(image).digest(),
        size=size,
    )
    _hold_vocabulary(frame, offset)
    return frame


def _checkpoints(image: bytes, start: int, marks: int) -> tuple[Checkpoint, ...]:
    if not marks:
        return ()
    stop = start + marks * _CHECKPOINT.size
    return tuple(Checkpoint(seq, digest) for seq, digest in _CHECKPOINT.iter_unpack(image[start:stop]))


def _hold_vocabulary(frame: Frame, offset: int) -> None:
    """A checksum vouches for the bytes, not for their meaning: refuse values that this version does not know."""
    commands = frame.commands
    faults = [
        (f"{name} in {values.hex()}", f"{bytes(unknown).hex()}")
        for name, position, values in _ENUMERATED
        if (unknown := commands[position::COMMAND_SIZE].translate(None, values))
    ]
    if not frame.symbol.isascii():
        faults.append(("a symbol in ASCII", ascii(frame.symbol)))
    if frame.environment not in _ENVIRONMENTS:
        faults.append(("environment 1 or 2", f"{frame.environment}"))
    faults += [
        (f"checkpoint within seq {frame.first_seq - 1} to {frame.next_seq - 1}", f"checkpoint at seq {mark.seq}")
        for mark in frame.checkpoints
        if not frame.first_seq - 1 <= mark.seq < frame.next_seq
    ]
    for expected, found in faults:
        raise FrameError(
            "bad_header", offset=offset, expected=expected, found=found, size=frame.size, seq=frame.first_seq
        )
