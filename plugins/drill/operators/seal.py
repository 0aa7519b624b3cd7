"""seal: the manifest of everything that was filed, the outcome record, and the drill's copy of the secrets' hashes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

from drill import clock
from drill.docket import Docket
from drill.operators.step import Step

UNSEALED = {"manifest.json", "outcome.json"}


class SealOperator(Step):
    """Lists every artifact with its hash, size and version, and files the outcome that refers to that list."""

    phase = "seal"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Write manifest.json and outcome.json: canonical JSON, hashed."""
        artifacts = [
            {
                "name": name,
                "sha256": hashlib.sha256(docket.find(name) or b"").hexdigest(),
                "size": artifact.size,
                "version_id": artifact.version,
            }
            for name, artifact in docket.artifacts().items()
            if name not in UNSEALED
        ]
        manifest = rfc8785.dumps({"drill": docket.drill, "artifacts": artifacts})
        docket.put("manifest.json", manifest)
        verdict = json.loads(
            docket.find("verdict.json") or b'{"outcome": "INVALID", "sentence": "No verdict was filed."}'
        )
        outcome = {
            "drill": docket.drill,
            "outcome": verdict["outcome"],
            "sentence": verdict["sentence"],
            "rules": sorted({ruling["rule"] for ruling in verdict.get("rulings", ())}),
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
            "sealed_ns": str(clock.now_ns()),
        }
        docket.put("outcome.json", rfc8785.dumps(outcome))
        return {"artifacts": len(artifacts), "manifest_sha256": outcome["manifest_sha256"]}
