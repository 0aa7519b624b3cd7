"""What the chain's links say: in-toto statements (v1), one predicate type per kind of link.

A statement's subject is what it is about, by hash: the registration, the manifest, or an earlier link. The predicate
says where in the chain it stands, when it was made, by whom, and what is said.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from drill.core.evidence.canonical import NotCanonical, reread

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://aex.example/evidence/{kind}/v1"
HEX = 64


class KeyNotice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="key", tag_field="kind"):
    """A key that signs from here on: signed by itself and, where the old one could still sign, by the old one."""

    keyid: str
    public_key: str  # PEM
    reason: str


class Registration(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="registration", tag_field="kind"
):
    """A drill was planned. Subject: its registration document."""

    plan_sha256: str
    nonce_sha256: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="outcome", tag_field="kind"):
    """A drill has ended. Subject: the manifest of everything that it filed."""

    outcome: str
    sentence: str
    rules: tuple[str, ...]
    artifacts: int


class Amendment(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="amendment", tag_field="kind"
):
    """A correction: what was filed stays, this is added to it. Subject: the drill's latest record."""

    author: str
    reason: str
    text: str


class FindingOpened(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="finding", tag_field="kind"
):
    """Something has to be done about a drill's result. `due` is a date, YYYY-MM-DD."""

    finding: str
    what: str
    owner: str
    due: str
    author: str


class FindingClosed(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="closure", tag_field="kind"
):
    """A finding is settled: `retest` is the id of a later drill that passed."""

    finding: str
    retest: str
    author: str
    reason: str


class SignOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sign-off", tag_field="kind"):
    """A person stands by the record: one prepares it, another one reviews it, and then it is signed off."""

    role: Literal["prepared", "reviewed", "signed off"]
    person: str
    statement: str


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="hold", tag_field="kind"):
    """A legal hold on all objects of a drill was set or lifted."""

    on: bool
    author: str
    reason: str
    objects: int


Body = KeyNotice | Registration | Outcome | Amendment | FindingOpened | FindingClosed | SignOff | Hold


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a statement is about: a name and `{"sha256": hex}`."""

    name: str
    digest: dict[str, str]

    @classmethod
    def of(cls, name: str, sha256: str) -> Subject:
        """The subject of this name and hash."""
        return cls(name=name, digest={"sha256": sha256})


class Predicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link's place: `number` from 1, SHA-256 of the link before (zeros before the first), UTC ns, who wrote it."""

    number: int
    previous_sha256: str
    drill: str  # empty for keys
    at_ns: str
    by: str
    body: Body

    @property
    def at(self) -> int:
        """UTC nanoseconds of the writer's clock."""
        return int(self.at_ns)


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An in-toto statement."""

    type: str = msgspec.field(name="_type", default=TYPE)
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: Predicate

    @property
    def sha256(self) -> str:
        """The subject's hash."""
        return self.subject[0].digest["sha256"]


def kind_of(body: Body) -> str:
    """`registration`, `outcome`, ...: the tag of a body."""
    return str(msgspec.inspect.type_info(type(body)).tag)  # type: ignore[attr-defined]


def make(
    body: Body, subject: Subject, *, number: int, previous_sha256: str, drill: str, at_ns: int, by: str
) -> Statement:
    """The statement of one link."""
    return Statement(
        subject=(subject,),
        predicate_type=PREDICATE.format(kind=kind_of(body)),
        predicate=Predicate(
            number=number, previous_sha256=previous_sha256, drill=drill, at_ns=str(at_ns), by=by, body=body
        ),
    )


def read_statement(content: bytes) -> Statement:
    """The statement in these bytes. Raises NotCanonical where it is none of ours."""
    statement = reread(content, Statement)
    expected = PREDICATE.format(kind=kind_of(statement.predicate.body))
    if (statement.type, statement.predicate_type) != (TYPE, expected):
        raise NotCanonical(f"statement of type {statement.type} and {statement.predicate_type}, expected {expected}")
    if len(statement.subject) != 1 or set(statement.subject[0].digest) != {"sha256"}:
        raise NotCanonical("a statement has one subject, named by its SHA-256")
    if not statement.predicate.at_ns.isdecimal() or len(statement.predicate.previous_sha256) != HEX:
        raise NotCanonical("a statement says when in nanoseconds (decimal) and names the link before by 64 hex digits")
    return statement
