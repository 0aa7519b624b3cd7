"""A filed report with what was said about its drill since: corrections, findings, sign-offs, a legal hold.

The record stays as it was filed and sealed. What comes out here is a rendering of it and of the chain up to one link,
and says so: it names the record that it is of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from drill.core import report as r
from drill.core.evidence import amendments
from drill.core.evidence.amendments import Standing
from drill.core.evidence.canonical import sha256
from drill.core.evidence.chain import Chain, Link
from drill.core.evidence.statement import Amendment, Outcome, SignOff


def amended(record: bytes, chain: Chain) -> r.Report:
    """The report of this record as it stands at the end of the chain; the report as filed where nothing was said.

    Raises:
        RefusedAmendment: a link about the drill breaks a rule; the message names it.
        msgspec.ValidationError: this is no record.
    """
    report = r.decode(record)
    drill = report.plan.drill_id
    now = amendments.standing(chain, drill)
    if now == Standing():
        return report
    links = tuple(chain.of(drill))
    close = report.close
    outcome = next((link.number for link in links if isinstance(link.body, Outcome)), close.filing.chain_number)
    return replace(
        report,
        close=replace(
            close,
            amendments=tuple(_corrections(links)),
            findings=(*_found(now), *close.findings),
            attestations=tuple(_signed(close.attestations, links)),
            retention=_held(close.retention, now),
            filing=replace(
                close.filing, record_sha256=sha256(record), chain_number=outcome, as_of_link=len(chain.links)
            ),
        ),
    )


def _corrections(links: Sequence[Link]) -> Iterator[r.Amendment]:
    for link in links:
        if isinstance(link.body, Amendment):
            said = link.body
            yield r.Amendment(
                link=link.number, at_ns=link.predicate.at, author=said.author, reason=said.reason, text=said.text
            )


def _found(now: Standing) -> Iterator[r.Finding]:
    for one in now.findings:
        yield r.Finding(
            finding_id=one.finding,
            what=one.what,
            owner=one.owner,
            due=one.due,
            retest=one.retest or "next drill",
            status="open" if one.retest is None else f"closed with {one.retest} by {one.closed_by}",
        )


def _signed(lines: Sequence[r.Attestation], links: Sequence[Link]) -> Iterator[r.Attestation]:
    """Each line with whoever signed it; more than one person may have."""
    for line in lines:
        signed = [link for link in links if isinstance(link.body, SignOff) and link.body.role == line.role]
        for link in signed:
            assert isinstance(link.body, SignOff)
            yield replace(line, name=link.body.person, at_ns=link.predicate.at)
        if not signed:
            yield line


def _held(kept: r.Retention, now: Standing) -> r.Retention:
    if now.hold is None:
        return kept
    said = "legal hold" if now.hold.on else "legal hold lifted"
    return replace(kept, lock=f"{kept.lock}; {said} ({now.hold.author}: {now.hold.reason})")
