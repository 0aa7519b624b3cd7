"""Page 1: the answer, four figures, where the time went, what is open. One A4 page, whatever happened."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from drill.core.report import Report, canonical_bytes
from drill.report import words
from drill.report.charts import GLYPHS, gauge, trend, waterfall
from drill.report.charts.picture import Picture
from drill.report.charts.trend import shown
from drill.report.sections import blocks as b

COLOURS = {
    "PASS": "#14632f",
    "PASS_WITH_OBSERVATIONS": "#5a5200",
    "PARTIAL": "#8a4b00",
    "FAIL": "#a11212",
    "ABORTED": "#5b2a86",
    "INVALID": "#7a1c5b",
    "REJECTED": "#3d4653",
    "MISSING": "#3d4653",
    "FAILOVER": "#8a1a00",
    "FAILBACK": "#8a1a00",
}
_FINDINGS, _LIMITATIONS = 4, 5
_FINDING_LETTERS, _LIMITATION_LETTERS, _SENTENCE_LETTERS = 105, 125, 260
_OPEN = "open"


class Tile(Struct, frozen=True, array_like=True):
    """One of the four figures; `held` false is marked by a glyph and a coloured edge."""

    name: str
    held: bool
    figure: str
    more: str


class FirstPage(Struct, frozen=True, kw_only=True):
    """Everything on page 1, in reading order."""

    colour: str
    word: str
    banner: str
    question: str
    answer: str
    tiles: tuple[Tile, ...]
    gauge: Picture
    used: b.Line
    waterfall: Picture | None
    trend: Picture | None
    trend_title: str
    findings: tuple[b.Line, ...]
    left_behind: b.Line
    limitations: tuple[b.Line, ...]
    signatures: tuple[str, ...]
    record_sha256: str
    chain: str
    verify: str


def shorten(text: str, letters: int) -> str:
    """Cut at a word, with an ellipsis: the whole stands further down and in the record."""
    if len(text) <= letters:
        return text
    cut = text[: letters - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,;:") + "…"


def mark(report: Report, name: str) -> int | None:
    """When a mark was reached."""
    return next((one.at_ns for one in report.result.marks if one.name == name), None)


def _banner(report: Report) -> str:
    plan = report.plan
    real = plan.kind in {"failover", "failback"}
    what = "REAL EVENT, not a drill" if real else f"{plan.purpose}, not a real event"
    kind = {"loss": f"loss of {plan.scenario}", "failover": f"failover of {plan.scenario}", "failback": "failback"}.get(
        plan.kind, plan.kind
    )
    week = words.week(plan.registration.at_ns if plan.registration else None)
    return f"{what} · {kind} · {week}{_amended(report)}"


def _amended(report: Report) -> str:
    if report.close.filing.as_of_link is None:
        return ""
    corrections = len(report.close.amendments)
    return f" · AMENDED, {words.plural(corrections, 'correction')}" if corrections else " · with what was said since"


def _time(report: Report) -> Tile:
    recovery, limit = report.result.recovery, report.plan.objectives.recovery_time_ns
    total, assumed = recovery.impact.total_ns, recovery.impact.assumed_ns
    more = [f"of {words.duration(limit)}"]
    if assumed:
        more.append(f"{words.duration(assumed)} assumed")
    if recovery.worst_symbol:
        more.append(f"worst {recovery.worst_symbol}")
    held = total is not None and total <= limit
    return Tile("recovery time from impact", held, words.duration(total), " · ".join(more))


def _orders(report: Report) -> Tile:
    point, limit = report.result.point, report.plan.objectives.recovery_point_orders
    lost = point.orders_lost
    more = f"of {words.count(point.acknowledged, 'an unknown number')} acknowledged · at most {words.count(limit)}"
    return Tile("acknowledged orders lost", lost is not None and lost <= limit, words.count(lost), more)


def _scope(report: Report) -> Tile:
    suites, scope = report.result.suites, report.plan.scope
    declared, evaluated, failed = (
        sum(getattr(s, name) for s in suites) for name in ("declared", "evaluated", "failed")
    )
    ok, whole = report.symbols_ok, len(scope.symbols)
    held = 0 < whole == ok and 0 < declared == evaluated and not failed
    equal = "=" if declared == evaluated else "≠"
    checks = f"checks {declared:,} declared {equal} {evaluated:,} evaluated, {failed:,} failed"
    more = f"{scope.listing} listed · {checks if declared else 'no checks were declared'}"
    return Tile("symbols reopened, checks", held, f"{ok}/{whole}", more)


def _control(report: Report) -> Tile:
    control, sensitivity = report.result.control, report.result.sensitivity
    after = f" in {words.spoken(control.caught_after_ns)}" if control.caught_after_ns is not None else ""
    scored = sensitivity.injected is not None
    more = (
        f"catches {sensitivity.caught} of {sensitivity.injected} known faults"
        if scored
        else "sensitivity not scored yet"
    )
    figure = f"{sensitivity.caught}/{sensitivity.injected}" if scored else f"control {control.status}"
    told = f"control {control.status}{after} · {more}" if scored else f"{after.strip()}{' · ' if after else ''}{more}"
    return Tile("could it have failed?", control.status == "caught", figure, told)


def _used(report: Report) -> b.Line:
    recovery, limit, journal = report.result.recovery, report.plan.objectives.recovery_time_ns, report.result.journal
    total, assumed = recovery.impact.total_ns, recovery.impact.assumed_ns
    if total is None:
        share = b.line("Used of the objective: ", b.strong("unknown"), ", trading did not resume.")
    else:
        part = f", assumed part {words.percent(assumed, limit)}" if assumed else ""
        share = b.line("Used of the objective: ", b.strong(words.percent(total, limit)), f"{part}.")
    day = "The journal was not read." if journal is None else f"Journal = {words.ppm(journal.share_ppm)} of a full day."
    return (
        *share,
        *b.line(" From declaration: ", b.strong(words.duration(recovery.declared.total_ns))),
        *b.line(
            ". Technical (build to last symbol validated): ", b.strong(words.duration(recovery.technical.total_ns))
        ),
        *b.line(f". {day}"),
    )


def _left_behind(report: Report) -> b.Line:
    teardown = report.close.teardown
    if teardown.status == "clean":
        return b.line(b.good("nothing: the account is as it was before the build."))
    if teardown.status == "orphans":
        return b.line(b.bad(f"{words.plural(len(teardown.orphans), 'resource')}, see Teardown"))
    note = f": {shorten(teardown.note, _FINDING_LETTERS)}" if teardown.note else ""
    return b.line(b.absent(f"teardown not run{note}"))


def _findings(report: Report) -> tuple[b.Line, ...]:
    found = sorted(report.close.findings, key=lambda one: one.status != _OPEN)
    lines = [
        b.line(
            b.strong(finding.finding_id),
            f" {shorten(finding.what, _FINDING_LETTERS)} ",
            b.Span(f"{finding.owner}, due {finding.due}" if finding.status == _OPEN else finding.status, "soft"),
        )
        for finding in found[:_FINDINGS]
    ]
    more = len(found) - _FINDINGS
    return (*lines, *([b.line(b.Span(f"and {more} more, see Findings", "soft"))] if more > 0 else []))


def _limitations(report: Report) -> tuple[b.Line, ...]:
    found = report.close.limitations
    lines = [b.line(shorten(one, _LIMITATION_LETTERS)) for one in found[:_LIMITATIONS]]
    more = len(found) - _LIMITATIONS
    return (*lines, *([b.line(b.Span(f"and {more} more, see Limitations", "soft"))] if more > 0 else []))


def _chain(report: Report) -> str:
    """Place in the chain; the report is sealed by the outcome, so the outcome's own place comes after it."""
    filing, registration = report.close.filing, report.plan.registration
    if filing.chain_number is not None:
        since = "" if filing.as_of_link is None else f", as it stands at #{filing.as_of_link}"
        return f"#{filing.chain_number}{since}"
    if registration is not None and registration.chain_number is not None:
        return f"registration is #{registration.chain_number}"
    return "not registered in the chain"


def first_page(report: Report) -> FirstPage:
    """Page 1 of any outcome."""
    verdict, filing = report.result.verdict, report.close.filing
    drills = len(shown(report))
    counting = [phase for phase in report.result.phases if phase.counts]
    return FirstPage(
        colour=COLOURS[verdict.outcome],
        word=f"{GLYPHS[verdict.outcome]} {verdict.outcome.replace('_', ' ')}",
        banner=_banner(report),
        question=verdict.question,
        answer=shorten(verdict.sentence, _SENTENCE_LETTERS),
        tiles=(_time(report), _orders(report), _scope(report), _control(report)),
        gauge=gauge(report.result.recovery.impact, report.plan.objectives.recovery_time_ns),
        used=_used(report),
        waterfall=waterfall(
            counting, mark(report, "T0"), since_what="since the impact", title="Phases from impact to resumption"
        ),
        trend=trend(report),
        trend_title=f"The last {drills} registered drills: height is recovery time, sign is verdict, this one last",
        findings=_findings(report),
        left_behind=_left_behind(report),
        limitations=_limitations(report),
        signatures=tuple(
            f"{one.role}: {one.name}, {words.moment(one.at_ns, 'undated')}" if one.name else one.role
            for one in report.close.attestations
        ),
        record_sha256=filing.record_sha256 or hashlib.sha256(canonical_bytes(report)).hexdigest(),
        chain=_chain(report),
        verify=filing.verify or "no command was filed",
    )
