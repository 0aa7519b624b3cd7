"""A snapshot: one symbol's whole state in a file, so that recovery need not begin at genesis.

Little-endian, version 1::

    header    <4sBBHI8sQq32s32sQ  b"AEXP", version 1, environment, 0, epoch, symbol (NUL padded), seq of the last
                                  command applied, moment (UTC ns), digest of the state, digest of the journal's last
                                  frame, length of the state
    state     canonical bytes of the venue (`engine.canonical`), from which `engine.restore` makes an equal one
    checksum  32s                 blake3 of header and state

A snapshot stands at the end of a frame, and that frame carries a checkpoint of the same seq and digest: the journal
vouches for the snapshot, so one that was forged with a good checksum is found out all the same
(`engine.snapshot_shelf`). A file is checked when it was written and when it is read; nothing here believes a length
before it has been held against the bytes that are there.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec
from blake3 import blake3

from engine.canonical import HEADER
from engine.errors import SnapshotError, StateError
from engine.restore import restore
from engine.venue import Venue

__all__ = ["Snapshot", "decode_snapshot", "encode_snapshot", "seq_of_key", "snapshot_folder", "snapshot_key"]

_MAGIC: Final = b"AEXP"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sBBHI8sQq32s32sQ")
_CHECKSUM_SIZE: Final = 32
_SUFFIX: Final = ".snap"
_SEQ_DIGITS: Final = 20


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. `taken_ns` is the engine's clock when the state was `canonical`, UTC."""

    symbol: str
    environment: int
    epoch: int
    seq: int
    taken_ns: int
    digest: bytes
    last_frame: bytes
    canonical: bytes

    def state(self) -> bytes:
        """The state's bytes, checked against everything that the header says about them.

        Raises:
            SnapshotError: they are another state's than the header's.
        """
        self._hold("digest", self.digest.hex(), blake3(self.canonical).hexdigest())
        if len(self.canonical) >= HEADER.size:  # else no state at all, as whoever reads it will say
            _, _, name, seq, *_ = HEADER.unpack_from(self.canonical)
            self._hold("symbol", self.symbol, name.rstrip(b"\0").decode("ascii", "backslashreplace"))
            self._hold("seq", str(self.seq), str(seq))
        return self.canonical

    def venue(self) -> Venue:
        """The state itself.

        Raises:
            SnapshotError: the state is none, or another one than the header's.
        """
        try:
            return restore(self.state())
        except StateError as error:
            raise self.broken(error) from error

    def broken(self, error: StateError) -> SnapshotError:
        """What to raise where the state's bytes turned out to be none."""
        return _broken(self._place(), str(error))

    def _hold(self, what: str, expected: str, found: str) -> None:
        if expected != found:
            raise _broken(self._place(), f"{what}: the header says {expected}, the state {found}")

    def _place(self) -> str:
        return f"{self.symbol} seq {self.seq}"


def snapshot_folder(epoch: int, symbol: str) -> str:
    """Where a symbol's snapshots of one epoch are, relative to `.../snapshots/`."""
    return f"epoch={epoch}/symbol={symbol}/"


def snapshot_key(epoch: int, symbol: str, seq: int) -> str:
    """The key of one snapshot; by name they sort by seq."""
    return f"{snapshot_folder(epoch, symbol)}{seq:0{_SEQ_DIGITS}}{_SUFFIX}"


def seq_of_key(key: str) -> int | None:
    """The seq that a key names, None for a key that is no snapshot's."""
    name = key.rpartition("/")[2]
    digits = name.removesuffix(_SUFFIX)
    return int(digits) if name.endswith(_SUFFIX) and digits.isascii() and digits.isdigit() else None


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The file's bytes."""
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        snapshot.environment,
        0,
        snapshot.epoch,
        snapshot.symbol.encode("ascii"),
        snapshot.seq,
        snapshot.taken_ns,
        snapshot.digest,
        snapshot.last_frame,
        len(snapshot.canonical),
    )
    checksum = blake3(header)
    checksum.update(snapshot.canonical)
    return b"".join((header, snapshot.canonical, checksum.digest()))


def decode_snapshot(raw: bytes) -> Snapshot:
    """What a file says, once its checksum holds; the state itself is checked by `Snapshot.venue`.

    Raises:
        SnapshotError: the bytes are no snapshot of version 1.
    """
    if len(raw) < _HEADER.size + _CHECKSUM_SIZE:
        raise _broken("header", f"expected {_HEADER.size + _CHECKSUM_SIZE} bytes or more, found {len(raw)}")
    magic, version, environment, zero, epoch, name, seq, taken_ns, digest, last_frame, length = _HEADER.unpack_from(raw)
    if magic != _MAGIC or version != _VERSION:
        raise _broken("header", f"expected {_MAGIC!r} of version {_VERSION}, found {magic!r} of version {version}")
    size = _HEADER.size + length + _CHECKSUM_SIZE
    if len(raw) != size:
        raise _broken("length", f"the header says {size} bytes, there are {len(raw)}")
    state = raw[_HEADER.size : -_CHECKSUM_SIZE]
    if blake3(raw[:-_CHECKSUM_SIZE]).digest() != raw[-_CHECKSUM_SIZE:]:
        raise _broken("checksum", "the bytes are not those that were written")
    symbol = name.rstrip(b"\0")
    if zero or not symbol.isascii():
        raise _broken("header", f"expected a symbol and a zero, found {name!r} and {zero}")
    return Snapshot(
        symbol=symbol.decode("ascii"),
        environment=environment,
        epoch=epoch,
        seq=seq,
        taken_ns=taken_ns,
        digest=digest,
        last_frame=last_frame,
        canonical=state,
    )


def _broken(where: str, cause: str) -> SnapshotError:
    return SnapshotError("read snapshot", where=where, cause=cause, hint="recovery goes on from an older one")
