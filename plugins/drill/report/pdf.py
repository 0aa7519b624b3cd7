"""The report as a PDF for the archive: PDF/A-2b for keeping, PDF/UA-1 for reading aloud, the same bytes every time.

Fonts come from our own folder and the document's date from the report, so neither machine nor clock plays a part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from drill.core.report import Report
from drill.report.charts.picture import FONTS
from drill.report.sections import Sheet, sheet

_TEMPLATE = Path(__file__).with_name("templates") / "report.typ"
_SECOND_NS = 1_000_000_000
_PICTURE_PPI = 110


def render_pdf(report: Report, laid_out: Sheet | None = None) -> bytes:
    """The whole report, page 1 as on the HTML page. Raises typst.TypstError where text cannot be set."""
    compiled: bytes = _compiler(laid_out or sheet(report)).compile(
        format="pdf",
        pdf_standards=["a-2b", "ua-1"],
        timestamp=report.close.filing.generated_at_ns // _SECOND_NS,
    )
    return compiled


def page_one_png(report: Report) -> bytes:
    """Page 1 as a picture for a README, at 110 dots per inch; the same bytes on any machine."""
    pages = _compiler(sheet(report)).compile(format="png", ppi=_PICTURE_PPI)
    first: bytes = pages[0] if isinstance(pages, list) else pages
    return first


def sheets_of_page_one(laid_out: Sheet) -> int:
    """How many sheets page 1 takes: it has to be one."""
    return int(_compiler(laid_out).query("<end-of-page-one>", field="value", one=True))


def _compiler(laid_out: Sheet) -> Any:
    import typst  # noqa: PLC0415 - 30 MB that only this rendering needs

    return typst.Compiler(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs={"sheet": msgspec.json.encode(laid_out).decode()},
    )
