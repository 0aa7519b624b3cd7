"""An authentic bundle in words, and as a record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from drill.core.evidence.verification import Verified
from drill.core.verdict import spoken_duration

SECOND_NS = 1_000_000_000


def record(found: Verified, stamps: str) -> dict[str, Any]:
    """For `--json`. Nanoseconds are strings of digits."""
    verdict = found.verdict
    point, times = verdict.recovery_point, verdict.times
    return {
        "authentic": True,
        "drill": found.drill,
        "verdict": verdict.outcome,
        "sentence": verdict.sentence,
        "rules": sorted({ruling.rule for ruling in verdict.rulings}),
        "recovery_time_ns": _digits(times.impact_ns),
        "assumed_ns": _digits(times.assumed_ns),
        "declared_ns": _digits(times.declared_ns),
        "technical_ns": _digits(times.technical_ns),
        "worst_symbol": times.worst_symbol,
        "orders_lost": None if point is None else point.lost_orders,
        "acknowledged": None if point is None else point.acknowledged,
        "lost_notional_cents": None if point is None else _digits(point.lost_notional_cents),
        "symbols_ok": verdict.symbols_ok,
        "control": verdict.control,
        "teardown": verdict.teardown,
        "links": found.links,
        "registration_link": found.registration,
        "registered_ns": str(found.registered_ns),
        "outcome_link": found.outcome,
        "artifacts": found.artifacts,
        "signed_by": list(found.signed_by),
        "anchor": found.anchor,
        "time_stamps": stamps,
        "standing": msgspec.to_builtins(found.standing),
        "notes": list(found.notes),
    }


def text(found: Verified, stamps: str) -> str:
    """For a person: the answer first, then what it rests on, then what was not checked."""
    rows = [
        ("recovery time", _times(found)),
        ("recovery point", _point(found)),
        ("decided by", ", ".join(sorted({ruling.rule for ruling in found.verdict.rulings})) or "no rule objected"),
        ("registered", _registered(found)),
        ("artifacts", f"{found.artifacts}, each as in the manifest"),
        ("manifest", f"signed as link {found.outcome} of {found.links} by key {found.signed_by[0][:16]}…"),
        ("anchor", f"{found.anchor}{_hint(found)}"),
        ("time stamps", stamps),
        *_said(found),
        *(("note", note) for note in found.notes),
    ]
    lines = [f"  {name:<15} {value}" for name, value in rows if value]
    return "\n".join(
        [f"{found.verdict.outcome}  {found.drill}", found.verdict.sentence, *lines, "authentic, verdict recomputed"]
    )


def _hint(found: Verified) -> str:
    if found.anchor.startswith("checked"):
        return ""
    return " (give --anchor: without it a cut tail or a history written anew with our own key is not seen)"


def _times(found: Verified) -> str:
    times = found.verdict.times
    if times.impact_ns is None:
        return "not achieved"
    told = f"{spoken_duration(times.impact_ns)} from the impact on, {spoken_duration(times.assumed_ns)} of it assumed"
    more = [
        f"{name} {spoken_duration(value)}"
        for name, value in (("from declaration", times.declared_ns), ("technical", times.technical_ns))
        if value is not None
    ]
    return "; ".join([told, *more])


def _point(found: Verified) -> str:
    point = found.verdict.recovery_point
    if point is None:
        return "unknown"
    worth = point.lost_notional_cents
    told = f", new orders of ${worth // 100:,}.{worth % 100:02} among them" if worth else ""
    return f"{point.lost_orders:,} of {point.acknowledged:,} acknowledged orders lost{told}, from the members' captures"


def _registered(found: Verified) -> str:
    at = datetime.fromtimestamp(found.registered_ns // SECOND_NS, UTC)
    told = f"as link {found.registration} at {at:%Y-%m-%d %H:%M:%S} UTC"
    impact = found.verdict.marks.t0_impact
    return told if impact is None else f"{told}, {spoken_duration(impact - found.registered_ns)} before the impact"


def _said(found: Verified) -> list[tuple[str, str]]:
    standing = found.standing
    rows = [("amendment", f"{one.author}: {one.text} ({one.reason})") for one in standing.amendments]
    for finding in standing.findings:
        end = f"closed with {finding.retest}" if finding.retest else f"OPEN, due {finding.due}"
        rows.append(("finding", f"{finding.finding} {finding.what} ({finding.owner}; {end})"))
    rows += [("signed off", f"{one.role} by {one.person}") for one in standing.sign_offs]
    if not standing.sign_offs:
        rows.append(("signed off", "by nobody"))
    if standing.hold and standing.hold.on:
        rows.append(("legal hold", f"{standing.hold.reason} ({standing.hold.author})"))
    return rows


def _digits(value: int | None) -> str | None:
    return None if value is None else str(value)
