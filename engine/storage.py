"""The object store port: one small protocol over S3, a directory, or memory.

Addresses: `s3://bucket/prefix/`, `file:///directory/`, `memory://name`. Keys are relative to the address.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from engine.errors import AlreadyExistsError, NotFoundError, StorageError, UnknownStoreError

__all__ = [
    "AlreadyExistsError",
    "Entry",
    "FileStore",
    "MemoryStore",
    "NotFoundError",
    "S3Store",
    "StorageError",
    "Store",
    "UnknownStoreError",
    "open_store",
]

CHUNK: Final = 8 << 20
"""Bytes asked for at once: loopback and S3 were both fastest with ranges of 8 MiB and more."""

NS_PER_S: Final = 1_000_000_000
_PRECONDITION_CODES: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING_CODES: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_INVALID_RANGE: Final = "InvalidRange"


class Entry(msgspec.Struct, frozen=True):
    """One object: its key relative to the store, its size in bytes, its version ("" where there are none), its age.

    `modified_ns` is the store's clock when the object was written (UTC; S3 knows whole seconds), 0 where unknown.
    """

    key: str
    size: int
    version: str = ""
    modified_ns: int = 0


class Store(Protocol):
    """What the journal and the drill need of an object store."""

    @property
    def address(self) -> str:
        """Where it is, for errors and reports."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """The objects whose key begins with `prefix`, by key."""

    def get(self, key: str) -> bytes:
        """A whole object.

        Raises:
            NotFoundError: there is none.
        """

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        """An object in pieces of at most `size` bytes: memory does not grow with the object."""

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write an object.

        Raises:
            AlreadyExistsError: `if_absent`, and somebody was there first.
        """

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a local file, piece by piece: memory does not grow with the file."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def delete(self, key: str) -> None:
        """Delete an object; deleting what is not there is no error."""


def open_store(uri: str, *, session: Any = None) -> Store:
    """The store at an address; `session` is a boto3 session for `s3://`, by default one from the environment.

    Raises:
        UnknownStoreError: the scheme is none of the three.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(parts.netloc, parts.path.lstrip("/"), session=session)
    if parts.scheme == "file" and parts.path:
        return FileStore(Path(parts.path))
    if parts.scheme == "memory":
        return _MEMORY.setdefault(parts.netloc, MemoryStore(parts.netloc))
    raise UnknownStoreError("open store", where=uri, cause="unknown scheme", hint="s3://, file:/// or memory://")


class MemoryStore:
    """Objects in a dictionary: tests, and the shortest way to try the journal in a REPL."""

    def __init__(self, name: str = "") -> None:
        """An empty store."""
        self.address = f"memory://{name}"
        self._objects: dict[str, bytes] = {}

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """The objects whose key begins with `prefix`, by key."""
        for key in sorted(self._objects):
            if key.startswith(prefix):
                yield Entry(key, len(self._objects[key]))

    def get(self, key: str) -> bytes:
        """A whole object."""
        if key not in self._objects:
            raise _missing(self.address, key)
        return self._objects[key]

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        """An object in pieces."""
        whole = self.get(key)
        for start in range(0, len(whole), size):
            yield whole[start : start + size]

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write an object."""
        if if_absent and key in self._objects:
            raise _taken(self.address, key)
        self._objects[key] = bytes(data)

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file; whole, as memory is where this store keeps it."""
        self.put(key, path.read_bytes())

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return key in self._objects

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._objects.pop(key, None)


_MEMORY: Final[dict[str, MemoryStore]] = {}


class FileStore:
    """Objects as files below a directory; writes appear whole or not at all."""

    def __init__(self, root: Path) -> None:
        """A store below `root`, which is created with the first object."""
        self.root = root
        self.address = f"file://{root}"

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """The objects whose key begins with `prefix`, by key."""
        start = self.root / prefix.rpartition("/")[0]
        found = ((path.relative_to(self.root).as_posix(), path) for path in start.rglob("*") if path.is_file())
        for key, path in sorted(found):
            if key.startswith(prefix) and not path.name.startswith(".part-"):
                about = path.stat()
                yield Entry(key, about.st_size, modified_ns=about.st_mtime_ns)

    def get(self, key: str) -> bytes:
        """A whole object."""
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            raise _missing(self.address, key) from None

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        """An object in pieces."""
        try:
            with (self.root / key).open("rb") as file:
                while piece := file.read(size):
                    yield piece
        except FileNotFoundError:
            raise _missing(self.address, key) from None

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write an object: complete under another name first, then moved (or linked, if it must be the first)."""
        self._write(key, io.BytesIO(data), if_absent=if_absent)

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file, piece by piece."""
        with path.open("rb") as file:
            self._write(key, file, if_absent=False)

    def _write(self, key: str, source: BinaryIO, *, if_absent: bool) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part:
            shutil.copyfileobj(source, part)
        try:
            if if_absent:
                os.link(part.name, path)
            else:
                Path(part.name).replace(path)
        except FileExistsError:
            raise _taken(self.address, key) from None
        finally:
            Path(part.name).unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return (self.root / key).is_file()

    def delete(self, key: str) -> None:
        """Delete an object."""
        (self.root / key).unlink(missing_ok=True)


class S3Store:
    """Objects of one bucket below a prefix."""

    def __init__(self, bucket: str, prefix: str = "", *, session: Any = None) -> None:
        """A store at `s3://bucket/prefix`; endpoint, region and credentials are the session's."""
        # A quarter of a second that the other stores need not pay.
        import boto3  # noqa: PLC0415
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        self.bucket = bucket
        self.prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self.address = f"s3://{bucket}/{self.prefix}"
        self._client: Any = (session or boto3.Session()).client("s3")
        self._failures: tuple[type[Exception], ...] = (ClientError, BotoCoreError)
        # Without threads one part is in memory at a time, whatever the object's size.
        self._transfer = TransferConfig(multipart_threshold=CHUNK, multipart_chunksize=CHUNK, use_threads=False)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """The objects whose key begins with `prefix`, by key, page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        try:
            for page in pages:
                for item in page.get("Contents", ()):
                    yield self._entry(item)
        except self._failures as error:
            raise self._refused("list objects", prefix, error) from error

    def _entry(self, item: dict[str, Any]) -> Entry:
        modified = item.get("LastModified")
        return Entry(
            item["Key"][len(self.prefix) :],
            item["Size"],
            item.get("ETag", "").strip('"'),
            int(modified.timestamp()) * NS_PER_S if modified else 0,
        )

    def get(self, key: str) -> bytes:
        """A whole object."""
        return b"".join(self.chunks(key))

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        """An object in ranged reads, all of the version that the first one found."""
        position, total, etag = 0, 1, None
        while position < total:
            condition: dict[str, Any] = {"IfMatch": etag} if etag else {}
            asked = f"bytes={position}-{position + size - 1}"
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key, Range=asked, **condition)
                piece = answer["Body"].read()
            except self._failures as error:
                if _code(error) == _INVALID_RANGE and position == 0:
                    return  # an empty object has no first byte
                raise self._refused("get object", key, error) from error
            etag = answer.get("ETag")
            total = int(answer.get("ContentRange", f"/{len(piece)}").rpartition("/")[2])
            position += len(piece)
            yield piece

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write an object."""
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        try:
            self._client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=data, **condition)
        except self._failures as error:
            if _code(error) in _PRECONDITION_CODES:
                raise _taken(self.address, key) from error
            raise self._refused("put object", key, error) from error

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file, in parts where it is large: it appears whole, or not at all."""
        try:
            with path.open("rb") as file:
                self._client.upload_fileobj(file, self.bucket, self.prefix + key, Config=self._transfer)
        except self._failures as error:
            raise self._refused("put object", key, error) from error

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)
        except self._failures as error:
            if _code(error) in _MISSING_CODES:
                return False
            raise self._refused("head object", key, error) from error
        return True

    def delete(self, key: str) -> None:
        """Delete an object (in a versioned bucket: hide it behind a delete marker)."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)
        except self._failures as error:
            raise self._refused("delete object", key, error) from error

    def _refused(self, operation: str, key: str, error: Any) -> StorageError:
        if _code(error) in _MISSING_CODES:
            return _missing(self.address, key)
        return StorageError(
            operation, where=self.address + key, cause=str(error), hint="check endpoint, region and the role's policy"
        )


def _code(error: Any) -> str:
    """The service's code; "" when the failure never reached the service."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _missing(address: str, key: str) -> NotFoundError:
    return NotFoundError("get object", where=f"{address}/{key}", cause="no such key", hint="list the prefix first")


def _taken(address: str, key: str) -> AlreadyExistsError:
    return AlreadyExistsError("put object", where=f"{address}/{key}", cause="the key is taken", hint="read the holder")
