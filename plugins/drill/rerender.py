"""`python -m drill report RECORD`: every rendering again from a filed record, whatever version it was filed in.

What was said about the drill since (the chain lies beside the record, or in the bundle) is rendered with it.

A drill's folder without a record is rendered as MISSING from what is there: a drill that was registered and never
heard of again has a report too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from drill.core.evidence import assemble
from drill.core.evidence.artifact import newest
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.bundle import read_bundle, read_file
from drill.core.evidence.chain import read_chain
from drill.core.report import Report
from drill.history import CHAIN
from drill.report.amended import amended
from drill.report.compose import Sealed, compose
from drill.report.pdf import page_one_png
from drill.report.renderings import RECORD, renderings

AMENDED = "amended"
EXPECTED = "a report's record (report.json), a drill's folder, or its bundle"


class BadRecord(ValueError):
    """Nothing that can be rendered; the message says what was found and what was expected."""


def load(source: Path) -> Report:
    """The report of a record, of a drill's folder or of its bundle, with what the chain there says since.

    Raises BadRecord. Nothing is verified here: `python -m drill verify` does that, with keys.
    """
    if source.suffix == ".zip":
        return _amended(source, *_unpacked(source))
    path = source / RECORD if source.is_dir() else source
    if source.is_dir() and not path.exists():
        return _missing(source)
    links = sorted((path.resolve().parents[1] / CHAIN).glob("*.json"))
    try:
        return _amended(path, path.read_bytes(), [link.read_bytes() for link in links])
    except OSError as refused:
        raise BadRecord(f"{path}: {refused.strerror}; expected {EXPECTED}") from refused


def _unpacked(source: Path) -> tuple[bytes, Sequence[bytes]]:
    try:
        parts = read_bundle(read_file(source))
    except OSError as refused:
        raise BadRecord(f"{source}: {refused.strerror}; expected {EXPECTED}") from refused
    except BrokenLink as broken:
        raise BadRecord(f"{source} is BROKEN at {broken}; `python -m drill verify` checks a bundle") from broken
    record = newest(parts.artifacts, RECORD)
    if record is None:
        raise BadRecord(f"{source}: the drill filed no {RECORD}; its folder can be rendered as it was left")
    return record, parts.chain


def _amended(source: Path, record: bytes, links: Sequence[bytes]) -> Report:
    try:
        return amended(record, read_chain(links))
    except BrokenLink as broken:
        raise BadRecord(f"{source}: the chain beside it is BROKEN at {broken}") from broken
    except (UnicodeDecodeError, msgspec.MsgspecError, ValueError) as refused:
        raise BadRecord(f"{source}: {refused}; expected {EXPECTED}") from refused


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


def rerender(source: Path, out: Path | None) -> list[Path]:
    """Write every rendering beside the record, or into `out`; the record itself only where there is none.

    A report that something was said about since goes to a folder `amended` of its own: what was sealed stays as it is.
    """
    report = load(source)
    home = source if source.is_dir() else source.parent
    folder = out or (home if report.close.filing.as_of_link is None else home / AMENDED)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in renderings(report).items():
        if name == RECORD and (folder / name).exists() and folder != home / AMENDED:
            continue  # records are kept as they were filed
        (folder / name).write_bytes(content)
        written.append(folder / name)
    return written


def picture(record: Path, out: Path) -> None:
    """Page 1 as a PNG."""
    out.write_bytes(page_one_png(load(record)))
