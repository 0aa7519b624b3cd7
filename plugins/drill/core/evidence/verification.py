"""Verification: from a bundle's bytes, the auditor's keys and the anchor to the verdict as recomputed.

Everything is derived again, in this order, and the first thing that does not hold is the answer: container, links and
signatures, the drill's registration and outcome, the manifest, every artifact, the verdict with all its times and the
recovery point, the amendments, the anchor.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from drill.core.evidence import amendments, anchor, manifest
from drill.core.evidence.amendments import RefusedAmendment, Standing
from drill.core.evidence.anchor import Anchor
from drill.core.evidence.artifact import newest
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.bundle import read_bundle
from drill.core.evidence.canonical import sha256
from drill.core.evidence.chain import Chain, Link, read_chain, signed, trust
from drill.core.evidence.keys import PublicKey
from drill.core.evidence.raw import Evidence, OversizedDocument, assemble
from drill.core.evidence.statement import Outcome, Registration
from drill.core.verdict import Verdict, judge
from drill.core.versions import content_hash

REGISTRATION = "raw/registration.json"
VERDICT = "verdict.json"
REPORT = "report.json"
UNJUDGED = "INVALID"  # what is filed as the outcome where no verdict was: method.md §4, F25
PROSE = frozenset({"sentence", "held"})  # worded by the version that judges; everything else must be equal
# Fields that a verdict of an earlier version does not have: where it was filed without one, that one is not compared.
LATER = frozenset(
    {
        "failback",
        "recovery_point.lost_by_symbol",
        "recovery_point.lost_notional_cents",
        "recovery_point.lost_unpriced",
    }
)
NOT_CHECKED = "NOT checked"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What an authentic bundle says. Numbers of links are 1-based; `signed_by` are key ids."""

    drill: str
    verdict: Verdict
    registration: int
    registered_ns: int
    outcome: int
    links: int
    artifacts: int
    signed_by: tuple[str, ...]
    anchor: str  # `NOT checked`, or what it covers
    standing: Standing
    notes: tuple[str, ...]


def verify(content: bytes, keys: Mapping[str, PublicKey], against: Anchor | None = None) -> Verified:
    """Verify a bundle. Raises BrokenLink naming the first thing that does not hold."""
    bundle = read_bundle(content)
    chain = read_chain(bundle.chain)
    signed(chain, keys)
    registration, outcome = _records(chain, bundle.drill, keys)
    if sha256(bundle.manifest) != outcome.statement.sha256:
        raise BrokenLink(manifest.NAME, f"is not the one that link {outcome.number} (outcome) was signed over")
    listed = manifest.check(bundle.manifest, bundle.artifacts)
    if listed.drill != bundle.drill:
        raise BrokenLink(manifest.NAME, f"is of drill {listed.drill}, the bundle says {bundle.drill}")
    evidence = _evidence(bundle.artifacts)
    _registered(bundle.artifacts, evidence, registration)
    verdict = _judged(evidence)
    notes = _as_filed(verdict, bundle.artifacts, outcome, _other_judge(evidence))
    _in_time(verdict, registration, outcome, real=evidence.plan is not None and evidence.plan.failover)
    return Verified(
        drill=bundle.drill,
        verdict=verdict,
        registration=registration.number,
        registered_ns=registration.predicate.at,
        outcome=outcome.number,
        links=len(chain.links),
        artifacts=len(listed.artifacts),
        signed_by=outcome.keyids,
        anchor=_anchored(chain, against, outcome),
        standing=_standing(chain, bundle.drill),
        notes=tuple(notes),
    )


def _records(chain: Chain, drill: str, keys: Mapping[str, PublicKey]) -> tuple[Link, Link]:
    """The drill's registration and outcome: one of each, in this order, and all its links by the auditor's keys."""
    found: dict[type, Link] = {}
    for link in chain.of(drill):
        trust(link, keys)
        for form in (Registration, Outcome):
            if isinstance(link.body, form) and found.setdefault(form, link) is not link:
                name = form.__name__.lower()
                raise BrokenLink(
                    f"link {link.number}", f"is a second {name} of drill {drill}, after link {found[form].number}"
                )
    for form in (Registration, Outcome):
        if form not in found:
            raise BrokenLink("chain", f"has no {form.__name__.lower()} of drill {drill}")
    if found[Registration].number > found[Outcome].number:
        raise BrokenLink(f"link {found[Registration].number}", f"registers drill {drill} after its outcome")
    return found[Registration], found[Outcome]


def _evidence(artifacts: Mapping[str, bytes]) -> Evidence:
    try:
        return assemble(artifacts)
    except (msgspec.MsgspecError, ValueError, OversizedDocument, gzip.BadGzipFile, EOFError, zlib.error) as refused:
        raise BrokenLink("raw evidence", f"cannot be read: {refused}") from refused


def _registered(artifacts: Mapping[str, bytes], evidence: Evidence, registration: Link) -> None:
    content = artifacts.get(REGISTRATION)
    if content is None:
        raise BrokenLink(REGISTRATION, "is not among the artifacts")
    if sha256(content) != registration.statement.sha256:
        raise BrokenLink(REGISTRATION, f"is not the one that link {registration.number} (registration) was signed over")
    document, body = evidence.get("registration"), registration.body
    assert isinstance(body, Registration)
    if document["plan_sha256"] != body.plan_sha256:
        raise BrokenLink(REGISTRATION, f"names another plan than link {registration.number} (registration)")


def _judged(evidence: Evidence) -> Verdict:
    try:
        return judge(evidence)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as refused:
        raise BrokenLink("verdict", f"cannot be recomputed from the evidence: {refused!r}") from refused


def _other_judge(evidence: Evidence) -> str:
    """What to try where the verdicts differ and other sources judged than these: rules are added as years go by."""
    filed, ours = (evidence.get("registration") or {}).get("versions", {}).get("sources:drill"), content_hash("drill")
    if not isinstance(filed, str) or ours in {filed, None}:
        return ""
    return f"; sources {filed[:12]}… judged it and these are {ours[:12]}…, so verify it with the version that filed it"


def _as_filed(verdict: Verdict, artifacts: Mapping[str, bytes], outcome: Link, hint: str) -> list[str]:
    """Compare the recomputed verdict with every place where it was filed; returns what differs in wording only.

    `hint` ends the message of a verdict that differs.
    """
    body = outcome.body
    assert isinstance(body, Outcome)
    filed = newest(artifacts, VERDICT)
    if filed is None:
        if body.outcome != UNJUDGED:
            raise BrokenLink(VERDICT, f"is missing, and link {outcome.number} (outcome) says {body.outcome}")
        return [f"no verdict was filed; the evidence says {verdict.outcome}"]
    written = _loads(filed, VERDICT)
    computed, notes = _as_known(_plain(verdict), written)
    for name in sorted(set(computed) | set(written)):
        if computed.get(name) == written.get(name):
            continue
        if name not in PROSE:
            raise BrokenLink(
                VERDICT, f"{name}: filed {_short(written.get(name))}, recomputed {_short(computed.get(name))}{hint}"
            )
        notes.append(f"{name} of the verdict: this version words it differently")
    said = {"outcome": body.outcome, "rules": list(body.rules)}
    again = {"outcome": verdict.outcome, "rules": sorted({ruling.rule for ruling in verdict.rulings})}
    if said != again:
        raise BrokenLink(f"link {outcome.number}", f"says {_short(said)}, the evidence says {_short(again)}{hint}")
    _reported(artifacts, verdict)
    return notes


def _as_known(computed: Mapping[str, Any], written: Any, within: str = "") -> tuple[dict[str, Any], list[str]]:
    """What was recomputed, without the LATER fields that the filed verdict does not have; and a note of each."""
    kept, notes = dict(computed), []
    for name, value in computed.items():
        path, there = f"{within}{name}", isinstance(written, Mapping) and name in written
        if path in LATER and not there:
            del kept[name]
            notes.append(f"{path}: filed by a version that did not know it, so not compared")
        elif not within and there and isinstance(value, Mapping):
            kept[name], more = _as_known(value, written[name], f"{path}.")
            notes += more
    return kept, notes


def _reported(artifacts: Mapping[str, bytes], verdict: Verdict) -> None:
    content = newest(artifacts, REPORT)
    if content is None:
        return
    try:
        said = _loads(content, REPORT)["result"]["verdict"]["outcome"]
    except (LookupError, TypeError) as refused:
        raise BrokenLink(REPORT, f"has no result.verdict.outcome: {refused!r}") from refused
    if said != verdict.outcome:
        raise BrokenLink(REPORT, f"says {said}, the evidence says {verdict.outcome}")


def _plain(verdict: Verdict) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(msgspec.json.encode(verdict))
    return plain


def _loads(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as refused:
        raise BrokenLink(name, f"is no JSON: {refused}") from refused


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}…"  # noqa: PLR2004 - a line of a terminal


def _in_time(verdict: Verdict, registration: Link, outcome: Link, *, real: bool) -> None:
    """A drill is registered before its impact; a real loss comes before anybody could, so its declaration counts."""
    name, moment = ("declaration", verdict.marks.t2_declared) if real else ("impact", verdict.marks.t0_impact)
    if moment is not None and not registration.predicate.at <= moment <= outcome.predicate.at:
        raise BrokenLink(
            f"link {registration.number}",
            f"the {name} at {moment} ns lies outside registration and outcome "
            f"({registration.predicate.at_ns} to {outcome.predicate.at_ns} ns)",
        )


def _standing(chain: Chain, drill: str) -> Standing:
    try:
        return amendments.standing(chain, drill)
    except RefusedAmendment as refused:
        raise BrokenLink("amendments", str(refused)) from refused


def _anchored(chain: Chain, against: Anchor | None, outcome: Link) -> str:
    if against is None:
        return NOT_CHECKED
    last = anchor.compare(chain, against)
    if last.number < outcome.number:
        return f"{NOT_CHECKED} for this drill: it ends with link {last.number}, the outcome is link {outcome.number}"
    return f"checked: {len(against.heads)} heads up to link {last.number} of {len(chain.links)} are in this chain"
