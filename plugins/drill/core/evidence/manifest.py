"""The manifest: every artifact that a drill filed, by name, hash, size and object version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.canonical import NotCanonical, reread, sha256

NAME = "manifest.json"
OUTCOME = "outcome.json"
UNSEALED = frozenset({NAME, OUTCOME})  # the list itself, and the readable copy of the link that signs it
SAFE = re.compile(r"[A-Za-z0-9_@=+.-]+(/[A-Za-z0-9_@=+.-]+)*")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact; `size` in bytes, `version_id` of the object in the evidence bucket."""

    name: str
    sha256: str
    size: int
    version_id: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a drill filed up to the moment it was sealed, in order of names."""

    drill: str
    artifacts: tuple[Entry, ...]


def manifest(drill: str, entries: Iterable[Entry]) -> Manifest:
    """The manifest of these artifacts, without the ones that cannot be in it."""
    kept = (entry for entry in entries if entry.name not in UNSEALED)
    return Manifest(drill=drill, artifacts=tuple(sorted(kept, key=lambda entry: entry.name)))


def safe(name: str) -> bool:
    """Whether a name is plain: relative, no empty or dot parts, no separators of other systems, printable ASCII."""
    return SAFE.fullmatch(name) is not None and not {".", ".."} & set(name.split("/"))


def check(content: bytes, artifacts: Mapping[str, bytes]) -> Manifest:
    """The manifest in `content`, after comparing it with the artifacts. Raises BrokenLink at the first difference."""
    try:
        listed = reread(content, Manifest)
    except NotCanonical as refused:
        raise BrokenLink(NAME, str(refused)) from refused
    names = [entry.name for entry in listed.artifacts]
    if names != sorted(set(names)) or not all(map(safe, names)):
        raise BrokenLink(NAME, "names are not plain, sorted and distinct")
    for entry in listed.artifacts:
        found = artifacts.get(entry.name)
        if found is None:
            raise BrokenLink(entry.name, "is in the manifest and not in the bundle")
        if (len(found), sha256(found)) != (entry.size, entry.sha256):
            told = f"has {len(found)} bytes with SHA-256 {sha256(found)[:16]}…"
            raise BrokenLink(entry.name, f"{told}, the manifest says {entry.size} with {entry.sha256[:16]}…")
    added = sorted(set(artifacts) - set(names))
    if added:
        raise BrokenLink(added[0], "is not in the manifest")
    return listed
