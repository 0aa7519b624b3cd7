"""The exchange's exceptions, drawn once.

Rejects are values (`engine.messages.Reason`) and damage in a journal is a value (`engine.journal.Damage`);
only broken callers, broken bytes handed in one at a time, and broken storage raise::

    EngineError                 operation, coordinates, cause, hint
    ├── FlowError               a line of an order flow that is no command
    ├── WireError               bytes on a socket that are no message
    ├── FrameError              bytes that are no frame of version 1
    ├── StateError              bytes that are no canonical state
    ├── SequenceError           a command offered out of sequence
    ├── CaptureError            a file that is no ack capture of that member
    ├── ArchiveError            an address below which there is no journal
    ├── SnapshotError           bytes that are no snapshot, or one that nothing vouches for
    ├── LineageError            nobody knows where an epoch of a symbol began
    └── StorageError            the object store refused
        ├── AlreadyExistsError  a conditional put found the key taken
        ├── NotFoundError       no such key
        └── UnknownStoreError   an address that names no store
"""

from __future__ import annotations

__all__ = [
    "AlreadyExistsError",
    "ArchiveError",
    "CaptureError",
    "CompactionError",
    "EngineError",
    "FlowError",
    "FrameError",
    "LineageError",
    "NotFoundError",
    "SequenceError",
    "SnapshotError",
    "StateError",
    "StorageError",
    "UnknownStoreError",
    "WireError",
]


class EngineError(Exception):
    """Something that the caller must know: what was tried, where, what was found and what helps."""

    def __init__(self, operation: str, *, where: str, cause: str, hint: str) -> None:
        super().__init__(f"{operation}: {where}: {cause} ({hint})")
        self.operation = operation
        self.where = where
        self.cause = cause
        self.hint = hint


class ArchiveError(EngineError):
    """An address below which there is no journal, or none of the symbol that was asked for."""


class CompactionError(EngineError):
    """Frames that would not be the same in a large object; whoever raises it has removed nothing."""


class CaptureError(EngineError):
    """A file that is no ack capture, or another member's."""


class FlowError(EngineError):
    """A line of an order flow that is no command: its number (from 1), the key at fault ("-": the line as a whole)."""

    def __init__(self, line: int, key: str, *, expected: str, found: str) -> None:
        super().__init__(
            "match",
            where=f"line {line}, key {key}",
            cause=f"expected {expected}, found {found}",
            hint="the answers to the lines before it have been written",
        )
        self.line = line
        self.key = key


class WireError(EngineError):
    """Bytes on a socket that are no message of the wire format; the connection cannot be trusted any further."""


class SequenceError(EngineError):
    """A command was offered with another seq than the venue's next one."""


class SnapshotError(EngineError):
    """A snapshot that recovery must not start from: `cause` says what is wrong with it."""


class LineageError(EngineError):
    """The record of an epoch's opening is missing or cannot be read, so nobody knows where the epoch began."""


class FrameError(EngineError):
    """Bytes that are no frame: which rule (`kind`), at which offset, what was expected and what was found.

    `kind` is one of the journal's kinds of damage; `size` is the length that the header claims, or 0
    where the header itself cannot be believed.
    """

    def __init__(self, kind: str, *, offset: int, expected: str, found: str, size: int = 0, seq: int = 0) -> None:
        hint = "the bytes are not what an engine wrote; compare with another copy of this object"
        super().__init__(
            "decode frame", where=f"offset {offset}", cause=f"{kind}: expected {expected}, found {found}", hint=hint
        )
        self.kind = kind
        self.offset = offset
        self.expected = expected
        self.found = found
        self.size = size
        self.seq = seq


class StateError(EngineError):
    """Bytes that are no canonical state: at which offset, what was expected there and what was found."""

    def __init__(self, *, offset: int, expected: str, found: str) -> None:
        hint = "the bytes are not what a venue gave out; take an older snapshot, or replay from genesis"
        cause = f"expected {expected}, found {found}"
        super().__init__("restore state", where=f"offset {offset}", cause=cause, hint=hint)
        self.offset = offset
        self.expected = expected
        self.found = found


class StorageError(EngineError):
    """The object store refused or could not be reached."""


class AlreadyExistsError(StorageError):
    """A conditional put found that somebody else holds the key."""


class NotFoundError(StorageError):
    """There is no object of that key."""


class UnknownStoreError(StorageError):
    """The address names no store that this engine speaks to."""
