"""The verdict and its rules; what did not go as planned."""

from __future__ import annotations

from drill.core.report import Report
from drill.report import words
from drill.report.sections.blocks import Section, Span, cells, code, nothing, say, strong, table, yes


def verdict(report: Report) -> Section:
    """Every rule with what it saw; the deciding ones are marked."""
    found = report.result.verdict
    rules = (
        cells(
            code(rule.rule_id),
            yes(rule.met),
            rule.statement,
            strong("◀ decided") if rule.decided else Span("no", "soft"),
        )
        for rule in found.rules
    )
    return Section(
        "verdict",
        "Verdict and the rules that led to it",
        (
            say(strong(found.question), f" {found.sentence}"),
            table("rule|met|*statement|decided", rules, otherwise="No rule was evaluated."),
        ),
    )


def deviations(report: Report) -> Section:
    """What did not go as planned, and what was begun again."""
    result = report.result
    went = (cells(words.moment(one.at_ns, "throughout"), one.what, one.consequence) for one in result.deviations)
    again = (cells(one.step, str(one.attempt), one.reason, words.duration(one.lost_ns)) for one in result.retries)
    return Section(
        "deviations",
        "Deviations and retries",
        (
            table("at|*deviation|*consequence", went)
            if result.deviations
            else say("No deviation from the plan was recorded."),
            table("step|#attempt|*reason|#time lost", again) if result.retries else say("No step was begun again."),
            say(f"Retries inside the AWS client: {words.count(result.sdk_retries, 'not counted')}.")
            if result.sdk_retries is not None
            else nothing("Retries inside the AWS client: not counted."),
        ),
    )
