"""What survives: buckets named aex-evidence-*, and every bucket with Object Lock, written through to disk.

Each bucket is a folder: `bucket.json` (its configuration), `keys/<sha256 of the key>.json` (object, versions, delete
markers, tags, retention, legal holds) and `blobs/<sha256>` (bodies, content-addressed, written before what names
them). A request's answer leaves only after its effect is on disk, so a kill -9 loses nothing that was confirmed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import s3

from emulator.settings import EVIDENCE_PREFIX

HELD = ("_object_tags", "_object_acl", "_object_annotations", "_object_retention", "_object_legal_hold")
WRITING = frozenset({"PUT", "POST", "DELETE"})
REFUSED = 300


class Ledger:
    """The folder of surviving buckets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "evidence"
        self._lock = threading.Lock()
        self.survivors: set[str] = set()

    def keeps(self, bucket: str) -> bool:
        """Whether a bucket survives a restart."""
        return bool(bucket) and (bucket.startswith(EVIDENCE_PREFIX) or bucket in s3._bucket_object_lock)

    # --- writing -------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Write through after each S3 request that changed a surviving bucket."""
        original = s3.handle_request

        async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, **rest: Any) -> Any:
            kept = method in WRITING and self.keeps(s3._parse_bucket_key(path, headers)[0])
            answer = await original(method, path, headers, body, query, **rest)
            if method in WRITING and answer[0] < REFUSED:
                bucket, key = s3._parse_bucket_key(path, headers)
                if kept or self.keeps(bucket):
                    await asyncio.to_thread(self.save, get_account_id(), bucket, key)
            return answer

        s3.handle_request = handle

    def save(self, account: str, bucket: str, key: str = "") -> None:
        """Write a bucket's configuration, and one key or (without a key) all of them."""
        with self._lock:
            folder = self._folder / account / bucket
            record = s3._buckets.get_scoped(account, None, bucket)
            if record is None:
                shutil.rmtree(folder, ignore_errors=True)
                self.survivors.discard(bucket)
                return
            for part in ("keys", "blobs"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            self._save_bucket(folder, account, bucket, record)
            for name in [key] if key else self._keys(account, bucket, record):
                self._save_key(folder, account, bucket, name)

    def _save_bucket(self, folder: Path, account: str, bucket: str, record: dict[str, Any]) -> None:
        settings = {
            label: store.get_scoped(account, None, bucket)
            for label, store in s3._PERSISTED_BUCKET_DICTS.items()
            if store.get_scoped(account, None, bucket) is not None
        }
        state = {"record": {name: value for name, value in record.items() if name != "objects"}, "settings": settings}
        _write(folder / "bucket.json", json.dumps(self._freeze(folder, state)).encode())

    def _keys(self, account: str, bucket: str, record: dict[str, Any]) -> set[str]:
        versioned = {
            key for (owner, (name, key)) in list(s3._object_versions._data) if (owner, name) == (account, bucket)
        }
        return versioned | set(record["objects"])

    def _save_key(self, folder: Path, account: str, bucket: str, key: str) -> None:
        current = s3._buckets.get_scoped(account, None, bucket)["objects"].get(key)
        versions = s3._object_versions.get_scoped(account, None, (bucket, key))
        path = folder / "keys" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        if current is None and not versions:
            path.unlink(missing_ok=True)
            return
        ids = [None, "null", *(version["version_id"] for version in versions or [])]
        held = {
            name: [
                (version, value)
                for version in dict.fromkeys(ids)
                if (value := getattr(s3, name).get_scoped(account, None, (bucket, key, version))) is not None
            ]
            for name in HELD
        }
        state = {"key": key, "object": current, "versions": versions, "held": held}
        _write(path, json.dumps(self._freeze(folder, state)).encode())

    def _freeze(self, folder: Path, value: Any) -> Any:
        """JSON without bodies: bytes become references to blobs."""
        if isinstance(value, bytes | bytearray):
            digest = hashlib.sha256(value).hexdigest()
            blob = folder / "blobs" / digest
            if not blob.exists():
                _write(blob, bytes(value))
            return {"__blob__": digest}
        if isinstance(value, dict):
            return {name: self._freeze(folder, item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._freeze(folder, item) for item in value]
        return value

    # --- reading -------------------------------------------------------------------------------------------------

    def restore(self) -> list[str]:
        """Load every surviving bucket into MiniStack; returns their names."""
        for path in sorted(self._folder.glob("*/*/bucket.json")):
            self._restore_bucket(path.parent, path.parent.parent.name, path.parent.name)
        return sorted(self.survivors)

    def _restore_bucket(self, folder: Path, account: str, bucket: str) -> None:
        state = _thaw(folder, json.loads((folder / "bucket.json").read_bytes()))
        s3._buckets.set_scoped(account, None, bucket, {**state["record"], "objects": {}})
        for label, value in state["settings"].items():
            s3._PERSISTED_BUCKET_DICTS[label].set_scoped(account, None, bucket, value)
        for path in sorted((folder / "keys").glob("*.json")):
            self._restore_key(account, bucket, _thaw(folder, json.loads(path.read_bytes())))
        self.survivors.add(bucket)

    def _restore_key(self, account: str, bucket: str, state: dict[str, Any]) -> None:
        key = state["key"]
        if state["object"] is not None:
            s3._buckets.get_scoped(account, None, bucket)["objects"][key] = state["object"]
        if state["versions"]:
            s3._object_versions.set_scoped(account, None, (bucket, key), state["versions"])
        for name, entries in state["held"].items():
            for version, value in entries:
                getattr(s3, name).set_scoped(account, None, (bucket, key, version), value)


def _thaw(folder: Path, value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"__blob__"}:
            return (folder / "blobs" / value["__blob__"]).read_bytes()
        return {name: _thaw(folder, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_thaw(folder, item) for item in value]
    return value


def _write(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably; a reader sees the old content or the new one."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
