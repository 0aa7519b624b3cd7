"""The report as a PDF for the archive: PDF/A-2b for keeping, PDF/UA-1 for reading aloud, the same bytes every time.

Fonts come from our own folder and the document's date from the report, so neither machine nor clock plays a part.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from drill.core.report import Report
from drill.report.charts.picture import FONTS
from drill.report.sections import Sheet, sheet

_TEMPLATE = Path(__file__).with_name("templates") / "report.typ"
_SECOND_NS = 1_000_000_000


def render_pdf(report: Report, laid_out: Sheet | None = None) -> bytes:
    """The whole report, page 1 as on the HTML page. Raises typst.TypstError where text cannot be set."""
    import typst  # noqa: PLC0415 - 30 MB that only this rendering needs

    return typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-2b", "ua-1"],
        timestamp=report.close.filing.generated_at_ns // _SECOND_NS,
        sys_inputs={"sheet": msgspec.json.encode(laid_out or sheet(report)).decode()},
    )
