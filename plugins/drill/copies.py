"""Copies of the evidence on the disk of whoever ran a drill, and an auditor's kit: none of them is the record."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from drill.bundle import BUNDLE, NotSealed, bundle
from drill.core.evidence.anchor import write_anchor
from drill.core.evidence.keys import published
from drill.docket import Docket
from drill.history import CHAIN

KEYS, ANCHOR = "keys.pem", "anchor.json"


def copy(docket: Docket, reports: Path) -> Path:
    """Copy every artifact of the drill under `reports/<id>/`; nothing in the store is touched."""
    folder = reports / docket.drill
    for name in docket.names():
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            msg = (
                f"artifact {name!r} of drill {docket.drill} would be written outside {folder}; look at who put it there"
            )
            raise ValueError(msg)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(docket.stored(name))
    return folder


def auditors_kit(docket: Docket, reports: Path) -> None:
    """Write what `verify` wants: the bundle beside the copy; the chain, its keys and its anchor for all drills.

    Copies for convenience. An auditor gets key and anchor from somebody else than the bundle (docs/evidence.md).
    """
    store = docket.chain()
    links = store.read()
    (reports / CHAIN).mkdir(parents=True, exist_ok=True)
    for link in links.links:
        (reports / CHAIN / f"{link.number:012d}.json").write_bytes(link.content)
    (reports / KEYS).write_bytes(published(links.keys.values()))
    (reports / ANCHOR).write_bytes(write_anchor(store.heads()))
    with suppress(NotSealed):  # its last line says MISSING
        (reports / docket.drill / BUNDLE).write_bytes(bundle(docket))


def renew(docket: Docket, reports: Path) -> None:
    """Bring the copies up to what was said last, where there are copies of this drill."""
    if (reports / docket.drill).is_dir():
        auditors_kit(docket, reports)
