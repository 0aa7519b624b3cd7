"""The bundle: one zip with everything that an auditor needs beside the public key and the anchor.

Layout: `drill.json` (which drill), `manifest.json`, `artifacts/<name>`, `chain/<number>.json`. It has one spelling:
entries in order of names, stored (not compressed: large documents are gzip already), one fixed date, no extras. So the
reader can compare the whole file with what it would have written, and no byte of the container escapes the check.

Nothing is unpacked to disk, and nothing is inflated before its hash is known: names cannot lead out of a folder and
sizes cannot explode.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.canonical import NotCanonical, canonical, reread
from drill.core.evidence.chain import PREFIX as CHAIN
from drill.core.evidence.chain import object_name
from drill.core.evidence.manifest import NAME as MANIFEST
from drill.core.evidence.manifest import safe

CARD = "drill.json"
ARTIFACTS = "artifacts/"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold
MOST_BYTES = 2 << 30
MOST_ENTRIES = 200_000


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bundle is; `format` 1."""

    format: int
    drill: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a bundle; `chain` holds the links' bytes in order."""

    drill: str
    manifest: bytes
    artifacts: dict[str, bytes]
    chain: tuple[bytes, ...]


def write_bundle(bundle: Bundle) -> bytes:
    """The zip; the same parts give the same bytes."""
    entries = {
        CARD: canonical(Card(format=1, drill=bundle.drill)),
        MANIFEST: bundle.manifest,
        **{f"{ARTIFACTS}{name}": content for name, content in bundle.artifacts.items()},
        **{object_name(number): content for number, content in enumerate(bundle.chain, start=1)},
    }
    return _zipped(entries)


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, on whatever it is written
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, entries[name])
    return made.getvalue()


def read_file(path: Path) -> bytes:
    """The bytes of a bundle. Raises BrokenLink where it is larger than any drill's; OSError where it is not there."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise BrokenLink(path.name, f"has {size} bytes; a bundle has at most {MOST_BYTES}")
    return path.read_bytes()


def read_bundle(content: bytes) -> Bundle:
    """The parts of a bundle. Raises BrokenLink for anything that `write_bundle` would not have written."""
    entries = _unzipped(content)
    if _zipped(entries) != content:
        raise BrokenLink(
            "zip", "the container is not as `bundle` writes it: something was added to it or changed in it"
        )
    card = _card(entries)
    chain = [name for name in sorted(entries) if name.startswith(CHAIN)]
    for number, name in enumerate(chain, start=1):
        if name != object_name(number):
            raise BrokenLink(f"link {number}", f"is missing: the bundle goes on with {name}")
    if MANIFEST not in entries:
        raise BrokenLink(MANIFEST, "is missing")
    artifacts = {name.removeprefix(ARTIFACTS): entry for name, entry in entries.items() if name.startswith(ARTIFACTS)}
    strange = sorted(set(entries) - {CARD, MANIFEST, *chain, *(f"{ARTIFACTS}{name}" for name in artifacts)})
    if strange:
        raise BrokenLink(strange[0], "does not belong into a bundle")
    return Bundle(
        drill=card.drill, manifest=entries[MANIFEST], artifacts=artifacts, chain=tuple(entries[name] for name in chain)
    )


def _card(entries: Mapping[str, bytes]) -> Card:
    try:
        card = reread(entries.get(CARD, b""), Card)
    except NotCanonical as refused:
        raise BrokenLink(CARD, str(refused)) from refused
    if card.format != 1:
        raise BrokenLink(CARD, f"format {card.format}; this version reads format 1")
    return card


def _unzipped(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            _plain(listed, len(content))
            return {entry.filename: archive.read(entry) for entry in listed}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as refused:
        if isinstance(refused, BrokenLink):
            raise
        raise BrokenLink("zip", f"cannot be read: {refused}") from refused


def _plain(listed: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse, before a byte is read, what only a crafted zip contains."""
    if len(listed) > MOST_ENTRIES:
        raise BrokenLink("zip", f"has {len(listed)} entries; a bundle has at most {MOST_ENTRIES}")
    names = [entry.filename for entry in listed]
    for entry in listed:
        if not safe(entry.filename):
            raise BrokenLink("zip", f"entry {entry.filename!r} has a name that a bundle does not contain")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise BrokenLink("zip", f"entry {entry.filename} is compressed; a bundle only stores")
    if len(set(names)) != len(names) or sum(entry.file_size for entry in listed) > size:
        raise BrokenLink("zip", "entries overlap or stand twice")
