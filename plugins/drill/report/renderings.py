"""Every rendering of a report by its file name: one model, laid out once."""

from __future__ import annotations

from drill.core.report import Report
from drill.report.html import render_html
from drill.report.junit import render_junit
from drill.report.pdf import render_pdf
from drill.report.record import render_json
from drill.report.sections import Sheet, sheet
from drill.report.tables import phases_csv, symbols_csv

RECORD = "report.json"


def renderings(report: Report, laid_out: Sheet | None = None) -> dict[str, bytes]:
    """File name -> content; the record first: everything else can be made from it again."""
    laid_out = laid_out or sheet(report)
    return {
        RECORD: render_json(report),
        "report.html": render_html(report, laid_out).encode(),
        "report.pdf": render_pdf(report, laid_out),
        "symbols.csv": symbols_csv(report),
        "phases.csv": phases_csv(report),
        "junit.xml": render_junit(report),
    }


RENDERINGS = (RECORD, "report.html", "report.pdf", "symbols.csv", "phases.csv", "junit.xml")
