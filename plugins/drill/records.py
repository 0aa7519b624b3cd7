"""A drill's links in the chain: its registration, its outcome, and whatever is said about it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.aws import evidence_store
from drill.core.evidence import amendments
from drill.core.evidence.canonical import sha256
from drill.core.evidence.chain import Chain, Link, object_name
from drill.core.evidence.keys import Signer
from drill.core.evidence.manifest import NAME as MANIFEST
from drill.core.evidence.statement import Body, Hold, KeyNotice, Outcome, Registration, Subject
from drill.docket import Docket, NotRegistered

REGISTRATION = "raw/registration.json"
UNJUDGED = {"outcome": "INVALID", "sentence": "No verdict was filed."}


def register(docket: Docket) -> Link:
    """Append the registration of a drill whose registration document is filed; once, however often it is called."""
    content = docket.find(REGISTRATION)
    document = docket.document("registration")
    if content is None:
        msg = f"drill {docket.drill}: not registered; its register step must end first"
        raise NotRegistered(msg)
    body = Registration(plan_sha256=document["plan_sha256"], nonce_sha256=document["plan"]["nonce_sha256"])
    return docket.chain().append(
        docket.drill,
        lambda _: (body, Subject.of(REGISTRATION, sha256(content))),
        there=lambda chain: chain.one(docket.drill, Registration),
    )


def close(docket: Docket, manifest: bytes, artifacts: int, verdict: Mapping[str, Any] | None) -> Link:
    """Append the outcome: the verdict, over the manifest; once, however often it is called."""
    said: Mapping[str, Any] = verdict or UNJUDGED
    body = Outcome(
        outcome=said["outcome"],
        sentence=said["sentence"],
        rules=tuple(sorted({ruling["rule"] for ruling in said.get("rulings", ())})),
        artifacts=artifacts,
    )
    return docket.chain().append(
        docket.drill,
        lambda _: (body, Subject.of(MANIFEST, sha256(manifest))),
        there=lambda chain: chain.one(docket.drill, Outcome),
    )


def amend(docket: Docket, body: Body) -> Link:
    """Append what somebody has to say about a drill. Raises RefusedAmendment where a rule forbids it."""

    def about(chain: Chain) -> tuple[Body, Subject]:
        amendments.check(chain, docket.drill, body)
        latest = [link for link in chain.of(docket.drill) if isinstance(link.body, Registration | Outcome)][-1]
        return body, Subject.of(object_name(latest.number), latest.sha256)

    return docket.chain().append(docket.drill, about)


def hold(docket: Docket, *, on: bool, author: str, reason: str) -> Link:
    """Set or lift the legal hold on every stored version of the drill's objects, and append that it was done.

    Raises RefusedAmendment before anything is touched where it may not be said.
    """
    versions = docket.versions()
    body = Hold(on=on, author=author, reason=reason, objects=len(versions))
    amendments.check(docket.chain().read(), docket.drill, body)
    for version in versions:
        evidence_store.hold(
            docket.home, docket.settings.evidence_bucket, version, on=on, region=docket.settings.dr_region
        )
    return amend(docket, body)


def introduce(docket: Docket, key: Signer, reason: str) -> Link:
    """Announce the key that signs next, signed by today's key and by itself: then the setting may name it."""
    notice = KeyNotice(keyid=key.public.keyid, public_key=key.public.pem.decode(), reason=reason)
    return docket.chain().append(
        "",
        lambda _: (notice, Subject.of("key", key.public.keyid)),
        there=lambda chain: _introduced(chain, key.public.keyid),
        beside=[key],
    )


def _introduced(chain: Chain, keyid: str) -> Link | None:
    notices: Sequence[Link] = [link for link in chain.links if isinstance(link.body, KeyNotice)]
    return next((link for link in notices if keyid in link.keyids and link.statement.sha256 == keyid), None)
