"""The regulation matrix as Markdown: paragraph -> field -> artifact -> where to see it, read off the model."""

from __future__ import annotations

from collections.abc import Iterator

from drill.core.report.clause import ASKS
from drill.core.report.schema import Field, fields

HEAD = """# Regulation matrix

Which paragraph is answered by which field of the record, which artifacts of the evidence the field is derived from, and
which section of the report shows it. Engineering input, not legal advice. `python -m drill schema --matrix` writes this
file from the model's own metadata ([plugins/drill/core/report/](../plugins/drill/core/report/)); a test compares.

Artifacts are named as in the manifest; `events/` are the steps' events, *chain* is the chain of signed records.
"""


def matrix() -> str:
    """The whole document; fields of one group that ask for nothing beyond their group's paragraphs stand together."""
    found = list(fields())
    parts = [HEAD, *(_clause(clause, asked, found) for clause, asked in ASKS.items())]
    return "\n".join(parts).rstrip("\n")


def _clause(clause: str, asked: str, found: list[Field]) -> str:
    rows = "\n".join(_rows(clause, found))
    head = "| field | holds | kept in | shown in section |\n|---|---|---|---|"
    return f"## {clause}\n\nIn a line: {asked}.\n\n{head}\n{rows}\n"


def _rows(clause: str, found: list[Field]) -> Iterator[str]:
    for field in found:
        if clause in field.clauses:
            holds = field.text.replace("|", "/")
            yield f"| `{field.path}` | {holds} | {field.kept or 'report.json'} | {field.shown or 'all'} |"
