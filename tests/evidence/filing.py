"""Drills as they are filed: artifacts, manifest, links, anchor and bundle, made in memory by the product itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from drill.core.evidence import Evidence
from drill.core.evidence.anchor import Head, head_name, write_anchor
from drill.core.evidence.bundle import Bundle, write_bundle
from drill.core.evidence.canonical import canonical, sha256
from drill.core.evidence.chain import Chain
from drill.core.evidence.keys import Signer
from drill.core.evidence.manifest import Entry, manifest
from drill.core.evidence.statement import Amendment, Body, KeyNotice, Outcome, Registration, Subject
from drill.core.verdict import judge
from tests.core import worlds

SECOND = worlds.SECOND
BEFORE, AFTER = worlds.T0 - 40 * SECOND, worlds.T0 + 200 * SECOND
OTHER = "drill-20261113-fedcba"


def of(drill: str, evidence: Evidence) -> Evidence:
    """The same world as another drill's: its plan has another id, so another hash."""
    plan = msgspec.structs.replace(worlds.plan(), drill_id=drill)
    documents = dict(evidence.documents)
    if "registration" in documents:
        documents["registration"] = {
            **documents["registration"],
            "plan": msgspec.to_builtins(plan),
            "plan_sha256": plan.sha256(),
        }
    events = tuple(msgspec.structs.replace(event, drill=drill) for event in evidence.events)
    return Evidence(documents=documents, events=events)


def artifacts(evidence: Evidence) -> dict[str, bytes]:
    """What the steps of that drill would have filed, verdict and report included."""
    verdict = judge(evidence)
    filed = {event.key: msgspec.json.encode(event) for event in evidence.events}
    filed |= {f"raw/{name}.json": json.dumps(document).encode() for name, document in evidence.documents.items()}
    filed["verdict.json"] = msgspec.json.encode(verdict)
    filed["report.json"] = json.dumps({"result": {"verdict": {"outcome": verdict.outcome}}}).encode()
    filed["report.html"] = f"<p>{verdict.sentence}</p>".encode()
    return filed


def listed(drill: str, filed: Mapping[str, bytes]) -> bytes:
    """The manifest of these artifacts."""
    return canonical(
        manifest(
            drill,
            (
                Entry(name=name, sha256=sha256(content), size=len(content), version_id=f"v-{name}")
                for name, content in filed.items()
            ),
        )
    )


def introduced(chain: Chain, signer: Signer, *beside: Signer) -> Chain:
    """The chain with a link that introduces a key."""
    key = (beside or (signer,))[-1].public
    notice = KeyNotice(keyid=key.keyid, public_key=key.pem.decode(), reason="test")
    return said(chain, notice, Subject.of("key", key.keyid), [signer, *beside], drill="", at_ns=BEFORE)


def said(
    chain: Chain, body: Body, subject: Subject, signers: Sequence[Signer], *, drill: str, at_ns: int = AFTER
) -> Chain:
    """The chain with one more link."""
    return chain.with_link(chain.next(body, subject, signers, drill=drill, at_ns=at_ns, by="test"))


def registered(chain: Chain, drill: str, filed: Mapping[str, bytes], signer: Signer) -> Chain:
    """The chain with the drill's registration."""
    document = json.loads(filed["raw/registration.json"])
    body = Registration(plan_sha256=document["plan_sha256"], nonce_sha256=document["plan"]["nonce_sha256"])
    subject = Subject.of("raw/registration.json", sha256(filed["raw/registration.json"]))
    return said(chain, body, subject, [signer], drill=drill, at_ns=BEFORE)


def closed(chain: Chain, drill: str, filed: Mapping[str, bytes], signer: Signer) -> Chain:
    """The chain with the drill's outcome, as its verdict.json says it."""
    verdict = json.loads(filed["verdict.json"])
    body = Outcome(
        outcome=verdict["outcome"],
        sentence=verdict["sentence"],
        rules=tuple(sorted({ruling["rule"] for ruling in verdict["rulings"]})),
        artifacts=len(filed),
    )
    subject = Subject.of("manifest.json", sha256(listed(drill, filed)))
    return said(chain, body, subject, [signer], drill=drill)


def anchored(chain: Chain) -> bytes:
    """The anchor file over every link."""
    return write_anchor(
        [
            (canonical(Head(number=link.number, sha256=link.sha256, at_ns=link.predicate.at_ns)), None)
            for link in chain.links
        ]
    )


def rechained(contents: Iterable[Body | tuple[Body, Subject, str]], signer: Signer) -> Chain:
    """A whole history written anew by whoever holds a key: bodies with their subjects and drills, in order."""
    chain = introduced(Chain(), signer)
    for body, subject, drill in contents:  # type: ignore[misc]
        at_ns = BEFORE if isinstance(body, Registration) else AFTER
        chain = said(chain, body, subject, [signer], drill=drill, at_ns=at_ns)
    return chain


@dataclass(frozen=True)
class Record:
    """Two drills in one chain, and what is said about them; `drill` is the one that the bundle is of."""

    signer: Signer
    chain: Chain
    filed: dict[str, dict[str, bytes]] = field(default_factory=dict)
    drill: str = worlds.DRILL

    def bundle(self) -> bytes:
        """The drill's bundle."""
        return self.pack(self.filed[self.drill], listed(self.drill, self.filed[self.drill]), self.links())

    def links(self) -> list[bytes]:
        """The links as stored."""
        return [link.content for link in self.chain.links]

    def pack(self, filed: Mapping[str, bytes], listing: bytes, chain: Sequence[bytes]) -> bytes:
        """A bundle of other parts."""
        return write_bundle(Bundle(drill=self.drill, manifest=listing, artifacts=dict(filed), chain=tuple(chain)))

    def say(self, body: Body, **changes: Any) -> Record:
        """The record with one more link about its drill."""
        latest = [link for link in self.chain.of(self.drill) if isinstance(link.body, Registration | Outcome)][-1]
        subject = Subject.of(head_name(latest.number), latest.sha256)
        return replace(self, chain=said(self.chain, body, subject, [self.signer], drill=self.drill, **changes))


def record(signer: Signer, evidence: Evidence | None = None, *, between: int = 0) -> Record:
    """The healthy drill (or one of this evidence), run while another one was, in one chain.

    `between` more links were appended about the other one while they ran.
    """
    ours, theirs = artifacts(evidence or worlds.healthy()), artifacts(of(OTHER, worlds.changed(recovered=None)))
    chain = introduced(Chain(), signer)
    chain = registered(chain, OTHER, theirs, signer)
    chain = registered(chain, worlds.DRILL, ours, signer)
    for number in range(between):
        said_of_it = Amendment(author="A", reason="meanwhile", text=str(number))
        chain = said(chain, said_of_it, Subject.of("x", sha256(b"x")), [signer], drill=OTHER)
    chain = closed(chain, OTHER, theirs, signer)
    chain = closed(chain, worlds.DRILL, ours, signer)
    return Record(signer=signer, chain=chain, filed={worlds.DRILL: ours, OTHER: theirs})
