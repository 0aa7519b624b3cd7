"""The chain as objects: appended by conditional put, its head anchored in a bucket of another region."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from drill import clock
from drill.aws import evidence_store
from drill.aws.clients import client
from drill.aws.evidence_store import EvidenceError, EvidenceExistsError, Retention
from drill.aws.time_stamp import TimeStampError
from drill.core.evidence.anchor import PREFIX as HEADS
from drill.core.evidence.anchor import STAMP_SUFFIX, Head, head_name
from drill.core.evidence.canonical import canonical
from drill.core.evidence.chain import PREFIX, Chain, Link, object_name, read_chain
from drill.core.evidence.statement import Body, KeyNotice, Subject

if TYPE_CHECKING:
    import boto3

    from drill.core.evidence.keys import Signer

log = logging.getLogger(__name__)

READERS = 16
RACES = 50  # writers who may come first before it is somebody's fault
Stamp = Callable[[bytes], bytes]  # a head's bytes -> a third party's time-stamp response over them


class ChainError(EvidenceError):
    """The chain cannot be read or appended to."""


class Place:
    """A bucket of evidence; `retention` says in which mode and until when (UTC ns) what is put now is locked."""

    def __init__(self, session: boto3.Session, bucket: str, region: str, retention: Callable[[], Retention]) -> None:
        self.session, self.bucket, self.region, self.retention = session, bucket, region, retention

    def put(self, key: str, body: bytes) -> None:
        """Put what is not there yet. Raises EvidenceExistsError where the key holds something else."""
        evidence_store.put_once(
            self.session, self.bucket, key, body, retention=self.retention(), region=self.region,
            content_type="application/json" if key.endswith(".json") else "application/timestamp-reply",
        )  # fmt: skip

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Every object below a prefix by key, in order of keys."""
        api = client(self.session, "s3", self.region)
        pages = api.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))
        with ThreadPoolExecutor(READERS) as pool:
            bodies = pool.map(lambda key: bytes(api.get_object(Bucket=self.bucket, Key=key)["Body"].read()), keys)
            return dict(zip(keys, bodies, strict=True))

    def first_contents(self, prefix: str) -> dict[str, bytes]:
        """The same in each object's oldest version: a writer may put a new version over it, and no more."""
        api = client(self.session, "s3", self.region)
        pages = api.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        # Newest first: the last one that is seen of a key is its oldest.
        oldest = {entry["Key"]: entry["VersionId"] for page in pages for entry in page.get("Versions", ())}
        return {
            key: bytes(api.get_object(Bucket=self.bucket, Key=key, VersionId=version)["Body"].read())
            for key, version in sorted(oldest.items())
        }


class ChainStore:
    """The chain in `home`, its heads in `away`; `signer` is asked for only when something is appended."""

    def __init__(
        self, home: Place, away: Place, signer: Callable[[], Signer], *, by: str, stamp: Stamp | None = None
    ) -> None:
        self._home, self._away, self._signer, self._by, self._stamp = home, away, signer, by, stamp

    def read(self) -> Chain:
        """All links, each naming the one before. Raises BrokenLink where they do not."""
        contents = self._home.contents(PREFIX)
        for number, key in enumerate(contents, start=1):
            if key != object_name(number):
                raise ChainError(f"{self._home.bucket}: {object_name(number)} is missing, {key} follows")
        return read_chain(list(contents.values()))

    def append(
        self,
        drill: str,
        make: Callable[[Chain], tuple[Body, Subject]],
        *,
        there: Callable[[Chain], Link | None] = lambda _: None,
        beside: Iterable[Signer] = (),
    ) -> Link:
        """Append one link, signed, and anchor it; `there` finds the link of an earlier attempt, which is then kept.

        `make` sees the chain that the link follows. `beside` signs after the signer (a new key that it introduces).
        Whoever comes second to a number reads again and takes the next. Raises ChainError after RACES losses.
        """
        signer = self._signer()
        for _ in range(RACES):
            chain = self.read()
            found = there(chain)
            if found is not None:
                self.anchor(found)
                return found
            if signer.public.keyid not in chain.keys:
                self._place(_introduced(chain, signer, self._by))
                continue
            body, subject = make(chain)
            signers = (signer, *beside)
            link = chain.next(body, subject, signers, drill=drill, at_ns=clock.now_ns(), by=self._by)
            if self._place(link):
                self.anchor(link)
                return link
        raise ChainError(f"{self._home.bucket}/{PREFIX}: {RACES} times another writer was first; who appends so much?")

    def anchor(self, link: Link) -> None:
        """Note the head in the other region, once; and have it stamped by a third party where one is set.

        An authority that does not answer stops no drill: the head stays without a stamp, which `verify` counts.
        """
        name = head_name(link.number)
        head = canonical(Head(number=link.number, sha256=link.sha256, at_ns=link.predicate.at_ns))
        self._away.put(name, head)
        stamp = name.removesuffix(".json") + STAMP_SUFFIX
        if self._stamp is not None and not self._away.contents(stamp):
            try:
                self._away.put(stamp, self._stamp(head))
            except TimeStampError as silent:
                log.warning("head %d is anchored and not time-stamped: %s", link.number, silent)

    def heads(self) -> list[tuple[bytes, bytes | None]]:
        """Every anchored head as it was first stored, with its time stamp where there is one, in order of numbers."""
        there = self._away.first_contents(HEADS)
        return [
            (content, there.get(key.removesuffix(".json") + STAMP_SUFFIX))
            for key, content in there.items()
            if key.endswith(".json")
        ]

    def _place(self, link: Link) -> bool:
        """Whether the link took its place; False where another one was first."""
        try:
            self._home.put(object_name(link.number), link.content)
        except EvidenceExistsError:
            return False
        return True


def _introduced(chain: Chain, signer: Signer, by: str) -> Link:
    """The link with which a key that the chain does not know begins to sign."""
    earlier = list(chain.keys)
    reason = (
        f"signs from here on without the signature of key {earlier[-1][:16]}…, which was rotated or lost"
        if earlier
        else "the first key"
    )
    key = signer.public
    notice = KeyNotice(keyid=key.keyid, public_key=key.pem.decode(), reason=reason)
    return chain.next(notice, Subject.of("key", key.keyid), (signer,), drill="", at_ns=clock.now_ns(), by=by)
