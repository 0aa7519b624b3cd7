"""seal: the manifest of everything that was filed, and the signed outcome over it, in the chain of all drills."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from drill import records
from drill.core.evidence.canonical import canonical
from drill.core.evidence.manifest import NAME, OUTCOME, Manifest
from drill.core.evidence.statement import Outcome
from drill.docket import Docket
from drill.operators.step import Step


class SealOperator(Step):
    """Comes after the report, so that the report is sealed with what it was made from (docs/adr/0026)."""

    phase = "seal"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Write the manifest, append the outcome to the chain, and file a readable copy of it as outcome.json.

        A retry goes on where the first try stopped: a manifest that is there is the one that is signed.
        """
        manifest = docket.find(NAME)
        if manifest is None:
            manifest = canonical(docket.manifest())
            docket.put(NAME, manifest)
        listed = msgspec.json.decode(manifest, type=Manifest)
        filed = docket.find("verdict.json")
        link = records.close(docket, manifest, len(listed.artifacts), json.loads(filed) if filed else None)
        body = link.body
        assert isinstance(body, Outcome)
        outcome = {
            "drill": docket.drill,
            "outcome": body.outcome,
            "sentence": body.sentence,
            "rules": body.rules,
            "manifest_sha256": link.statement.sha256,
            "sealed_ns": link.predicate.at_ns,
            "link": link.number,
            "link_sha256": link.sha256,
        }
        docket.put(OUTCOME, canonical(outcome))
        return {"artifacts": body.artifacts, "manifest_sha256": link.statement.sha256, "link": link.number}
