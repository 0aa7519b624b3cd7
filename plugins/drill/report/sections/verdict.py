"""The verdict and its rules; what did not go as planned."""

from __future__ import annotations

from drill.core.report import Report
from drill.report import words
from drill.report.sections import blocks as b


def verdict(report: Report) -> b.Section:
    """Every rule with what it saw; the deciding ones are marked."""
    found = report.result.verdict
    rules = (
        b.cells(
            b.code(rule.rule_id),
            b.yes(rule.met),
            rule.statement,
            b.strong("◀ decided") if rule.decided else b.Span("no", "soft"),
        )
        for rule in found.rules
    )
    return b.Section(
        "verdict",
        "Verdict and the rules that led to it",
        (
            b.say(b.strong(found.question), f" {found.sentence}"),
            b.table("rule|met|*statement|decided", rules, otherwise="No rule was evaluated."),
        ),
    )


def deviations(report: Report) -> b.Section:
    """What did not go as planned, and what was begun again."""
    result = report.result
    went = (b.cells(words.moment(one.at_ns, "throughout"), one.what, one.consequence) for one in result.deviations)
    again = (b.cells(one.step, str(one.attempt), one.reason, words.duration(one.lost_ns)) for one in result.retries)
    return b.Section(
        "deviations",
        "Deviations and retries",
        (
            b.table("at|*deviation|*consequence", went)
            if result.deviations
            else b.say("No deviation from the plan was recorded."),
            b.table("step|#attempt|*reason|#time lost", again) if result.retries else b.say("No step was begun again."),
            b.say(f"Retries inside the AWS client: {words.count(result.sdk_retries, 'not counted')}.")
            if result.sdk_retries is not None
            else b.nothing("Retries inside the AWS client: not counted."),
        ),
    )
