"""S3 on disk: every bucket is written through before an answer leaves, and is there again after a kill -9.

Each bucket is a folder: `bucket.json` (its configuration), `keys/<sha256 of the key>.json` (object, versions, delete
markers, tags, retention, legal holds) and `blobs/<sha256>` (bodies, content-addressed, written before what names
them, removed with the last key that names them). Bodies stay on disk: memory grows with the number of objects alone.

How durable: a file is in the page cache when its request is answered, which outlives every process and no loss of
power. Evidence (`aex-evidence-*`, and every bucket with Object Lock) is forced to the disk as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from ministack.core.responses import get_account_id
from ministack.services import s3

from emulator.settings import EVIDENCE_PREFIX

HELD: Final = ("_object_tags", "_object_acl", "_object_annotations", "_object_retention", "_object_legal_hold")
WRITING: Final = frozenset({"PUT", "POST", "DELETE"})
REFUSED: Final = 300
BLOB: Final = "__blob__"
"""Where a body was, on disk; in memory the record's body is None and this names its digest."""

Place = tuple[str, str]
"""Account and bucket."""


class Ledger:
    """The folder of all buckets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "s3"
        self._lock = threading.Lock()
        self._written: dict[Place, bytes] = {}
        self._named: dict[tuple[str, str, str], frozenset[str]] = {}  # account, bucket, key -> digests
        self._uses: dict[Place, Counter[str]] = {}
        self.survivors: set[str] = set()

    def folder(self, account: str, bucket: str) -> Path:
        """Where a bucket lives."""
        return self._folder / account / bucket

    # --- writing -------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Write through after each S3 request that changed a bucket; read bodies from where they went."""
        original = s3.handle_request

        async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, **rest: Any) -> Any:
            answer = await original(method, path, headers, body, query, **rest)
            if method in WRITING and answer[0] < REFUSED:
                bucket, key = s3._parse_bucket_key(path, headers)
                if bucket:
                    keys = [key] if key else _deleted(body) if method == "POST" and "delete" in query else []
                    await asyncio.to_thread(self.save, get_account_id(), bucket, keys)
            return answer

        s3.handle_request = handle
        s3._read_body = self._read_body
        s3._version_body = self._version_body
        rebuild = s3._object_record_from_version

        def rebuilt(version: dict[str, Any]) -> Any:
            return rebuild(version) | ({BLOB: version[BLOB]} if BLOB in version else {})

        s3._object_record_from_version = rebuilt

    def save(self, account: str, bucket: str, keys: Iterable[str] = ()) -> None:
        """Write a bucket's configuration where it changed, and these keys."""
        with self._lock:
            record = s3._buckets.get_scoped(account, None, bucket)
            if record is None:
                self._forget(account, bucket)
                return
            self._save_bucket(account, bucket, record)
            for key in keys:
                self._save_key(account, bucket, key)
                replica = (record["objects"].get(key) or {}).get("_replica")
                if replica:
                    self._save_key(replica[2], replica[0], key)

    def _forget(self, account: str, bucket: str) -> None:
        shutil.rmtree(self.folder(account, bucket), ignore_errors=True)
        self.survivors.discard(bucket)
        self._uses.pop((account, bucket), None)
        self._written.pop((account, bucket), None)
        for name in [name for name in self._named if name[:2] == (account, bucket)]:
            del self._named[name]

    def _save_bucket(self, account: str, bucket: str, record: dict[str, Any]) -> None:
        settings = {
            label: store.get_scoped(account, None, bucket)
            for label, store in s3._PERSISTED_BUCKET_DICTS.items()
            if store.get_scoped(account, None, bucket) is not None
        }
        state = {"record": {name: value for name, value in record.items() if name != "objects"}, "settings": settings}
        content = json.dumps(_plain(state)).encode()
        if self._written.get((account, bucket)) == content:
            return
        folder = self.folder(account, bucket)
        for part in ("keys", "blobs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        _write(folder / "bucket.json", content, forced=_is_forced(bucket))
        self._written[account, bucket] = content

    def _save_key(self, account: str, bucket: str, key: str) -> None:
        current = s3._buckets.get_scoped(account, None, bucket)["objects"].get(key)
        # A list of our own: a put of the same key may add to MiniStack's meanwhile, and saves it afterwards.
        versions = list(s3._object_versions.get_scoped(account, None, (bucket, key)) or ())
        folder = self.folder(account, bucket)
        path = folder / "keys" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        if current is None and not versions:
            path.unlink(missing_ok=True)
            self._name(account, bucket, key, frozenset())
            return
        for entry in _entries(current, versions):
            self._put_away(folder, bucket, entry)
        ids = [None, "null", *(version["version_id"] for version in versions)]
        held = {
            name: [
                (version, value)
                for version in dict.fromkeys(ids)
                if (value := getattr(s3, name).get_scoped(account, None, (bucket, key, version))) is not None
            ]
            for name in HELD
        }
        state = {"key": key, "object": current, "versions": versions, "held": held}
        _write(path, json.dumps(_plain(state)).encode(), forced=_is_forced(bucket))
        self._name(account, bucket, key, _digests(current, versions))

    def _put_away(self, folder: Path, bucket: str, entry: dict[str, Any]) -> None:
        """Move a body from memory to its blob."""
        part = _part(entry)
        body = entry.get(part)
        if body is None:
            return
        digest = hashlib.sha256(body).hexdigest()
        blob = folder / "blobs" / digest
        if not blob.exists():
            _write(blob, bytes(body), forced=_is_forced(bucket))
        entry[BLOB] = digest  # first the name, then the body's end: a reader on another thread finds one of the two
        entry[part] = None

    def _name(self, account: str, bucket: str, key: str, digests: frozenset[str]) -> None:
        """Note which blobs a key names now; a blob that nobody names any more is removed."""
        uses = self._uses.setdefault((account, bucket), Counter())
        before = self._named.pop((account, bucket, key), frozenset())
        if digests:
            self._named[account, bucket, key] = digests
        uses.update(digests)
        uses.subtract(before)
        for digest in before:
            if not uses[digest]:
                del uses[digest]
                (self.folder(account, bucket) / "blobs" / digest).unlink(missing_ok=True)

    # --- reading -------------------------------------------------------------------------------------------------

    def _read_body(self, bucket: str, _key: str, entry: dict[str, Any]) -> bytes:
        """Stand in for MiniStack's: the body of a record, from memory or from its blob."""
        body: bytes | None = entry.get(_part(entry))
        if body is None and BLOB in entry:
            return (self.folder(get_account_id(), bucket) / "blobs" / str(entry[BLOB])).read_bytes()
        return body or b""

    def _version_body(self, _record: Any, bucket: str, key: str, version: dict[str, Any]) -> bytes | None:
        """Stand in for MiniStack's: the body of a version, None for a delete marker."""
        if version.get("is_delete_marker"):
            return None
        return self._read_body(bucket, key, version)

    def restore(self) -> list[str]:
        """Load every bucket into MiniStack, without bodies; returns their names."""
        for path in sorted(self._folder.glob("*/*/bucket.json")):
            self._restore_bucket(path.parent, path.parent.parent.name, path.parent.name)
        return sorted(self.survivors)

    def _restore_bucket(self, folder: Path, account: str, bucket: str) -> None:
        content = (folder / "bucket.json").read_bytes()
        state = json.loads(content)
        s3._buckets.set_scoped(account, None, bucket, {**state["record"], "objects": {}})
        for label, value in state["settings"].items():
            s3._PERSISTED_BUCKET_DICTS[label].set_scoped(account, None, bucket, value)
        for path in (folder / "keys").glob("*.json"):
            self._restore_key(account, bucket, json.loads(path.read_bytes()))
        named = self._uses.get((account, bucket), Counter())
        for blob in (folder / "blobs").iterdir():
            if blob.name not in named:  # its process was killed before the key was written: nobody was answered
                blob.unlink()
        self._written[account, bucket] = content
        self.survivors.add(bucket)

    def _restore_key(self, account: str, bucket: str, state: dict[str, Any]) -> None:
        key, current, versions = state["key"], state["object"], state["versions"]
        if current is not None:
            s3._buckets.get_scoped(account, None, bucket)["objects"][key] = current
        if versions:
            s3._object_versions.set_scoped(account, None, (bucket, key), versions)
        for name, entries in state["held"].items():
            for version, value in entries:
                getattr(s3, name).set_scoped(account, None, (bucket, key, version), value)
        self._name(account, bucket, key, _digests(current, versions))


def _is_forced(bucket: str) -> bool:
    """Whether a bucket's files are forced to the disk: evidence has to outlive more than a process."""
    return bucket.startswith(EVIDENCE_PREFIX) or bucket in s3._bucket_object_lock


def _entries(current: dict[str, Any] | None, versions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if current is not None:
        yield current
    yield from versions


def _digests(current: dict[str, Any] | None, versions: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(entry[BLOB] for entry in _entries(current, versions) if BLOB in entry)


def _part(entry: dict[str, Any]) -> str:
    """Where a record holds its body: objects and versions have different names for it."""
    return "body" if "body" in entry else "data"


def _deleted(body: bytes) -> list[str]:
    """The keys of a DeleteObjects request."""
    return [found.text or "" for found in ET.fromstring(body).iter() if found.tag.rpartition("}")[2] == "Key"]


def _plain(value: Any) -> Any:
    """JSON's kinds only; tuples become lists."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _write(path: Path, content: bytes, *, forced: bool) -> None:
    """Replace a file atomically; a reader sees the old content or the new one, also after a kill -9."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        if forced:
            os.fsync(file.fileno())
    temporary.replace(path)
