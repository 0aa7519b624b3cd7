"""What a page is made of: lines, tables, lists and pictures. HTML page and PDF are two renderings of these blocks.

A tone says what a piece of text is (`bad`, `good`, `absent`, ...); what it looks like is each rendering's business.
Good and bad always carry a glyph too, so that nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from drill.report.charts.picture import Picture

Tone = Literal["", "strong", "soft", "good", "bad", "mind", "absent", "code", "hit", "short", "none", "dead"]


class Span(Struct, frozen=True, array_like=True):
    """A piece of text with its tone."""

    text: str
    tone: Tone = ""


Line = tuple[Span, ...]


class Paragraph(Struct, frozen=True, tag="paragraph", tag_field="kind"):
    """One line of text, however often it wraps."""

    line: Line


class Heading(Struct, frozen=True, tag="heading", tag_field="kind"):
    """A heading below the section's own."""

    text: str


class Bullets(Struct, frozen=True, tag="bullets", tag_field="kind"):
    """A list."""

    lines: tuple[Line, ...]


class Column(Struct, frozen=True, array_like=True):
    """A column: figures stand right; a wide one takes the room that the others leave."""

    name: str
    figure: bool = False
    wide: bool = False


class Table(Struct, frozen=True, tag="table", tag_field="kind"):
    """Rows of lines under named columns; the first column names the row."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Line, ...], ...]
    caption: str = ""
    dense: bool = False


class HeatMap(Struct, frozen=True, tag="heat", tag_field="kind"):
    """Symbols against suites, worst first, dealt into tables that are read one after the other."""

    columns: tuple[Column, ...]
    parts: tuple[tuple[tuple[Line, ...], ...], ...]


class Figure(Struct, frozen=True, tag="figure", tag_field="kind"):
    """A chart."""

    picture: Picture


Block = Paragraph | Heading | Bullets | Table | HeatMap | Figure


class Section(Struct, frozen=True):
    """A part of the report; `name` is its anchor and what the regulation matrix points at."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def line(*parts: str | Span) -> Line:
    """A line of plain text and spans."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def absent(text: str) -> Span:
    """Something that was not reached, measured or asked for, in words."""
    return Span(text, "absent")


def strong(text: str) -> Span:
    """What the eye should find."""
    return Span(text, "strong")


def code(text: str) -> Span:
    """A digest, key, path or command."""
    return Span(text, "code")


def good(text: str) -> Span:
    """As it should be."""
    return Span(f"✓ {text}", "good")


def bad(text: str) -> Span:
    """Not as it should be."""
    return Span(f"✗ {text}", "bad")


def yes(value: bool | None, *, held: str = "yes", broken: str = "no", unknown: str = "not evaluated") -> Span:
    """A truth in words; None is unknown."""
    return absent(unknown) if value is None else good(held) if value else bad(broken)


def say(*parts: str | Span) -> Paragraph:
    """A paragraph."""
    return Paragraph(line(*parts))


def nothing(text: str) -> Paragraph:
    """A paragraph that says that something is not there."""
    return say(absent(text))


def cells(*parts: str | Span | Line) -> tuple[Line, ...]:
    """A row of a table."""
    return tuple(part if isinstance(part, tuple) else line(part) for part in parts)


def table(
    columns: str, rows: Iterable[tuple[Line, ...]], *, caption: str = "", dense: bool = False, otherwise: str = ""
) -> Block:
    """A table; `columns` as '|'-separated names, '#' before a column of figures, '*' before a wide one.

    Without rows it is the sentence `otherwise`.

    Example: `table("symbol|#seq|*note", rows, otherwise="No symbol was in scope.")`
    """
    found = tuple(rows)
    if not found and otherwise:
        return nothing(otherwise)
    named = tuple(
        Column(name.lstrip("#*"), figure=name.startswith("#"), wide=name.startswith("*")) for name in columns.split("|")
    )
    return Table(columns=named, rows=found, caption=caption, dense=dense)


def facts(caption: str, rows: Iterable[tuple[str, str | Span | Line]], *, figures: bool = False) -> Table:
    """Two columns: what, and its value."""
    columns = (Column("what"), Column("value", figure=figures, wide=not figures))
    return Table(columns=columns, rows=tuple(cells(name, value) for name, value in rows), caption=caption)
