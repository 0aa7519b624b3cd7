"""The report's sections as blocks of text, tables and pictures; see `sheet` for their order."""

from __future__ import annotations

from drill.report.sections.sheet import ORDER, Sheet, sheet

__all__ = ["ORDER", "Sheet", "sheet"]
