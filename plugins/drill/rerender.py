"""`python -m drill report RECORD`: every rendering again from a filed record, whatever version it was filed in.

A drill's folder without a record is rendered as MISSING from what is there: a drill that was registered and never
heard of again has a report too.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from drill.core.evidence import assemble
from drill.core.report import Report, decode
from drill.report.compose import Sealed, compose
from drill.report.pdf import page_one_png
from drill.report.renderings import RECORD, renderings


class BadRecord(ValueError):
    """Nothing that can be rendered; the message says what was found and what was expected."""


def load(record: Path) -> Report:
    """The report of a record, or of a drill's folder. Raises BadRecord."""
    path = record / RECORD if record.is_dir() else record
    if record.is_dir() and not path.exists():
        return _missing(record)
    try:
        return decode(path.read_bytes())
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError, ValueError) as refused:
        msg = f"{path}: {refused}; expected a report's record (report.json) or a drill's folder"
        raise BadRecord(msg) from refused


def _missing(folder: Path) -> Report:
    """What is known of a drill that filed no report: its registration and whatever its steps wrote."""
    registration = folder / "raw" / "registration.json"
    if not registration.exists():
        msg = f"{folder}: neither {RECORD} nor raw/registration.json is there; expected a drill's folder"
        raise BadRecord(msg)
    artifacts = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    sealed = Sealed(
        manifest=(),
        path=str(folder / "report.html"),
        verify="nothing was sealed, so nothing can be verified",
        generated_ns=int(json.loads(registration.read_text())["registered_ns"]),
        lock="unknown",
    )
    return compose(assemble(artifacts), sealed, drill=folder.name, missing=True)


def rerender(record: Path, out: Path | None) -> list[Path]:
    """Write every rendering beside the record, or into `out`; the record itself only where there is none."""
    report = load(record)
    folder = out or (record if record.is_dir() else record.parent)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in renderings(report).items():
        if name == RECORD and (folder / name).exists():
            continue  # records are kept as they were filed
        (folder / name).write_bytes(content)
        written.append(folder / name)
    return written


def picture(record: Path, out: Path) -> None:
    """Page 1 as a PNG."""
    out.write_bytes(page_one_png(load(record)))
