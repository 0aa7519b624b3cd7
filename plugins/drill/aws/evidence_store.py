"""Evidence as objects: each with its hash, its version and a retention that outlives every teardown."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

REGION = "us-west-2"
PREFIX = "drills/"
NS = 1_000_000_000
# Answers to a conditional put: somebody was first, or somebody is at it right now.
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class EvidenceError(Exception):
    """Base of this module's errors."""


class EvidenceLockError(EvidenceError):
    """The bucket would not keep what is put into it: no versioning or no Object Lock."""


class EvidenceExistsError(EvidenceError):
    """The key holds something else already: evidence is written once."""


class UnwrittenError(EvidenceError):
    """The store refused an object; `name` is the artifact's, below its drill's folder."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(f"evidence {name} could not be written: {cause}")
        self.name = name


class EvidenceDamagedError(EvidenceError):
    """What was read is not what was put: the hashes differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Mode `COMPLIANCE` (nobody may shorten it) or `GOVERNANCE`, until `until_ns` (UTC, to the second)."""

    mode: str
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One stored version; sha256 in hex, empty in listings, which do not read the object."""

    key: str
    sha256: str
    size: int
    version: str


def require_lock(session: boto3.Session, bucket: str, *, region: str = REGION) -> None:
    """Check that the bucket is versioned and locks objects; switch the lock on where the template's was not applied.

    Raises EvidenceLockError when it cannot be made so.
    """
    api = client(session, "s3", region)
    if api.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise EvidenceLockError(f"{bucket}: versioning is not enabled; deploy aex-evidence")
    if _locked(session, bucket, region):
        return
    api.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    if not _locked(session, bucket, region):
        raise EvidenceLockError(f"{bucket}: Object Lock cannot be enabled; deploy aex-evidence")


def put(
    session: boto3.Session,
    bucket: str,
    drill: str,
    name: str,
    body: bytes,
    *,
    retention: Retention | None = None,
    content_type: str = "application/octet-stream",
    region: str = REGION,
) -> Artifact:
    """Store `drills/<drill>/<name>` as `put_once` does."""
    key = f"{PREFIX}{drill}/{name}"
    return put_once(session, bucket, key, body, retention=retention, content_type=content_type, region=region)


def put_once(
    session: boto3.Session,
    bucket: str,
    key: str,
    body: bytes,
    *,
    retention: Retention | None = None,
    content_type: str = "application/octet-stream",
    region: str = REGION,
) -> Artifact:
    """Store an object where there is none; S3 checks the hash on receipt. The same content again is no error.

    Raises EvidenceExistsError where the key holds something else, UnwrittenError where the store refuses.
    """
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - slow to import; a DAG imports this module

    digest = hashlib.sha256(body)
    lock = {} if retention is None else _lock(retention)
    api = client(session, "s3", region)
    try:
        answer = api.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            IfNoneMatch="*",
            ContentType=content_type,
            ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
            Metadata={"sha256": digest.hexdigest()},
            **lock,
        )
    except api.exceptions.ClientError as refused:
        if refused.response["Error"]["Code"] not in TAKEN:
            raise UnwrittenError(_below_drill(key), refused) from refused
        answer = api.get_object(Bucket=bucket, Key=key)
        if hashlib.sha256(answer["Body"].read()).digest() != digest.digest():
            raise EvidenceExistsError(
                f"{bucket}/{key} was written with other content; evidence is never written over"
            ) from refused
    except BotoCoreError as unreached:
        raise UnwrittenError(_below_drill(key), unreached) from unreached
    return Artifact(key=key, sha256=digest.hexdigest(), size=len(body), version=answer.get("VersionId", ""))


def _below_drill(key: str) -> str:
    """`drills/<id>/raw/stacks.json` -> `raw/stacks.json`; other keys as they are."""
    return key.split("/", 2)[2] if key.startswith(PREFIX) and key.count("/") > 1 else key


def get(session: boto3.Session, bucket: str, artifact: Artifact, *, region: str = REGION) -> bytes:
    """The bytes of exactly this version. Raises EvidenceDamagedError when their hash is another."""
    answer = client(session, "s3", region).get_object(Bucket=bucket, Key=artifact.key, VersionId=artifact.version)
    body = bytes(answer["Body"].read())
    found = hashlib.sha256(body).hexdigest()
    if artifact.sha256 and found != artifact.sha256:
        raise EvidenceDamagedError(f"{bucket}/{artifact.key} {artifact.version}: sha256 {found}, not {artifact.sha256}")
    return body


def listing(session: boto3.Session, bucket: str, drill: str = "", *, region: str = REGION) -> list[Artifact]:
    """Every version below `drills/<drill>/` (all drills when empty), by key, newest version first."""
    prefix = f"{PREFIX}{drill}/" if drill else PREFIX
    pages = client(session, "s3", region).get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return [
        Artifact(key=entry["Key"], sha256="", size=int(entry["Size"]), version=entry["VersionId"])
        for page in pages
        for entry in page.get("Versions", ())
    ]


def drills(session: boto3.Session, bucket: str, *, region: str = REGION) -> list[str]:
    """Ids of every drill that filed anything, in alphabetical order; their artifacts are not listed."""
    pages = client(session, "s3", region).get_paginator("list_objects_v2")
    return [
        folder["Prefix"].removeprefix(PREFIX).removesuffix("/")
        for page in pages.paginate(Bucket=bucket, Prefix=PREFIX, Delimiter="/")
        for folder in page.get("CommonPrefixes", ())
    ]


def retention(session: boto3.Session, bucket: str, artifact: Artifact, *, region: str = REGION) -> Retention | None:
    """How long this version is kept, None when it is not locked."""
    api = client(session, "s3", region)
    try:
        found = api.get_object_retention(Bucket=bucket, Key=artifact.key, VersionId=artifact.version)["Retention"]
    except api.exceptions.ClientError as absent:
        if absent.response["Error"]["Code"] == "NoSuchObjectLockConfiguration":
            return None
        raise
    return Retention(mode=found["Mode"], until_ns=int(found["RetainUntilDate"].timestamp()) * NS)


def hold(session: boto3.Session, bucket: str, artifact: Artifact, *, on: bool, region: str = REGION) -> None:
    """Set or lift the legal hold of one version: while it is on, nobody deletes it, whatever its retention says."""
    client(session, "s3", region).put_object_legal_hold(
        Bucket=bucket, Key=artifact.key, VersionId=artifact.version, LegalHold={"Status": "ON" if on else "OFF"}
    )


def held(session: boto3.Session, bucket: str, artifact: Artifact, *, region: str = REGION) -> bool:
    """Whether a legal hold is on this version."""
    api = client(session, "s3", region)
    try:
        found = api.get_object_legal_hold(Bucket=bucket, Key=artifact.key, VersionId=artifact.version)["LegalHold"]
    except api.exceptions.ClientError as absent:
        if absent.response["Error"]["Code"] == "NoSuchObjectLockConfiguration":
            return False
        raise
    return bool(found["Status"] == "ON")


def _lock(wanted: Retention) -> dict[str, object]:
    until = datetime.fromtimestamp(wanted.until_ns // NS, UTC)
    return {"ObjectLockMode": wanted.mode, "ObjectLockRetainUntilDate": until}


def _locked(session: boto3.Session, bucket: str, region: str) -> bool:
    api = client(session, "s3", region)
    try:
        found = api.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    except api.exceptions.ClientError as absent:
        if absent.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return False
        raise
    return bool(found.get("ObjectLockEnabled") == "Enabled")
