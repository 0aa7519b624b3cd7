"""Charts of the report as vector graphics: drawn once, the same bytes in the page and in the PDF."""

from __future__ import annotations

from drill.report.charts.gauge import gauge
from drill.report.charts.lag import lag
from drill.report.charts.picture import Picture
from drill.report.charts.recovery import recovery
from drill.report.charts.trend import GLYPHS, trend
from drill.report.charts.waterfall import waterfall

__all__ = ["GLYPHS", "Picture", "gauge", "lag", "recovery", "trend", "waterfall"]
