"""`python -m drill judge FOLDER`: check a filed drill's manifest and recompute its verdict from the raw evidence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from drill.core.evidence import assemble
from drill.core.verdict import Verdict, judge
from drill.report.renderings import RENDERINGS

UNLISTED = {"manifest.json", "outcome.json", *RENDERINGS}  # written after the manifest was sealed


class BrokenRecord(ValueError):
    """The record does not agree with itself; the message names the first broken link."""


def rejudge(folder: Path) -> Verdict:
    """The verdict as recomputed, offline. Raises BrokenRecord at the first file that is not as it was sealed.

    It shows that the files belong together and that the verdict follows from them. It does not show that nobody
    replaced them all: signature and anchor are not built yet.
    """
    manifest = (folder / "manifest.json").read_bytes()
    outcome = json.loads((folder / "outcome.json").read_bytes())
    if hashlib.sha256(manifest).hexdigest() != outcome["manifest_sha256"]:
        msg = f"{folder}/manifest.json: its hash is not the one in outcome.json"
        raise BrokenRecord(msg)
    artifacts = {}
    for entry in json.loads(manifest)["artifacts"]:
        content = (folder / entry["name"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            msg = f"{folder}/{entry['name']}: its hash is not the one in the manifest"
            raise BrokenRecord(msg)
        artifacts[entry["name"]] = content
    _nothing_added(folder, set(artifacts))
    verdict = judge(assemble(artifacts))
    if verdict.outcome != outcome["outcome"]:
        msg = f"{folder}: the filed verdict is {outcome['outcome']}, the evidence says {verdict.outcome}"
        raise BrokenRecord(msg)
    return verdict


def _nothing_added(folder: Path, listed: set[str]) -> None:
    late = ("events/",)  # the steps after the seal leave events of their own
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    added = sorted(name for name in there - listed - UNLISTED if not name.startswith(late))
    if added:
        msg = f"{folder}/{added[0]}: not in the manifest"
        raise BrokenRecord(msg)
