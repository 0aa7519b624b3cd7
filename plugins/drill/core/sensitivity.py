"""The sensitivity score: how much of the fault catalogue a version catches, committed beside the code it belongs to.

`sensitivity.json` is written by `make faults SCORE=1`. It counts for the version of engine, validators and suites that
was scored, by their content, and for no other: a changed line makes the score one of another version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

SCORED = ("sources:engine", "sources:expectations", "sources:oracle")
FILED = Path(__file__).with_name("sensitivity.json")


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue's last whole run came to. `version` is `version_of` what was run."""

    version: str
    caught: int
    injected: int
    at_ns: str
    missed: tuple[str, ...] = ()


def version_of(versions: Mapping[str, str]) -> str:
    """One hash over the contents of engine, validators and suites, as a drill registers them."""
    return hashlib.sha256("\n".join(f"{name} {versions.get(name, '')}" for name in SCORED).encode()).hexdigest()


def score(versions: Mapping[str, str], filed: Path | None = None) -> Score | None:
    """The score of exactly this version; None where it has none."""
    place = filed or FILED
    if not place.exists():
        return None
    found = msgspec.json.decode(place.read_bytes(), type=Score)
    return found if found.version == version_of(versions) else None


def file(scored: Score, filed: Path | None = None) -> None:
    """Write the score to be committed."""
    (filed or FILED).write_bytes(msgspec.json.format(msgspec.json.encode(scored), indent=2) + b"\n")
