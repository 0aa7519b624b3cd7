"""The report as one HTML page that carries everything it needs: no script, no address, no font from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drill.core.report import Report
from drill.report.charts import Picture
from drill.report.sections import Sheet, sheet

_TEMPLATES = Path(__file__).with_name("templates")


def _inline(picture: dict[str, Any]) -> Markup:
    """An SVG of our own drawing: its texts were escaped when it was drawn."""
    return Markup(msgspec.convert(picture, Picture).inline)  # noqa: S704 - see the docstring


@cache
def _environment() -> Environment:
    """Autoescape on whatever the template is called; a name that is not there is an error, not a blank."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inline"] = _inline
    return environment


def render_html(report: Report, laid_out: Sheet | None = None) -> str:
    """The page, the same bytes for the same report; `laid_out` spares laying it out again for the next rendering."""
    tree = msgspec.to_builtins(laid_out or sheet(report))
    return _environment().get_template("report.html.j2").render(tree)
