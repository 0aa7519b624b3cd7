"""An AWS account in memory, as far as a docket needs it: versioned S3 with conditional puts, ranges and locks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class MemoryS3:
    """The S3 calls of engine.storage, drill.aws.evidence_store and drill.aws.control."""

    exceptions = SimpleNamespace(ClientError=ClientError)

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.written: list[str] = []
        self.refuses: set[str] = set()  # keys whose put is denied

    def content(self, bucket: str, key: str) -> bytes | None:
        stack = self.versions.get((bucket, key))
        return stack[-1]["Body"] if stack else None

    def put_object(self, **put: Any) -> dict[str, Any]:
        bucket, key = put["Bucket"], put["Key"]
        if key in self.refuses:
            raise refusal("AccessDenied", "PutObject")
        if put.get("IfNoneMatch") == "*" and self.content(bucket, key) is not None:
            raise refusal("PreconditionFailed", "PutObject")
        if "IfMatch" in put:
            self._require(bucket, key, put["IfMatch"], "PutObject")
        self.written.append(key)
        stack = self.versions.setdefault((bucket, key), [])
        stack.append({**put, "VersionId": f"v{len(self.written)}"})
        return {"VersionId": stack[-1]["VersionId"]}

    def _etag(self, bucket: str, key: str) -> str:
        return f'"{self.versions[bucket, key][-1]["VersionId"]}"'

    def _require(self, bucket: str, key: str, etag: str, operation: str) -> None:
        if self.content(bucket, key) is None:
            raise refusal("NoSuchKey", operation)
        if self._etag(bucket, key) != etag:
            raise refusal("PreconditionFailed", operation)

    def get_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Range: str = "",  # noqa: N803
        VersionId: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        stack = self.versions.get((Bucket, Key), ())
        wanted = [version for version in stack if version["VersionId"] == VersionId] if VersionId else stack
        body = wanted[-1]["Body"] if wanted else None
        if body is None:
            raise refusal("NoSuchKey", "GetObject")
        if not Range:
            return {"Body": io.BytesIO(body), "ETag": self._etag(Bucket, Key)}
        start, end = (int(edge) for edge in Range.removeprefix("bytes=").split("-"))
        piece = body[start : end + 1]
        return {
            "Body": io.BytesIO(piece),
            "ETag": self._etag(Bucket, Key),
            "ContentRange": f"bytes {start}-{end}/{len(body)}",
        }

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if self.content(Bucket, Key) is None:
            raise refusal("404", "HeadObject")
        return {}

    def delete_object(self, *, Bucket: str, Key: str, IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        if IfMatch:
            self._require(Bucket, Key, IfMatch, "DeleteObject")
        self.versions.pop((Bucket, Key), None)
        return {}

    def put_object_legal_hold(self, *, Bucket: str, Key: str, VersionId: str, LegalHold: dict[str, str]) -> None:  # noqa: N803
        [version] = [one for one in self.versions[Bucket, Key] if one["VersionId"] == VersionId]
        version["held"] = LegalHold["Status"] == "ON"

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=getattr(self, f"_{operation}"))

    def _list_objects_v2(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        keys = self.keys(Bucket, Prefix)
        if Delimiter:
            folders = sorted({Prefix + key.removeprefix(Prefix).split(Delimiter)[0] + Delimiter for key in keys})
            yield {"CommonPrefixes": [{"Prefix": folder} for folder in folders]}
            return
        yield {"Contents": [{"Key": key, "Size": len(self.content(Bucket, key) or b"")} for key in keys]}

    def _list_object_versions(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {
            "Versions": [
                {"Key": key, "Size": len(version["Body"]), "VersionId": version["VersionId"]}
                for key in self.keys(Bucket, Prefix)
                for version in reversed(self.versions[Bucket, key])
            ]
        }

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted(key for held, key in self.versions if held == bucket and key.startswith(prefix))


class MemoryAccount:
    """A boto3.Session of every region, with S3 and nothing else."""

    def __init__(self) -> None:
        self.s3 = MemoryS3()

    def client(self, service: str, **_: Any) -> MemoryS3:
        assert service == "s3", f"nobody should ask {service} here"
        return self.s3

    def session(self, region: str) -> MemoryAccount:
        assert region in {"us-east-1", "us-west-2"}
        return self
