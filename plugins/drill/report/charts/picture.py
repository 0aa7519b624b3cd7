"""From a chart's specification to a picture: SVG without script, address or identity, with words for who cannot see.

altair (0.7 s) and vl-convert are imported when the first picture is drawn: the report step pays for them, Airflow's
parser does not.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from altair import LayerChart

FONTS = Path(__file__).parents[1] / "fonts"
FONT = "DejaVu Sans"
WIDTH = 1000  # units of every picture; on A4 a unit is about 0.18 mm, so a size of 13 prints as 6.6 pt
INK, SOFT, LINE, WASH = "#1b2430", "#4a5563", "#c9d0d9", "#eef1f5"
WORK, BAD, GOOD, MIND = "#34496a", "#a11212", "#14632f", "#7a4a00"

_XMLNS = re.compile(r'\s+xmlns(?::\w+)?="[^"]*"')
# What vega says to screen readers of every axis and mark: the picture speaks for itself in one sentence instead.
_ROLES = re.compile(r'\s+(?:role|aria-[a-z]+|pointer-events|class)="[^"]*"')
_OPENING = re.compile(r"^<svg\b[^>]*>")


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """An SVG and what it shows in words; `alt` is all that a screen reader says."""

    svg: str
    alt: str
    width: int
    height: int

    @property
    def inline(self) -> str:
        """The SVG for an HTML page: no namespace (HTML knows it), sized by its surroundings."""
        return _OPENING.sub(
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{_attribute(self.alt)}">',
            _XMLNS.sub("", self.svg, count=1),
        )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@cache
def altair() -> Any:
    """The module altair, without its check of each part against Vega-Lite's schema, which takes longer than drawing.

    Our specifications do not depend on who calls; a test draws every chart with that check.
    """
    import altair as alt  # noqa: PLC0415 - see the module's docstring

    alt.utils.schemapi.disable_debug_mode()
    return alt


@cache
def _renderer() -> Any:
    """vl-convert with our own fonts, so that widths of text do not depend on the machine."""
    import vl_convert  # noqa: PLC0415 - see the module's docstring

    vl_convert.register_font_directory(str(FONTS))
    return vl_convert


def _looks() -> dict[str, Any]:
    """The looks that all charts share: no frame, no grid, our font; colour is left for what is abnormal."""
    axis = {
        "domainColor": SOFT, "gridColor": "#dde2e8", "labelColor": SOFT, "labelFont": FONT, "labelFontSize": 12,
        "ticks": False, "titleColor": SOFT, "titleFont": FONT, "titleFontSize": 12, "titleFontWeight": "normal",
    }  # fmt: skip
    return {"axis": axis, "background": "white", "font": FONT, "text": {"fill": INK}, "view": {"stroke": None}}


class Margins(msgspec.Struct, frozen=True, kw_only=True):
    """Room around the plot for labels, in units; fixed, so that nothing depends on how wide a text turns out."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


def draw(chart: LayerChart, alt_text: str, *, height: int, margins: Margins = Margins()) -> Picture:  # noqa: B008 - frozen
    """Draw a layered chart whose plot is `height` units high, WIDTH with its margins."""
    width = WIDTH - margins.left - margins.right
    specification = (
        chart.properties(width=width, height=height, autosize="none", padding=msgspec.structs.asdict(margins))
        .configure(**_looks())
        .to_dict(validate=altair().utils.schemapi.DEBUG_MODE)
    )
    svg = _renderer().vegalite_to_svg(specification, allowed_base_urls=[])
    return Picture(svg=_ROLES.sub("", svg), alt=alt_text, width=WIDTH, height=height + margins.top + margins.bottom)
