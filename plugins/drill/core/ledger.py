"""The ledger: every drill there ever was, one line each. A drill that was registered and has no outcome is loud.

An entry is a pure function of what lies in the drill's folder and of the time at which somebody looks:

- RUNNING: no outcome yet, and it holds the drill lock (a lease that a living drill renews), or one of its steps was
  heard of in the last `SILENT_S`;
- MISSING: no outcome, no lease, and silence since;
- else the outcome as filed, with the figures of the verdict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from drill.core.evidence.artifact import parts
from drill.core.timeline import SECOND_NS

RUNNING, MISSING = "RUNNING", "MISSING"
# From the lock's release to the outcome there are four short steps, each tried twice.
SILENT_S = 600
EVENT = re.compile(r"^events/(?P<at>\d+)-(?P<step>[a-z_]+)-(?P<name>[a-z]+)-\d+\.json$")

EvidenceState = Literal["sealed", "broken", "open", "unsealed"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One drill as the ledger shows it. Nanoseconds; None is "unknown" or "not achieved", never zero.

    `evidence`: sealed (the manifest has the hash that the outcome names), broken (it has another, or is gone),
    open (the drill runs), unsealed (nobody will seal it any more). `step` is the last one that was heard of, `link`
    the number of the outcome in the chain of all drills.
    """

    drill: str
    outcome: str
    sentence: str
    kind: str
    scenario: str
    purpose: str
    trigger: str
    requester: str
    began_ns: int | None
    heard_ns: int | None
    step: str
    recovery_time_ns: int | None
    assumed_ns: int
    objective_ns: int | None
    lost_orders: int | None
    acknowledged: int | None
    symbols_ok: int | None
    symbols: int | None
    control: str
    teardown: str
    evidence: EvidenceState
    link: int | None
    report: bool

    @property
    def over(self) -> bool:
        """Whether nothing about this entry can change any more: it may be remembered."""
        return self.evidence == "sealed" and self.report

    @property
    def real(self) -> bool:
        """Whether this was no drill at all, but a failover."""
        return self.purpose not in {"drill", ""}


def entry(
    drill: str, names: Iterable[str], documents: Mapping[str, bytes | None], *, now_ns: int, leased: bool = False
) -> Entry:
    """The entry of one drill.

    `names` are those of its artifacts; `documents` their bytes, as far as they were filed, for `NEEDED`;
    `leased` says that it holds the drill lock now.
    """
    there = set(names)
    registration, outcome, verdict = (_json(documents.get(name)) for name in NEEDED[:3])
    plan = registration.get("plan", {})
    heard_of = sorted((int(match["at"]), match["step"]) for match in map(EVENT.match, there) if match)
    moments = [at for at, _ in heard_of]
    registered = registration.get("registered_ns")
    began = int(registered) if registered else min(moments, default=None)
    heard = max(moments, default=began)
    word = outcome.get("outcome") or (RUNNING if leased else _standing(heard, now_ns))
    times, point = verdict.get("times") or {}, verdict.get("recovery_point") or {}
    objective = plan.get("rto_objective_s")
    return Entry(
        drill=drill,
        outcome=word,
        sentence=outcome.get("sentence") or _SENTENCES[word],
        kind=plan.get("kind", ""),
        scenario=plan.get("scenario", ""),
        purpose=plan.get("purpose", ""),
        trigger=plan.get("trigger", ""),
        requester=plan.get("requester", ""),
        began_ns=began,
        heard_ns=heard,
        step=heard_of[-1][1] if heard_of else "",
        recovery_time_ns=times.get("impact_ns"),
        assumed_ns=times.get("assumed_ns") or 0,
        objective_ns=None if objective is None else objective * SECOND_NS,
        lost_orders=point.get("lost_orders"),
        acknowledged=point.get("acknowledged"),
        symbols_ok=verdict.get("symbols_ok"),
        symbols=len(plan["symbols"]) if "symbols" in plan else None,
        control=verdict.get("control", "not_run"),
        teardown=verdict.get("teardown", "not_run"),
        evidence=_evidence(word, outcome, documents.get(MANIFEST)),
        link=outcome.get("link"),
        report=latest(there, PAGE) is not None,
    )


MANIFEST = "manifest.json"
PAGE = "report.html"
NEEDED = ("raw/registration.json", "outcome.json", "verdict.json", MANIFEST)
_SENTENCES = {
    RUNNING: "It runs; its outcome is not known yet.",
    MISSING: "It began and has no outcome: nothing is proven, and something may still stand.",
}


def latest(names: Iterable[str], wanted: str) -> str | None:
    """The name under which the last attempt filed the artifact `wanted`, or None where no attempt did."""
    stem, _, suffix = parts(wanted)
    tried = {
        attempt: name for name in names for found, attempt, end in (parts(name),) if (found, end) == (stem, suffix)
    }
    return tried[max(tried)] if tried else None


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """The order in which people read a ledger; drills that never began are last."""
    return sorted(entries, key=lambda one: (one.began_ns or 0, one.drill), reverse=True)


def _json(content: bytes | None) -> dict[str, Any]:
    if content is None:
        return {}
    document: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
    return document


def _standing(heard_ns: int | None, now_ns: int) -> str:
    return RUNNING if heard_ns is not None and now_ns - heard_ns <= SILENT_S * SECOND_NS else MISSING


def _evidence(word: str, outcome: Mapping[str, Any], manifest: bytes | None) -> EvidenceState:
    if not outcome:
        return "open" if word == RUNNING else "unsealed"
    found = None if manifest is None else hashlib.sha256(manifest).hexdigest()
    return "sealed" if found == outcome.get("manifest_sha256") else "broken"
