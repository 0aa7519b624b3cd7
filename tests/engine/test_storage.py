from __future__ import annotations

import io
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from engine.storage import (
    CHUNK,
    AlreadyExistsError,
    FileStore,
    MemoryStore,
    NotFoundError,
    S3Store,
    StorageError,
    Store,
    UnknownStoreError,
    open_store,
)


class BucketClient:
    """As much of an S3 client as the store asks for, with S3's codes, two keys a page."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.ranges: list[str] = []

    def get_paginator(self, operation: str) -> BucketClient:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's words
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        pages = [keys[start : start + 2] for start in range(0, len(keys), 2)]
        return [{"Contents": [{"Key": key, "Size": len(self.objects[key])} for key in page]} for page in pages] or [{}]

    def get_object(self, *, Bucket: str, Key: str, Range: str, IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        whole = self._find(Key)
        self.ranges.append(Range)
        first, last = (int(number) for number in Range.removeprefix("bytes=").split("-"))
        if first >= len(whole):
            raise _client_error("InvalidRange")
        piece = whole[first : last + 1]
        return {"Body": io.BytesIO(piece), "ETag": '"e"', "ContentRange": f"bytes {first}-{last}/{len(whole)}"}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "") -> None:  # noqa: N803
        if IfNoneMatch and Key in self.objects:
            raise _client_error("PreconditionFailed")
        self.objects[Key] = Body

    def upload_fileobj(self, file: BinaryIO, bucket: str, key: str, *, Config: Any) -> None:  # noqa: N803
        self.objects[key] = b"".join(iter(lambda: file.read(Config.multipart_chunksize), b""))

    def head_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        if Key not in self.objects:
            raise _client_error("404")

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.objects.pop(Key, None)

    def _find(self, key: str) -> bytes:
        if key not in self.objects:
            raise _client_error("NoSuchKey")
        return self.objects[key]


class Raw(io.BytesIO):
    """The body of an answer, as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


class BucketSession:
    def __init__(self) -> None:
        self.bucket = BucketClient()

    def client(self, service: str) -> BucketClient:
        assert service == "s3"
        return self.bucket


def _client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Operation")


STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda path: MemoryStore(),
    "file": FileStore,
    "s3": lambda path: S3Store("bucket", "some/prefix/", session=BucketSession()),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path / "store")


def test_what_was_put_is_listed_by_key_and_comes_back(store: Store) -> None:
    for key in ("a/2", "b/1", "a/1", "a/3", "ab"):
        store.put(key, key.encode())
    assert [(entry.key, entry.size) for entry in store.list("a/")] == [("a/1", 3), ("a/2", 3), ("a/3", 3)]
    assert [entry.key for entry in store.list()] == ["a/1", "a/2", "a/3", "ab", "b/1"]
    assert [entry.key for entry in store.list("nothing/")] == []
    assert store.get("a/2") == b"a/2"


def test_pieces_make_the_whole(store: Store) -> None:
    store.put("k", b"0123456789")
    assert list(store.chunks("k", 4)) == [b"0123", b"4567", b"89"]
    store.put("empty", b"")
    assert list(store.chunks("empty")) == []


def test_a_file_becomes_an_object(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "fills"
    for content in (b"0123456789", b""):
        path.write_bytes(content)
        store.put_file("AAL/fills.bin", path)
        assert store.get("AAL/fills.bin") == content
    assert [entry.key for entry in store.list()] == ["AAL/fills.bin"]


def test_a_large_file_goes_to_s3_in_parts_and_never_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def answer(request: Any, **_: Any) -> Any:
        operation = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        asked.append((request.method, len(body)))
        text = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        raw = text if "uploads" in operation else b"<CompleteMultipartUploadResult/>"
        return AWSResponse(request.url, 200, {"ETag": '"e"'}, Raw(raw))

    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    session = boto3.Session("key", "secret", region_name="us-west-2")
    store = S3Store("bucket", "prefix", session=session)
    store._client.meta.events.register("before-send.s3", answer)
    path = tmp_path / "fills"
    with path.open("wb") as file:
        file.truncate(5 * CHUNK + 1)
    tracemalloc.start()
    try:
        store.put_file("fills.bin", path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(method, size) for method, size in asked if method == "PUT"] == [("PUT", CHUNK)] * 5 + [("PUT", 1)]
    assert peak < 4 * CHUNK


def test_a_conditional_put_has_one_winner(store: Store) -> None:
    store.put("control/epoch=2.json", b"first", if_absent=True)
    with pytest.raises(AlreadyExistsError, match=r"control/epoch=2\.json"):
        store.put("control/epoch=2.json", b"second", if_absent=True)
    assert store.get("control/epoch=2.json") == b"first"


def test_a_put_replaces_and_a_delete_forgets(store: Store) -> None:
    store.put("k", b"1")
    store.put("k", b"2")
    assert (store.exists("k"), store.get("k")) == (True, b"2")
    store.delete("k")
    store.delete("k")
    assert not store.exists("k")


@pytest.mark.parametrize("read", [lambda store: store.get("k"), lambda store: list(store.chunks("k"))])
def test_a_missing_object_is_named(store: Store, read: Callable[[Store], object]) -> None:
    with pytest.raises(NotFoundError, match="k: no such key"):
        read(store)


def test_addresses_open_stores(tmp_path: Path) -> None:
    open_store("memory://shared").put("k", b"v")
    assert open_store("memory://shared").get("k") == b"v"
    open_store(f"file://{tmp_path}/deep").put("a/b", b"v")
    [entry] = open_store(f"file://{tmp_path}/deep").list()
    assert (entry.key, entry.size) == ("a/b", 1)
    assert entry.modified_ns == (tmp_path / "deep/a/b").stat().st_mtime_ns
    assert open_store("s3://bucket/prefix", session=BucketSession()).address == "s3://bucket/prefix/"
    for address in ("https://bucket", "s3:///prefix", "nonsense"):
        with pytest.raises(UnknownStoreError):
            open_store(address)


def test_an_unreachable_s3_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    session = boto3.Session("key", "secret", region_name="us-west-2")
    with pytest.raises(StorageError, match="check endpoint"):
        open_store("s3://bucket/prefix", session=session).get("k")
