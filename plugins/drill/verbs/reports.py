"""What is asked of a filed report: its renderings again, page 1 as a picture, the published form of the record."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from drill.verbs.answer import Answer, Refused

USAGE = 2


def add(verbs: Any) -> None:
    """The verbs and their options."""
    report = verbs.add_parser(
        "report", help="render a filed report again, with what was said since: HTML, PDF, CSV, JUnit"
    )
    report.add_argument("path", type=Path, metavar="RECORD", help="report.json, a drill's folder, or its bundle")
    report.add_argument("--out", type=Path, help="folder; default: the record's own")
    report.add_argument("--picture", type=Path, metavar="FILE", help="only page 1, as PNG, into this file")
    schema = verbs.add_parser("schema", help="print the JSON Schema of report.json")
    schema.add_argument("--matrix", action="store_true", help="print the regulation matrix instead, as Markdown")


def report(arguments: argparse.Namespace) -> Answer:
    """Render a record of any version; a folder without one is rendered as MISSING from what is there."""
    from drill.rerender import BadRecord, picture, rerender  # noqa: PLC0415 - an auditor does without the renderers

    try:
        if arguments.picture:
            picture(arguments.path, arguments.picture)
            written = [arguments.picture]
        else:
            written = rerender(arguments.path, arguments.out)
    except BadRecord as refused:
        raise Refused(str(refused), USAGE) from refused
    names = [str(path) for path in written]
    return Answer("\n".join(names), {"written": names})


def schema(arguments: argparse.Namespace) -> Answer:
    """The JSON Schema, or the regulation matrix: both read off the model."""
    from drill.core.report import json_schema, matrix  # noqa: PLC0415

    if arguments.matrix:
        return Answer(matrix(), {"matrix": matrix()})
    published = json_schema()
    return Answer(json.dumps(published, indent=1, sort_keys=True), published)


VERBS = {"report": report, "schema": schema}
