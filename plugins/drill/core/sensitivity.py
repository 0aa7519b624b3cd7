"""The sensitivity score: how much of the fault catalogue a version catches, committed beside the code it belongs to.

`sensitivity.json` is written by `make faults SCORE=1`, a line for each fault as soon as its drill has ended, so that a
run that was stopped goes on where it was: `make faults SCORE=1 F=F14,F15`. It counts for the version of engine,
validators and suites that was scored, by their content, and for no other: a changed line makes the score one of another
version. Until the whole catalogue and a drill without any fault were run on one version, that version has no score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from drill.core.faults import INJECTABLE

SCORED = ("sources:engine", "sources:expectations", "sources:oracle")
CONTROL = "none"
"""The name under which the drill without any fault is filed; it agrees where it passed."""
FILED = Path(__file__).with_name("sensitivity.json")


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """The latest drill with one fault: whether it came to what the catalogue says, and when it ended."""

    drill: str
    agrees: bool
    at_ns: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What the drills of one version came to, by fault. `version` is `version_of` what was run."""

    version: str
    drills: dict[str, Scored] = {}

    @property
    def whole(self) -> bool:
        """Whether every fault of the catalogue was injected, and the drill without one passed."""
        control = self.drills.get(CONTROL)
        return control is not None and control.agrees and set(INJECTABLE) <= set(self.drills)

    @property
    def injected(self) -> int:
        """How many faults of the catalogue were injected."""
        return sum(name in self.drills for name in INJECTABLE)

    @property
    def caught(self) -> int:
        """How many of them ended as the catalogue says."""
        return sum(self.drills[name].agrees for name in INJECTABLE if name in self.drills)


def version_of(versions: Mapping[str, str]) -> str:
    """One hash over the contents of engine, validators and suites, as a drill registers them."""
    return hashlib.sha256("\n".join(f"{name} {versions.get(name, '')}" for name in SCORED).encode()).hexdigest()


def score(versions: Mapping[str, str], filed: Path | None = None) -> Score | None:
    """The whole score of exactly this version; None where it has none."""
    found = _filed(filed or FILED)
    return found if found is not None and found.version == version_of(versions) and found.whole else None


def file(version: str, name: str, scored: Scored, filed: Path | None = None) -> Score:
    """Add a drill to the score of its version, to be committed; what another version came to goes."""
    place = filed or FILED
    known = _filed(place)
    drills = known.drills if known is not None and known.version == version else {}
    made = Score(version=version, drills=dict(sorted({**drills, name: scored}.items())))
    place.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return made


def _filed(place: Path) -> Score | None:
    return msgspec.json.decode(place.read_bytes(), type=Score) if place.exists() else None
