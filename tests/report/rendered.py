"""The sample reports laid out and rendered, each once for all tests: drawing takes most of the time."""

from __future__ import annotations

from functools import cache

from drill.core import report as r
from drill.report import render_html
from drill.report.renderings import renderings
from drill.report.sections import Sheet, sheet
from tests.report import samples

REPORTS = {**samples.outcomes(), "hostile": samples.hostile(), "amended": samples.amended()}
NAMES = tuple(REPORTS)


@cache
def laid_out(name: str) -> Sheet:
    """The blocks of a sample, by its outcome, "hostile" or "amended"."""
    return sheet(REPORTS[name])


@cache
def html(name: str) -> str:
    """Its page."""
    return render_html(REPORTS[name], laid_out(name))


@cache
def files(name: str) -> dict[str, bytes]:
    """All its renderings."""
    return renderings(REPORTS[name], laid_out(name))


def report(name: str) -> r.Report:
    """The sample itself."""
    return REPORTS[name]
