"""Records that were confirmed and are not in S3 yet, on disk: one file for each batch that will become one object.

A put is confirmed after its record was written here, so a kill -9 of everything loses nothing that was confirmed; the
next emulator delivers what it finds before it answers anybody. The write is in the page cache: it outlives every
process, not a loss of power (Firehose itself would; said in the limitations). A file holds a line of JSON (where the
object goes) and then each record as length, CRC-32 and bytes; a record that the kill cut in two was never confirmed
and is left out. The object's key is in the file: an object that was stored, but not struck off, is stored again as
the same object.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

RECORD: Final = struct.Struct("<II")
"""Length of a record and its CRC-32."""


class SpoolError(OSError):
    """A record could not be written, so it must not be confirmed; the text says what, where and why."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch goes: the first line of its file."""

    account: str
    region: str
    stream: str
    bucket: str
    key: str
    gzip: bool


@dataclass(slots=True)
class Page:
    """One batch's file."""

    path: Path
    size: int

    def append(self, payload: bytes) -> None:
        """Write one record behind the others.

        Raises:
            SpoolError: nothing of it counts; the records before it do.
        """
        content = RECORD.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                if os.write(handle, content) != len(content):
                    os.ftruncate(handle, self.size)
                    message = "only a part of it could be written"
                    raise OSError(message)
            finally:
                os.close(handle)
        except OSError as wrong:
            message = (
                f"firehose: a record of {len(payload)} bytes is not on disk in {self.path}: {wrong}; make room there"
            )
            raise SpoolError(message) from wrong
        self.size += len(content)

    def strike_off(self) -> None:
        """Forget the batch: its object is stored."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Left:
    """A batch that an ended emulator did not deliver."""

    page: Page
    address: Address
    records: list[bytes]


class Spool:
    """The folder of all pages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "firehose"

    def open(self, name: str, address: Address) -> Page:
        """Begin the file of a batch; `name` is unique.

        Raises:
            SpoolError: it could not be begun.
        """
        path = self._folder / f"{name}.batch"
        line = msgspec.json.encode(address) + b"\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(line)
        except OSError as wrong:
            message = f"firehose: no batch of stream {address.stream} can begin in {path}: {wrong}; make room there"
            raise SpoolError(message) from wrong
        return Page(path, len(line))

    def left(self) -> Iterator[Left]:
        """What an ended emulator confirmed and did not deliver; a file without a record is removed."""
        for path in sorted(self._folder.glob("*.batch")):
            line, _, rest = path.read_bytes().partition(b"\n")
            records = list(_records(rest))
            if records:
                yield Left(Page(path, path.stat().st_size), msgspec.json.decode(line, type=Address), records)
            else:
                path.unlink()


def _records(content: bytes) -> Iterator[bytes]:
    """Whole records up to the first that is cut off or damaged: whatever follows was never confirmed."""
    position = 0
    while position + RECORD.size <= len(content):
        length, crc = RECORD.unpack_from(content, position)
        payload = content[position + RECORD.size : position + RECORD.size + length]
        if len(payload) != length or zlib.crc32(payload) != crc:
            return
        yield payload
        position += RECORD.size + length
