"""Renderings of the report model: the JSON record, HTML, PDF, CSV, JUnit XML, and what the terminal shows."""

from __future__ import annotations

from drill.report.html import render_html
from drill.report.pdf import render_pdf
from drill.report.prices import Usage, cost_estimate
from drill.report.record import render_json
from drill.report.summary import summary_line, table

__all__ = ["Usage", "cost_estimate", "render_html", "render_json", "render_pdf", "summary_line", "table"]
