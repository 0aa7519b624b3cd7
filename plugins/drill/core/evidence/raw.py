"""The raw evidence of one drill: what the verdict is a pure function of.

An artifact is a JSON document under `drills/<id>/` in the evidence store, written by the step that observed it. A step
that is tried again writes `<name>@<attempt>`: nothing is overwritten, and the highest attempt is the one that counts. A
document that was not written is None here, never an empty one.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from drill.core.events import Event
from drill.core.evidence.artifact import parts
from drill.core.phases import Phase, phases
from drill.core.plan import Plan

# Which documents a phase owes when it says that it ended. A missing one makes the drill INVALID.
OWED = {
    "register": ("registration",),
    "preflight": ("preflight",),
    "loss": ("word-loss", "word-monitor"),
    "build": ("stacks", "engines", "isolation"),
    "fence": ("fence",),
    "captures": ("acked-primary", "acked-seqs"),
    "drain": ("drain",),
    "sabotage": ("word-sabotage",),
    "rehydrate": ("recovered",),
    "validate": ("validation",),
    "cut_over": ("cutover",),
    "members_back": ("members",),
    "canaries": ("word-canary",),
    "full_load": ("acked-dr", "restarts"),
    "objectives": ("objectives",),
    "tear_down": ("teardown", "word-reveal"),
    "inventory": ("inventory",),
}
# Where nothing is lost the exchange says its recovery point instead, and production's latency is owed as well.
OWED_PLANNED = OWED | {
    "preflight": ("preflight", "names-before", "production-before"),
    "loss": ("mark",),
    "full_load": ("acked-dr", "restarts", "production"),
    "tear_down": ("teardown", "word-reveal", "names"),
}

# In a real failover people approve; nothing is injected, sabotaged or torn down, and nobody's word of that is owed.
OWED_REAL = {name: due for name, due in OWED.items() if name not in {"sabotage", "tear_down", "inventory"}} | {
    "loss": ("word-monitor",),
    "first_approval": ("approval-1",),
    "second_approval": ("approval-2",),
}

OWED_HOME = {
    "register": ("registration",),
    "preflight": ("preflight",),
    "failback": ("failback", "frozen", "recovered-home", "acked-home", "acked-home-seqs"),
    "canaries": ("word-canary",),
    "tear_down": ("teardown",),
    "inventory": ("inventory",),
}

DOCUMENT_BYTES = 1 << 30  # 100 symbols at full size need some tens of MB


class OversizedDocument(ValueError):
    """A compressed document that would not stay within memory."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All documents of a drill by name (`stacks`, `word-loss`, ...) and its events in order of time."""

    documents: dict[str, Any]
    events: tuple[Event, ...]

    def get(self, name: str) -> Any:
        """The document, or None where it was never written."""
        return self.documents.get(name)

    @property
    def plan(self) -> Plan | None:
        """The plan as registered, or None where the registration is missing."""
        registration = self.get("registration")
        return msgspec.convert(registration["plan"], Plan) if registration else None

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases as their events tell them."""
        return phases(self.events)

    def phase(self, name: str) -> Phase:
        """One phase by name."""
        return next(phase for phase in self.phases if phase.name == name)

    def missing(self) -> list[str]:
        """Documents that phases which ended well owe and that are not here."""
        plan = self.plan
        due = OWED
        if plan is not None and plan.real:
            due = OWED_HOME if plan.homecoming else OWED_REAL
        elif plan is not None and plan.planned:
            due = OWED_PLANNED
        return [
            f"{name} (phase {phase.name})"
            for phase in self.phases
            if phase.status == "done"
            for name in due.get(phase.name, ())
            if self.get(name) is None
        ]


def assemble(artifacts: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Evidence:
    """Build Evidence from the stored artifacts (name relative to the drill's folder -> bytes); others are ignored."""
    documents: dict[str, Any] = {}
    counted: dict[str, int] = {}
    events: list[Event] = []
    for name, data in sorted(dict(artifacts).items()):
        stem, attempt, suffix = parts(name)
        if name.startswith("events/"):
            events.append(msgspec.json.decode(data, type=Event))
        elif name.startswith("raw/") and suffix in {".json", ".json.gz"}:
            document = stem.removeprefix("raw/")
            if attempt > counted.get(document, 0):
                counted[document] = attempt
                documents[document] = json.loads(unpacked(data) if suffix.endswith(".gz") else data)
    return Evidence(documents=documents, events=tuple(sorted(events, key=lambda event: event.at)))


def unpacked(data: bytes) -> bytes:
    """A compressed document, unpacked up to DOCUMENT_BYTES: it may come from a bundle that somebody else made.

    Raises OversizedDocument where it would be larger.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        content = packed.read(DOCUMENT_BYTES + 1)
    if len(content) > DOCUMENT_BYTES:
        msg = f"a compressed document of {len(data)} bytes unpacks to more than {DOCUMENT_BYTES}; it is refused"
        raise OversizedDocument(msg)
    return content
