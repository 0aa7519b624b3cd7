"""What was said about a drill after its outcome: corrections, findings, sign-offs, holds. Appended, never edited.

The rules are checked before a link is appended and again by whoever verifies: a link that breaks one is a broken link.
"""

from __future__ import annotations

import re
from datetime import date

import msgspec

from drill.core.evidence.chain import Chain, Link
from drill.core.evidence.statement import (
    Amendment,
    Body,
    FindingClosed,
    FindingOpened,
    Hold,
    Outcome,
    Registration,
    SignOff,
)

PASSED = frozenset({"PASS", "PASS_WITH_OBSERVATIONS"})
FINDING = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,39}")


class RefusedAmendment(ValueError):
    """What would be appended breaks a rule; the message names it and says what to do."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it stands: open, or closed by the id of the drill that passed the retest."""

    finding: str
    what: str
    owner: str
    due: str
    opened_by: str
    retest: str | None = None
    closed_by: str | None = None

    @property
    def status(self) -> str:
        """`open` or `closed`."""
        return "closed" if self.retest else "open"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was said about one drill, as it stands now."""

    amendments: tuple[Amendment, ...] = ()
    findings: tuple[Finding, ...] = ()
    sign_offs: tuple[SignOff, ...] = ()
    hold: Hold | None = None  # the last one said


def standing(chain: Chain, drill: str) -> Standing:
    """The drill's standing; each link is held against the rules. Raises RefusedAmendment naming the link."""
    now = Standing()
    for link in chain.of(drill):
        try:
            now = _after(chain, drill, now, link)
        except RefusedAmendment as refused:
            raise RefusedAmendment(f"link {link.number}: {refused}") from refused
    return now


def check(chain: Chain, drill: str, body: Body) -> None:
    """Whether `body` may be appended about this drill. Raises RefusedAmendment."""
    if chain.one(drill, Registration) is None:
        raise RefusedAmendment(f"drill {drill} is not in the chain; `python -m drill history` lists what is")
    _said(chain, drill, standing(chain, drill), body, before=len(chain.links) + 1)


def _after(chain: Chain, drill: str, now: Standing, link: Link) -> Standing:
    return _said(chain, drill, now, link.body, before=link.number)


def _said(chain: Chain, drill: str, now: Standing, body: Body, *, before: int) -> Standing:
    """The standing once `body` was said in link number `before`."""
    replace = msgspec.structs.replace
    if isinstance(body, Amendment):
        _written(body, "author", "reason", "text")
        return replace(now, amendments=(*now.amendments, body))
    if isinstance(body, FindingOpened):
        return replace(now, findings=(*now.findings, _opened(now, body)))
    if isinstance(body, FindingClosed):
        closed = _closed(chain, drill, now, body, before)
        return replace(now, findings=tuple(closed if one.finding == body.finding else one for one in now.findings))
    if isinstance(body, SignOff):
        return replace(now, sign_offs=(*now.sign_offs, _signed_off(chain, drill, now, body, before)))
    if isinstance(body, Hold):
        _written(body, "author", "reason")
        return replace(now, hold=body)
    return now


def _written(body: Body, *fields: str) -> None:
    for name in fields:
        if not str(getattr(body, name)).strip():
            raise RefusedAmendment(f"{name}: must not be empty")


def _opened(now: Standing, body: FindingOpened) -> Finding:
    _written(body, "what", "owner", "author")
    if not FINDING.fullmatch(body.finding):
        raise RefusedAmendment(
            f"finding {body.finding!r}: expected capitals, digits, dots and hyphens, such as F-2026-01"
        )
    if any(one.finding == body.finding for one in now.findings):
        raise RefusedAmendment(f"finding {body.finding} is there already; give this one an id of its own")
    try:
        date.fromisoformat(body.due)
    except ValueError as refused:
        raise RefusedAmendment(f"due {body.due!r}: expected a date like 2026-12-31") from refused
    return Finding(finding=body.finding, what=body.what, owner=body.owner, due=body.due, opened_by=body.author)


def _closed(chain: Chain, drill: str, now: Standing, body: FindingClosed, before: int) -> Finding:
    _written(body, "author", "reason")
    found = next((one for one in now.findings if one.finding == body.finding), None)
    if found is None:
        raise RefusedAmendment(f"finding {body.finding} was never opened on drill {drill}")
    if found.status == "closed":
        raise RefusedAmendment(f"finding {body.finding} is closed already, by {found.retest}")
    opened = next(
        link.number
        for link in chain.of(drill)
        if isinstance(link.body, FindingOpened) and link.body.finding == body.finding
    )
    began, ended = chain.one(body.retest, Registration), chain.one(body.retest, Outcome)
    if began is None or ended is None or ended.number >= before:
        raise RefusedAmendment(
            f"retest {body.retest} has no outcome in the chain; a finding closes with a drill that passed"
        )
    if began.number < opened:
        raise RefusedAmendment(
            f"retest {body.retest} began before finding {body.finding} was opened: it is no retest of it"
        )
    outcome = ended.body.outcome if isinstance(ended.body, Outcome) else ""
    if outcome not in PASSED:
        raise RefusedAmendment(f"retest {body.retest} ended {outcome}; a finding closes with a drill that passed")
    return msgspec.structs.replace(found, retest=body.retest, closed_by=body.author)


def _signed_off(chain: Chain, drill: str, now: Standing, body: SignOff, before: int) -> SignOff:
    _written(body, "person", "statement")
    ended = chain.one(drill, Outcome)
    if ended is None or ended.number >= before:
        raise RefusedAmendment(f"drill {drill} has no outcome yet, so there is nothing to sign off")
    before_it = {"reviewed": "prepared", "signed off": "reviewed"}.get(body.role)
    if before_it and not any(one.role == before_it for one in now.sign_offs):
        raise RefusedAmendment(f"nobody has {before_it} it yet: --role {before_it} comes first")
    if before_it and _same(body.person, [one.person for one in now.sign_offs if one.role == "prepared"]):
        raise RefusedAmendment(f"{body.person} prepared it; another person has to say that it is {body.role}")
    if any(one.role == body.role and _same(body.person, [one.person]) for one in now.sign_offs):
        raise RefusedAmendment(f"{body.person} has {body.role} it already")
    return body


def _same(person: str, others: list[str]) -> bool:
    """Whether this is one of them, however the name is spaced and capitalised."""
    return " ".join(person.split()).casefold() in {" ".join(other.split()).casefold() for other in others}
