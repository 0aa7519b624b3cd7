"""Which drills there were, newest first: a registration without an outcome is loud, never absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.chain import read_link
from drill.core.evidence.statement import Outcome, Registration

CHAIN = "chain"
MISSING = "MISSING"
NO_OUTCOME = "This drill was registered and has no outcome."


def entries(reports: Path) -> list[dict[str, Any]]:
    """One row per drill: id, registered_ns, verdict (MISSING where none was filed), sentence, copy (is it here?).

    From the copies under `reports`, and from the copy of the chain beside them: that knows drills that somebody else
    ran, and those whose copy was removed.
    """
    rows = {**_linked(reports / CHAIN), **_copied(reports)}
    return sorted(rows.values(), key=lambda row: (int(row["registered_ns"]), row["id"]), reverse=True)


def line(row: dict[str, Any]) -> str:
    """A row for a person; what is missing stands out."""
    mark = "!! " if row["verdict"] == MISSING else ""
    return f"{row['id']}  {row['verdict']:<22} {mark}{row['sentence']}"


def _copied(reports: Path) -> dict[str, dict[str, Any]]:
    rows = {}
    for path in reports.glob("*/raw/registration.json"):
        home = path.parent.parent
        outcome = home / "outcome.json"
        filed = json.loads(outcome.read_text()) if outcome.exists() else {}
        rows[home.name] = _row(home.name, json.loads(path.read_text())["registered_ns"], filed, here=True)
    return rows


def _linked(folder: Path) -> dict[str, dict[str, Any]]:
    """What the chain says; a link that cannot be read is a row of its own, not an empty history."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        return {}
    rows: dict[str, dict[str, Any]] = {}
    for number, path in enumerate(paths, start=1):
        try:
            link = read_link(number, path.read_bytes())
        except BrokenLink as broken:
            said = {"outcome": MISSING, "sentence": f"{path.name} cannot be read: {broken.why}"}
            rows[path.name] = _row(path.name, "0", said, here=False)
            continue
        drill, body = link.predicate.drill, link.body
        if isinstance(body, Registration):
            rows[drill] = _row(drill, link.predicate.at_ns, {}, here=False)
        elif isinstance(body, Outcome) and drill in rows:
            said = {"outcome": body.outcome, "sentence": body.sentence}
            rows[drill] = _row(drill, rows[drill]["registered_ns"], said, here=False)
    return rows


def _row(drill: str, registered_ns: str, filed: dict[str, Any], *, here: bool) -> dict[str, Any]:
    return {
        "id": drill,
        "registered_ns": registered_ns,
        "verdict": filed.get("outcome", MISSING),
        "sentence": filed.get("sentence", NO_OUTCOME),
        "copy": here,
    }
