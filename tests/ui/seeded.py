"""A store with one drill of every outcome in it, filed as the steps of a drill file them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

from drill import clock
from drill.core.report import Report
from drill.docket import Docket
from drill.report import render_json
from drill.settings import Settings
from tests.core import worlds
from tests.report import rendered, samples

WEEK_NS = 7 * 86_400 * worlds.SECOND
# Saturday, 2025-09-27 14:00 UTC: a drill a week from there on, and the last of them before any day that reads this.
FIRST_NS = 1_758_981_600 * worlds.SECOND
OUTCOMES = samples.outcomes()
RUNS = "drill-on-demand-5eed99"


def drill_of(outcome: str) -> str:
    """The id under which this outcome is filed."""
    last = hashlib.sha256(outcome.encode()).hexdigest()[:6]
    return f"drill-{clock.utc(_began_ns(outcome)):%Y%m%d-%H%M%S}-{last}"


def _began_ns(outcome: str) -> int:
    return FIRST_NS + list(OUTCOMES).index(outcome) * WEEK_NS


def seed(settings: Settings, sessions: Any, *, now_ns: int) -> None:
    """File every outcome, a week apart, and a drill that began five seconds ago."""
    for outcome, report in OUTCOMES.items():
        docket = Docket(drill_of(outcome), settings, sessions)
        _begin(docket, _began_ns(outcome), registered=outcome != "REJECTED")
        if outcome != "MISSING":
            _close(docket, outcome, report)
    _begin(Docket(RUNS, settings, sessions), now_ns - 5 * worlds.SECOND, registered=True)


def _begin(docket: Docket, began_ns: int, *, registered: bool) -> None:
    event = {"drill": docket.drill, "step": "loss", "name": "begin", "at_ns": str(began_ns), "mono_ns": "0"}
    docket.put(f"events/{began_ns}-loss-begin-1.json", rfc8785.dumps({**event, "by": "t", "attempt": 1, "data": {}}))
    if registered:
        registration = worlds.documents()["registration"]
        docket.file("registration", {**registration, "registered_ns": str(began_ns)})


def _close(docket: Docket, outcome: str, report: Report) -> None:
    time, point = report.result.recovery.impact, report.result.point
    verdict = {
        "times": {"impact_ns": time.total_ns, "assumed_ns": time.assumed_ns},
        "recovery_point": {"lost_orders": point.orders_lost, "acknowledged": point.acknowledged},
    }
    docket.put("verdict.json", json.dumps(verdict).encode())
    manifest = rfc8785.dumps({"drill": docket.drill, "artifacts": []})
    docket.put("manifest.json", manifest)
    sentence = report.result.verdict.sentence
    sealed = {"outcome": outcome, "sentence": sentence, "manifest_sha256": hashlib.sha256(manifest).hexdigest()}
    docket.put("outcome.json", rfc8785.dumps({"drill": docket.drill, **sealed}))
    docket.put("report.json", render_json(report))
    docket.put("report.html", rendered.html(outcome).encode())
