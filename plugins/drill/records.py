"""A drill's links in the chain: its registration, its outcome, and whatever is said about it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drill.core.evidence import amendments
from drill.core.evidence.canonical import sha256
from drill.core.evidence.chain import Chain, Link, object_name
from drill.core.evidence.keys import Signer
from drill.core.evidence.manifest import NAME as MANIFEST
from drill.core.evidence.statement import Body, KeyNotice, Outcome, Registration, Subject
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
