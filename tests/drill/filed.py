"""The healthy drill of tests.core.worlds with everything that its steps file, and its filing in a docket."""

from __future__ import annotations

from typing import Any

import msgspec

from drill.core.evidence import Evidence
from drill.docket import Docket
from tests.core import worlds


def full(**changes: Any) -> Evidence:
    """The healthy drill, or one with documents replaced (name with `_` for `-`; None removes one)."""
    documents = worlds.documents()
    validation = {
        **documents["validation"],
        "started_ns": str(worlds.T0 + 45 * worlds.SECOND),
        "journal": {symbol: {"conflicts": 0, "gaps": []} for symbol in (*worlds.LISTING, *worlds.TESTS)},
        "lost_fills": [],
        "above_checkpoint": 0,
    }
    engines = {**documents["engines"], "engines": [{"build": "b", **one} for one in documents["engines"]["engines"]]}
    inventory = {**documents["inventory"], "before": {"s3": 10}, "after": {"s3": 10}}
    drain = {"at_ns": str(worlds.T0 + 15 * worlds.SECOND), "streams": 6, "silent": []}
    complete = {
        "validation": validation,
        "engines": engines,
        "inventory": inventory,
        "drain": drain,
        "preflight": {**documents["preflight"], "buffer_s": 5, "buffer_mib": 1},
        "stacks": {**documents["stacks"], "stacks": {"network": []}},
    }
    return worlds.changed(**{name.replace("-", "_"): document for name, document in {**complete, **changes}.items()})


def filed(docket: Docket, evidence: Evidence) -> Evidence:
    """Write the evidence as the steps of that drill would have."""
    for event in evidence.events:
        docket.put(event.key, msgspec.json.encode(event))
    for name, document in evidence.documents.items():
        docket.file(name, document)
    return evidence
