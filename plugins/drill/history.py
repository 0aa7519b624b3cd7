"""Which drills there were, newest first: a registration without an outcome is loud, never absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def entries(reports: Path) -> list[dict[str, Any]]:
    """One row per drill folder under `reports`: id, registered_ns, outcome (MISSING where none was filed), sentence."""
    rows = []
    for folder in reports.glob("*/raw/registration.json"):
        home = folder.parent.parent
        registration = json.loads(folder.read_text())
        outcome = home / "outcome.json"
        filed = json.loads(outcome.read_text()) if outcome.exists() else {}
        rows.append(
            {
                "id": home.name,
                "registered_ns": registration["registered_ns"],
                "verdict": filed.get("outcome", "MISSING"),
                "sentence": filed.get("sentence", "This drill was registered and has no outcome."),
            }
        )
    return sorted(rows, key=lambda row: (int(row["registered_ns"]), row["id"]), reverse=True)
