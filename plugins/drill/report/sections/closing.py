"""What follows: findings, triage, the drills before, what was not proven, the manifest, the words used."""

from __future__ import annotations

from drill.core.report import PastDrill, Report
from drill.report import words
from drill.report.charts import GLYPHS
from drill.report.charts.trend import shown
from drill.report.sections import blocks as b

COMPARED = 12
BUNDLE = "bundle.zip"
_GREEN = ("PASS", "PASS_WITH_OBSERVATIONS")


def findings(report: Report) -> b.Section:
    """To put right, by whom and until when; whether this was an SCI event."""
    found, triage = report.close.findings, report.close.triage
    rows = (b.cells(b.code(one.finding_id), one.what, one.owner, one.due, one.retest, one.status) for one in found)
    return b.Section(
        "findings",
        "Findings and triage",
        (
            b.table("id|*finding|owner|due|retest|status", rows) if found else b.say("No findings."),
            b.say(
                "SCI event [17 CFR 242.1002]: ",
                b.strong(triage.sci_event),
                f": {triage.reason.rstrip('.')}. Decided by: {triage.decided_by}.",
            ),
        ),
    )


def amendments(report: Report) -> b.Section:
    """What was said since the record was sealed; the record is named, since nothing in it was edited."""
    close = report.close
    if close.filing.as_of_link is None:
        told: b.Block = b.say(
            "This is the record as it was filed. Later corrections, findings and sign-offs are links of the chain: ",
            b.code(f"python -m drill report {report.plan.drill_id}/{BUNDLE}"),
            " renders the record with them.",
        )
        return b.Section("amendments", "Amendments", (told,))
    rows = (
        b.cells(str(one.link), words.moment(one.at_ns)[:16], one.author, one.text, one.reason)
        for one in close.amendments
    )
    told = b.say(
        "The record itself is as it was filed, SHA-256 ",
        b.code(close.filing.record_sha256),
        f"; this is how it stands at link {close.filing.as_of_link} of the chain. Findings with an owner, names on the "
        "last lines of page 1 and a legal hold were added since, too, as signed links.",
    )
    corrected = b.table("#link|at (UTC)|author|*correction|*reason", rows, otherwise="No correction was appended.")
    return b.Section("amendments", "Amendments", (told, corrected))


def history(report: Report) -> b.Section:
    """This drill and the twelve before it, newest first: every point, no averages."""
    drills = tuple(reversed(shown(report)[-COMPARED - 1 :]))
    columns = "*drill|registered (UTC)|verdict|#recovery time|#technical|#orders lost|#symbols|rules that decided"
    rows = tuple(map(_past, drills))
    note = "Every registered drill, also one that is invalid, rejected or without an outcome; newest first."
    return b.Section(
        "history", "Comparison with the last 12 drills", (b.table(columns, rows, caption=note, dense=True),)
    )


def _past(one: PastDrill) -> tuple[b.Line, ...]:
    word = f"{GLYPHS[one.outcome]} {one.outcome.replace('_', ' ')}"
    return b.cells(
        b.code(one.drill_id),
        words.moment(one.at_ns)[:16],
        b.Span(word, "good" if one.outcome in _GREEN else "bad"),
        words.duration(one.recovery_time_ns),
        words.duration(one.technical_ns, "unknown"),
        words.count(one.orders_lost),
        words.count(one.symbols_ok),
        ", ".join(dict.fromkeys(one.rules)) or "none",
    )


def limitations(report: Report) -> b.Section:
    """What this drill did not prove; never empty."""
    lines = tuple(b.line(one) for one in report.close.limitations)
    return b.Section("limitations", "Limitations: what this drill did not prove", (b.Bullets(lines),))


def manifest(report: Report) -> b.Section:
    """Every file of the evidence, how long it is kept, who signed."""
    close = report.close
    filing, kept = close.filing, close.retention
    rows = (
        b.cells(
            b.code(one.name), b.code(one.sha256), words.size(one.size_bytes), b.code(one.version or "not filed yet")
        )
        for one in close.manifest
    )
    return b.Section(
        "manifest",
        "Manifest and retention",
        (
            b.table("*artifact|sha256|#size|version", rows, dense=True, otherwise="No artifact was filed."),
            b.say(f"Retention: {kept.name}, {kept.period}; lock: {kept.lock}. "
                f"Signed by: {filing.signed_by or 'not recorded here'}; "
                f"anchored: {filing.anchored or 'not recorded here'}. Record before this one: ",
                b.code(filing.previous_sha256 or "none"),
                f". Made {words.moment(filing.generated_at_ns)}, filed as ", b.code(filing.path), "."),
        ),
    )  # fmt: skip


def definitions(report: Report) -> b.Section:
    """Words as this report uses them."""
    rows = (b.cells(one.term, one.meaning) for one in report.close.definitions)
    return b.Section("definitions", "Definitions", (b.table("term|*meaning", rows, otherwise="None."),))
