"""The chain: one link after the other over all drills, each naming the SHA-256 of the one before.

A link is a DSSE envelope around an in-toto statement, and its hash is that of the envelope as stored: so a link stands
for everything before it, signatures included. Links are objects `chain/<number>.json`, put only where none is: of two
writers who append at once, one finds the place taken, reads again and takes the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.canonical import NotCanonical, canonical, sha256
from drill.core.evidence.envelope import BadEnvelope, Envelope, read_envelope, seal
from drill.core.evidence.keys import BadKey, PublicKey, Signer
from drill.core.evidence.statement import (
    Body,
    KeyNotice,
    Outcome,
    Predicate,
    Registration,
    Statement,
    Subject,
    make,
    read_statement,
)

GENESIS = "0" * 64
PREFIX = "chain/"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One link as read: its place, its hash, what it says, and the keys that it says signed it."""

    number: int
    sha256: str
    content: bytes
    envelope: Envelope
    statement: Statement

    @property
    def predicate(self) -> Predicate:
        """What the link says."""
        return self.statement.predicate

    @property
    def body(self) -> Body:
        """What it is: a registration, an outcome, an amendment, ..."""
        return self.statement.predicate.body

    @property
    def keyids(self) -> tuple[str, ...]:
        """Ids of the keys that signed."""
        return tuple(one.keyid for one in self.envelope.signatures)


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """All links from the first on."""

    links: tuple[Link, ...] = ()

    @property
    def head_sha256(self) -> str:
        """What the next link names as the one before it."""
        return self.links[-1].sha256 if self.links else GENESIS

    @property
    def keys(self) -> dict[str, PublicKey]:
        """Every key that the chain introduces, by id."""
        notices = (link.body for link in self.links if isinstance(link.body, KeyNotice))
        return {notice.keyid: PublicKey(notice.public_key.encode()) for notice in notices}

    def of(self, drill: str) -> Iterator[Link]:
        """The links about one drill, oldest first."""
        return (link for link in self.links if link.predicate.drill == drill)

    def one(self, drill: str, form: type[Registration | Outcome]) -> Link | None:
        """The drill's registration or outcome, or None."""
        return next((link for link in self.of(drill) if isinstance(link.body, form)), None)

    def next(self, body: Body, subject: Subject, signers: Sequence[Signer], *, drill: str, at_ns: int, by: str) -> Link:
        """The link that would come next, signed."""
        number = len(self.links) + 1
        statement = make(
            body, subject, number=number, previous_sha256=self.head_sha256, drill=drill, at_ns=at_ns, by=by
        )
        return read_link(number, seal(canonical(statement), signers))

    def with_link(self, link: Link) -> Chain:
        """The chain with one more link."""
        return Chain(links=(*self.links, link))


def object_name(number: int) -> str:
    """Name of a link's object: sorts by number."""
    return f"{PREFIX}{number:012d}.json"


def read_link(number: int, content: bytes) -> Link:
    """One link as stored; neither its signature nor its place is checked. Raises BrokenLink."""
    try:
        envelope = read_envelope(content)
        statement = read_statement(envelope.content)
    except (NotCanonical, BadEnvelope) as refused:
        raise BrokenLink(f"link {number}", str(refused)) from refused
    return Link(number=number, sha256=sha256(content), content=content, envelope=envelope, statement=statement)


def read_chain(contents: Sequence[bytes]) -> Chain:
    """Links in their order, each naming the one before. Signatures are checked by `signed`. Raises BrokenLink."""
    links: list[Link] = []
    before = GENESIS
    for number, content in enumerate(contents, start=1):
        link = read_link(number, content)
        if link.predicate.number != number:
            raise BrokenLink(f"link {number}", f"says that it is link {link.predicate.number}")
        if link.predicate.previous_sha256 != before:
            told = f"names {link.predicate.previous_sha256[:16]}… as the link before it"
            raise BrokenLink(f"link {number}", f"{told}, which has {before[:16]}…")
        links.append(link)
        before = link.sha256
    return Chain(links=tuple(links))


def signed(chain: Chain, trusted: Mapping[str, PublicKey]) -> None:
    """Check every signature, and that the last link is signed by a key that the auditor holds.

    A link that an earlier key signed is verified with the key that the chain itself introduces; that this key was
    ours is said by the trusted signature above it, whose link stands for all before. Raises BrokenLink.
    """
    known: dict[str, PublicKey] = dict(trusted)
    for link in chain.links:
        if isinstance(link.body, KeyNotice):
            key = _introduced(link, link.body)
            known.setdefault(key.keyid, key)
        if link.envelope.signers(known) is None:
            unknown = [keyid for keyid in link.keyids if keyid not in known]
            what = f"signed by key {unknown[0][:16]}…, which nobody introduced" if unknown else "the signature is wrong"
            raise BrokenLink(f"link {link.number}", what)
    last = chain.links[-1] if chain.links else None
    if last is None:
        raise BrokenLink("chain", "has no link")
    trust(last, trusted)


def trust(link: Link, trusted: Mapping[str, PublicKey]) -> None:
    """Check that one of the auditor's own keys signed a link whose signatures hold. Raises BrokenLink."""
    if not set(link.keyids) & set(trusted):
        raise BrokenLink(
            f"link {link.number}",
            f"signed by key {link.keyids[0][:16]}…, which is not among the {len(trusted)} given with --key",
        )


def _introduced(link: Link, notice: KeyNotice) -> PublicKey:
    where = f"link {link.number}"
    try:
        key = PublicKey(notice.public_key.encode(), where)
    except BadKey as refused:
        raise BrokenLink(where, str(refused)) from refused
    if not notice.keyid == key.keyid == link.statement.sha256:
        raise BrokenLink(where, f"introduces key {key.keyid[:16]}… under another id")
    if key.keyid not in link.keyids:
        raise BrokenLink(where, f"introduces key {key.keyid[:16]}…, which did not sign it")
    return key
