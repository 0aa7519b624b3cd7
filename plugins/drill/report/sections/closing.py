"""What follows: findings, triage, the drills before, what was not proven, the manifest, the words used."""

from __future__ import annotations

from drill.core.report import PastDrill, Report
from drill.report import words
from drill.report.charts import GLYPHS
from drill.report.charts.trend import shown
from drill.report.sections.blocks import (
    Block,
    Bullets,
    Line,
    Section,
    Span,
    cells,
    code,
    line,
    say,
    strong,
    table,
)

COMPARED = 12
BUNDLE = "bundle.zip"
_GREEN = ("PASS", "PASS_WITH_OBSERVATIONS")


def findings(report: Report) -> Section:
    """To put right, by whom and until when; whether this was an SCI event."""
    found, triage = report.close.findings, report.close.triage
    rows = (cells(code(one.finding_id), one.what, one.owner, one.due, one.retest, one.status) for one in found)
    return Section(
        "findings",
        "Findings and triage",
        (
            table("id|*finding|owner|due|retest|status", rows) if found else say("No findings."),
            say(
                "SCI event [17 CFR 242.1002]: ",
                strong(triage.sci_event),
                f". {triage.reason} Decided by: {triage.decided_by}.",
            ),
        ),
    )


def amendments(report: Report) -> Section:
    """What was said since the record was sealed; the record is named, since nothing in it was edited."""
    close = report.close
    if close.filing.as_of_link is None:
        told: Block = say(
            "This is the record as it was filed. Later corrections, findings and sign-offs are links of the chain: ",
            code(f"python -m drill report {report.plan.drill_id}/{BUNDLE}"),
            " renders the record with them.",
        )
        return Section("amendments", "Amendments", (told,))
    rows = (
        cells(str(one.link), words.moment(one.at_ns)[:16], one.author, one.text, one.reason) for one in close.amendments
    )
    told = say(
        "The record itself is as it was filed, SHA-256 ",
        code(close.filing.record_sha256),
        f"; this is how it stands at link {close.filing.as_of_link} of the chain. Findings with an owner, names on the "
        "last lines of page 1 and a legal hold were added since, too, as signed links.",
    )
    corrected = table("#link|at (UTC)|author|*correction|*reason", rows, otherwise="No correction was appended.")
    return Section("amendments", "Amendments", (told, corrected))


def history(report: Report) -> Section:
    """This drill and the twelve before it, newest first: every point, no averages."""
    drills = tuple(reversed(shown(report)[-COMPARED - 1 :]))
    columns = "*drill|registered (UTC)|verdict|#recovery time|#technical|#orders lost|#symbols|rules that decided"
    rows = tuple(map(_past, drills))
    note = "Every registered drill, also one that is invalid, rejected or without an outcome; newest first."
    return Section("history", "Comparison with the last 12 drills", (table(columns, rows, caption=note, dense=True),))


def _past(one: PastDrill) -> tuple[Line, ...]:
    word = f"{GLYPHS[one.outcome]} {one.outcome.replace('_', ' ')}"
    return cells(
        code(one.drill_id),
        words.moment(one.at_ns)[:16],
        Span(word, "good" if one.outcome in _GREEN else "bad"),
        words.duration(one.recovery_time_ns),
        words.duration(one.technical_ns, "unknown"),
        words.count(one.orders_lost),
        words.count(one.symbols_ok),
        ", ".join(dict.fromkeys(one.rules)) or "none",
    )


def limitations(report: Report) -> Section:
    """What this drill did not prove; never empty."""
    lines = tuple(line(one) for one in report.close.limitations)
    return Section("limitations", "Limitations: what this drill did not prove", (Bullets(lines),))


def manifest(report: Report) -> Section:
    """Every file of the evidence, how long it is kept, who signed."""
    close = report.close
    filing, kept = close.filing, close.retention
    rows = (
        cells(code(one.name), code(one.sha256), words.size(one.size_bytes), code(one.version or "not filed yet"))
        for one in close.manifest
    )
    return Section(
        "manifest",
        "Manifest and retention",
        (
            table("*artifact|sha256|#size|version", rows, dense=True, otherwise="No artifact was filed."),
            say(f"Retention: {kept.name}, {kept.period}; lock: {kept.lock}. "
                f"Signed by: {filing.signed_by or 'not recorded here'}; "
                f"anchored: {filing.anchored or 'not recorded here'}. Record before this one: ",
                code(filing.previous_sha256 or "none"),
                f". Made {words.moment(filing.generated_at_ns)}, filed as ", code(filing.path), "."),
        ),
    )  # fmt: skip


def definitions(report: Report) -> Section:
    """Words as this report uses them."""
    rows = (cells(one.term, one.meaning) for one in report.close.definitions)
    return Section("definitions", "Definitions", (table("term|*meaning", rows, otherwise="None."),))
