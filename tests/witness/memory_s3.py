"""An in-memory versioned S3 with the handful of methods that witnesses call."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import Any


class NoSuchKey(Exception):
    pass


class MemoryS3:
    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], list[tuple[str, bytes | None]]] = {}
        self.failures = 0
        self._next = 0
        self._lock = threading.Lock()

    def content(self, bucket: str, key: str) -> bytes | None:
        stack = self.versions.get((bucket, key), [])
        return stack[-1][1] if stack else None

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        names = sorted(key for held, key in self.versions if held == bucket and key.startswith(prefix))
        return [key for key in names if self.content(bucket, key) is not None]

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("SlowDown")

    def _version(self) -> str:
        self._next += 1
        return f"v{self._next}"

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self._fail()
            version = self._version()
            self.versions.setdefault((Bucket, Key), []).append((version, bytes(Body)))
            return {"VersionId": version}

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self._fail()
            for version, body in reversed(self.versions.get((Bucket, Key), [])):
                if VersionId in {None, version}:
                    if body is None:
                        break
                    return {"Body": io.BytesIO(body), "VersionId": version}
            raise NoSuchKey(Key)

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self._fail()
            stack = self.versions.setdefault((Bucket, Key), [])
            if VersionId is not None:
                stack[:] = [entry for entry in stack if entry[0] != VersionId]
                return {}
            marker = self._version()
            stack.append((marker, None))
            return {"VersionId": marker, "DeleteMarker": True}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self._fail()
            names = [key for key in self.keys(Bucket, Prefix) if key > ContinuationToken]
            page = names[:7]
            found = [{"Key": key, "ETag": hashlib.md5(self.content(Bucket, key) or b"").hexdigest()} for key in page]
            more = len(names) > len(page)
            return {"Contents": found, "IsTruncated": more, "NextContinuationToken": page[-1] if more else ""}
