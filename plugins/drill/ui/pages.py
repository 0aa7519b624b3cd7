"""The pages as text: entries in, HTML out. Everything is escaped; there is no inline script and no inline style."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from drill import clock
from drill.core.ledger import MISSING, RUNNING, Entry
from drill.core.verdict import GREEN
from drill.report import words
from drill.report.charts import GLYPHS
from drill.ui.shelf import Unknown

_HERE = Path(__file__).parent
_STATIC = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
_MARKS = {**GLYPHS, RUNNING: "▶"}
_WHAT = {"sealed": "✓ sealed", "broken": "✗ broken", "open": "open", "unsealed": "✗ not sealed"}


def history(entries: Sequence[Entry]) -> str:
    """The list of all drills, newest first, with what is missing above it."""
    missing = [one for one in entries if one.outcome == MISSING]
    running = [one for one in entries if one.outcome == RUNNING]
    passed = sum(one.outcome in GREEN for one in entries)
    return _render("history.html.j2", entries=entries, missing=missing, running=running, passed=passed, up="")


def drill(entry: Entry, downloads: Sequence[str], *, up: str) -> str:
    """One drill: its line of the ledger, what can be taken away, and its report below; `up` leads to the history."""
    return _render("drill.html.j2", entry=entry, downloads=downloads, up=up)


def notice(title: str, text: str) -> str:
    """A page that says why there is nothing to see. It stands at any depth, so it asks for no style and no script."""
    return _render("notice.html.j2", title=title, text=text)


@cache
def static(name: str) -> tuple[bytes, str]:
    """Style or script of the pages with its media type; raises Unknown for every other name."""
    if name not in _STATIC:
        raise Unknown("no such page")
    return (_HERE / "static" / name).read_bytes(), _STATIC[name]


def mark(outcome: str) -> str:
    """The glyph of an outcome: colour is never the only sign."""
    return _MARKS.get(outcome, "•")


def what_is_sealed(state: str) -> str:
    """The state of the evidence in words."""
    return _WHAT[state]


def when(ns: int | None, absent: str) -> str:
    """A moment to the second, in UTC: the ledger is no stop-watch."""
    return absent if ns is None else f"{clock.utc(ns):%Y-%m-%d %H:%M:%S} UTC"


def tone(outcome: str) -> str:
    """The style class of an outcome; one that this version does not know gets none."""
    return f"tone-{outcome}" if outcome in _MARKS else "tone-other"


def _render(template: str, **context: object) -> str:
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (mark, tone, what_is_sealed, words.count, words.duration, words.plural, when)
    environment.filters.update({one.__name__: one for one in filters})
    return environment
