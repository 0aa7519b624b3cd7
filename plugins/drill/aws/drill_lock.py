"""The lock that lets one drill run at a time: a lease in the store, so that it also guards against a second Airflow.

`control/drill-lock.json` names its holder and when the lease ends. Steps and triggers renew it while the drill lives; a
drill that died renews nothing, and whoever comes after the end takes the lease over. Every change is a conditional put
on the version that was read: of two drills that come at once one meets the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drill import clock
from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

KEY = "control/drill-lock.json"
TERM_NS = 120_000_000_000
"""How long a lease lasts without being renewed: longer than a restart of Airflow, shorter than anybody's patience."""
RENEW_NS = 15_000_000_000
"""How often a drill that lives renews it."""
_RACED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409", "NoSuchKey", "404"})


class LockHeldError(Exception):
    """Another drill holds the lock; `holder` is its lease."""

    def __init__(self, holder: Lease) -> None:
        super().__init__(
            f"drill {holder.drill} is running (its lease lasts until {clock.utc(int(holder.expires_ns)):%H:%M:%S} UTC);"
            " wait for its end, or stop it: `python -m drill abort DRILL --reason ...`"
        )
        self.holder = holder


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the lock: who holds it, since when, and until when. Nanoseconds UTC of the holder's clock."""

    drill: str
    taken_ns: str
    expires_ns: str

    def lasts(self, now_ns: int) -> bool:
        """Whether the lease has not ended."""
        return now_ns < int(self.expires_ns)


class Standing(msgspec.Struct, frozen=True):
    """A lease as it stands in the store, with the entity tag of the version that was read."""

    lease: Lease
    etag: str


def standing(session: boto3.Session, bucket: str, region: str) -> Standing | None:
    """Who holds the lock now, in force or not; None when nobody does. A lock that cannot be read is held by `unknown`.

    Such a lock counts as ended: no drill of this version wrote it, so none renews it.
    """
    api = client(session, "s3", region)
    try:
        found = api.get_object(Bucket=bucket, Key=KEY)
    except api.exceptions.ClientError as absent:
        if absent.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise
    content = found["Body"].read()
    try:
        lease = msgspec.json.decode(content, type=Lease)
    except msgspec.MsgspecError:
        lease = Lease(drill="unknown", taken_ns="0", expires_ns="0")
    return Standing(lease, str(found["ETag"]))


def take(session: boto3.Session, bucket: str, region: str, drill: str, *, term_ns: int = TERM_NS) -> Lease | None:
    """Take the lock for `drill`; returns the ended lease of another drill that was taken over, or None.

    Taking it again renews it. Raises LockHeldError where another drill's lease lasts, also when that drill came first
    by a moment.
    """
    found = standing(session, bucket, region)
    now_ns = clock.now_ns()
    if found is not None and found.lease.drill != drill and found.lease.lasts(now_ns):
        raise LockHeldError(found.lease)
    since = found.lease.taken_ns if found is not None and found.lease.drill == drill else str(now_ns)
    lease = Lease(drill=drill, taken_ns=since, expires_ns=str(now_ns + term_ns))
    if not _put(session, bucket, region, lease, found):
        first = standing(session, bucket, region)
        if first is None or first.lease.drill == drill:
            return take(session, bucket, region, drill, term_ns=term_ns)
        raise LockHeldError(first.lease)
    return found.lease if found is not None and found.lease.drill != drill else None


def renew(session: boto3.Session, bucket: str, region: str, drill: str, *, term_ns: int = TERM_NS) -> Lease | None:
    """Renew the lock of `drill`. Returns None when it is renewed, else the lease that stands in its place.

    A lock that nobody holds any more is lost too: the lease returned is then one of `nobody`.
    """
    found = standing(session, bucket, region)
    if found is None:
        return Lease(drill="nobody", taken_ns="0", expires_ns="0")
    if found.lease.drill != drill:
        return found.lease
    fresh = Lease(drill=drill, taken_ns=found.lease.taken_ns, expires_ns=str(clock.now_ns() + term_ns))
    if _put(session, bucket, region, fresh, found):
        return None
    # Somebody wrote it between reading and putting: another step of this drill, or who took it over.
    now = standing(session, bucket, region)
    return None if now is not None and now.lease.drill == drill else renew(session, bucket, region, drill)


def release(session: boto3.Session, bucket: str, region: str, drill: str) -> bool:
    """Free the lock if it is the drill's own; says whether it was."""
    api = client(session, "s3", region)
    while (found := standing(session, bucket, region)) is not None and found.lease.drill == drill:
        try:
            api.delete_object(Bucket=bucket, Key=KEY, IfMatch=found.etag)
        except api.exceptions.ClientError as raced:
            if raced.response["Error"]["Code"] not in _RACED:
                raise
            continue  # a step that still runs renewed it at this moment: look again
        return True
    return False


def _put(session: boto3.Session, bucket: str, region: str, lease: Lease, found: Standing | None) -> bool:
    """Write the lease in place of what was found; False where something else stands there by now."""
    api = client(session, "s3", region)
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if found is None else {"IfMatch": found.etag}
    try:
        api.put_object(
            Bucket=bucket, Key=KEY, Body=msgspec.json.encode(lease), ContentType="application/json", **condition
        )
    except api.exceptions.ClientError as raced:
        if raced.response["Error"]["Code"] not in _RACED:
            raise
        return False
    return True
