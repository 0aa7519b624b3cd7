"""Changes to stored objects that can all be taken back: the original bytes are kept before anything is touched."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from witness.bucket import ObjectClient, list_all

LOG = logging.getLogger(__name__)


class Changed(msgspec.Struct, frozen=True):
    """One key before and after: `before` is the hash of its bytes, None where there was no object."""

    bucket: str
    key: str
    before: str | None
    version_added: str | None


class StoredChanges:
    """Puts and deletes of one drill's faults, in order, with their originals in a folder that survives a restart."""

    def __init__(self, client: ObjectClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store bytes under a key; what was there is kept first."""
        before = self._keep(bucket, key)
        answer = self._client.put_object(Bucket=bucket, Key=key, Body=content)
        self._note(Changed(bucket, key, before, answer.get("VersionId")))

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; its bytes are kept first."""
        before = self._keep(bucket, key)
        answer = self._client.delete_object(Bucket=bucket, Key=key)
        self._note(Changed(bucket, key, before, answer.get("VersionId")))

    def move(self, bucket: str, key: str, to: str) -> None:
        """Store an object's bytes under another key, then delete it."""
        self.put(bucket, to, self.read(bucket, key))
        self.delete(bucket, key)

    def read(self, bucket: str, key: str) -> bytes:
        """The present bytes of an object."""
        content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Every key below a prefix, sorted."""
        return sorted(str(entry["Key"]) for entry in list_all(self._client, bucket, prefix))

    def undo(self) -> int:
        """Take every change back, the last one first; returns how many. What is undone is forgotten."""
        done = self._done()
        for changed in reversed(done):
            self._undo(changed)
        self._write(self._list, b"[]")
        return len(done)

    def _undo(self, changed: Changed) -> None:
        """Remove the version that was added; where that does not bring the original back, put it."""
        where = {"Bucket": changed.bucket, "Key": changed.key}
        if changed.version_added:
            try:
                self._client.delete_object(**where, VersionId=changed.version_added)
            except Exception as error:  # noqa: BLE001 - a role that may not delete versions restores by putting
                LOG.warning("undo %s: version %s stays: %s", changed.key, changed.version_added, error)
        present = self._present(changed.bucket, changed.key)
        if changed.before is None:
            if present is not None:
                self._client.delete_object(**where)
        elif present is None or _hash(present) != changed.before:
            self._client.put_object(**where, Body=(self._folder / changed.before).read_bytes())

    def _keep(self, bucket: str, key: str) -> str | None:
        content = self._present(bucket, key)
        if content is None:
            return None
        self._write(self._folder / _hash(content), content)
        return _hash(content)

    def _present(self, bucket: str, key: str) -> bytes | None:
        there = any(entry["Key"] == key for entry in list_all(self._client, bucket, key))
        return self.read(bucket, key) if there else None

    @property
    def _list(self) -> Path:
        return self._folder / "changes.json"

    def _done(self) -> list[Changed]:
        return msgspec.json.decode(self._list.read_bytes(), type=list[Changed]) if self._list.exists() else []

    def _note(self, changed: Changed) -> None:
        self._write(self._list, msgspec.json.encode([*self._done(), changed]))

    def _write(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, path)  # noqa: PTH105 - the atomic rename is the point


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def account_of(keys: list[str]) -> dict[str, Any]:
    """What to say of several objects that were changed: all of them, and the first as the one to look for."""
    return {"object": keys[0], "objects": keys}
