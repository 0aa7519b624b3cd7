"""The whole report as blocks, in reading order: what the HTML page and the PDF both render."""

from __future__ import annotations

from msgspec import Struct

from drill.core.report import Report
from drill.report.planned import REAL
from drill.report.sections.blocks import Section
from drill.report.sections.building import cost, stacks, teardown
from drill.report.sections.checks import checks
from drill.report.sections.closing import amendments, definitions, findings, history, limitations, manifest
from drill.report.sections.failback import failback
from drill.report.sections.first import FirstPage, first_page
from drill.report.sections.journal import journal, point
from drill.report.sections.planning import plan, regulation, versions
from drill.report.sections.symbols import symbols
from drill.report.sections.timeline import timeline
from drill.report.sections.trading import performance, resumption
from drill.report.sections.verdict import deviations, verdict

ORDER = (
    verdict, timeline, point, symbols, journal, checks, stacks, performance, resumption, failback,
    deviations, amendments,
    history, findings, limitations, teardown, cost, plan, versions, regulation, manifest, definitions,
)  # fmt: skip


class Sheet(Struct, frozen=True, kw_only=True):
    """Page 1 and the sections after it."""

    title: str
    drill: str
    first: FirstPage
    sections: tuple[Section, ...]


def _what(report: Report) -> str:
    return f"{REAL}, {report.plan.kind}" if report.plan.purpose == REAL else "disaster-recovery drill"


def sheet(report: Report) -> Sheet:
    """Lay out a report of any outcome."""
    verdict_ = report.result.verdict.outcome.replace("_", " ")
    return Sheet(
        title=f"{verdict_} · {report.plan.drill_id} · {_what(report)}",
        drill=report.plan.drill_id,
        first=first_page(report),
        sections=tuple(section(report) for section in ORDER),
    )
