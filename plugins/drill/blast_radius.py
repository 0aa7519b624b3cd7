"""The blast radius of a planned exercise while it runs: does production still answer as fast, is an alarm raised?

A first look only, good enough to stop early: members tell their ack latency in windows of ten seconds. What the drill
did to production is measured from their captures at its end (drill.core.impact).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from drill.aws import alarms
from drill.aws.evidence_store import EvidenceExistsError
from drill.core.impact import slowed
from drill.docket import Docket
from drill.site_settings import PRIMARY

BASELINE = "production-before"


def baseline(docket: Docket) -> dict[str, Any]:
    """The members' windows before the exercise, and the alarms that stood then: they are not the exercise's."""
    registered_ns = int(docket.document("registration")["registered_ns"])
    windows = (docket.word("members/latest.json") or {}).get("windows", ())
    return {
        "windows": [window for window in windows if int(window["to_ns"]) <= registered_ns],
        "alarms": alarms.raised(docket.home, docket.settings.dr_region, f"aex-{PRIMARY}-"),
    }


def look(docket: Docket) -> str | None:
    """Why the exercise must stop now, or None; a reason is kept as the drill's `abort.json`, so that every step stops.

    A drill of another kind, and one whose baseline was not taken yet, has no blast radius to look at.
    """
    registration = docket.document("registration")
    if registration is None or registration["plan"]["kind"] != "planned":
        return None
    before = docket.document(BASELINE)
    if before is None:
        return None
    registered_ns, percent = int(registration["registered_ns"]), int(registration["plan"]["impact_percent"])
    windows = (docket.word("members/latest.json") or {}).get("windows", ())
    during = [window for window in windows if int(window["from_ns"]) >= registered_ns]
    reason = slowed(before["windows"], during, percent)
    new = sorted(set(alarms.raised(docket.home, docket.settings.dr_region, f"aex-{PRIMARY}-")) - set(before["alarms"]))
    if reason is None and new:
        reason = f"production's alarm {new[0]} was raised during the exercise ({len(new)})"
    if reason is not None:
        with suppress(EvidenceExistsError):  # another step saw it first, or an operator was faster
            docket.abort(reason)
    return reason
