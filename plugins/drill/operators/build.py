"""build: the DR site from code, as sibling stacks, until every engine answers with an empty state."""

from __future__ import annotations

from typing import Any

from drill import clock
from drill.aws import isolation, sites, stacks
from drill.core.plan import CLOCK_GATE_MS
from drill.docket import Docket
from drill.operators.step import RedResult, Step, Wait
from drill.site_settings import dr_site


class BuildOperator(Step):
    """Creates the stacks (the wait starts what is ready) and proves that the new site may do no more than it should."""

    phase = "build"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Start what depends on nothing; T3 is this moment, T4 comes from the stacks' own events."""
        docket.file("build-start", {"at_ns": str(clock.now_ns())}) if docket.document("build-start") is None else None
        return Wait("site_up", docket.settings.build_s)

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File the stacks' events and templates as deployed, engines' answers, attempts that had to be refused."""
        plan = docket.plan()
        site = dr_site(docket.settings, plan)
        if "failed" in found:
            raise RedResult(found["failed"])
        session = docket.sessions(site.region)
        history = {ref.name: stacks.events(session, ref) for ref in sites.site_refs(site)}
        moments = [event.at_ns for events in history.values() for event in events]
        docket.file(
            "stacks",
            {
                "started_ns": docket.document("build-start")["at_ns"],
                "completed_ns": str(max(moments)),
                "stacks": {
                    name: [[str(event.at_ns), event.logical_id, event.resource_type, event.status] for event in events]
                    for name, events in history.items()
                },
            },
        )
        for ref in sites.site_refs(site):
            docket.put(f"templates/{ref.name}.json", stacks.body(session, ref))
        docket.file("engines", found)
        _require_clocks(found["engines"])
        proof = isolation.attempts(session, site, docket.settings.journal_bucket)
        docket.file("isolation", proof)
        allowed = [one for one in proof["attempts"] if not one["denied"]]
        if allowed:
            raise RedResult(f"the DR site may {allowed[0]['action']} on {allowed[0]['resource']}: it is not isolated")
        resources = sum(event.status == "CREATE_COMPLETE" for events in history.values() for event in events)
        return {"stacks": len(history), "resources": resources, "engines": len(found["engines"])}


def _require_clocks(engines: list[dict[str, Any]]) -> None:
    """A host whose clock is off must not stamp orders: the drill stops before it opens one."""
    for engine in engines:
        off_ms = int(engine["offset_ns"]) // 1_000_000
        if abs(off_ms) > CLOCK_GATE_MS:
            raise RedResult(f"clock of {engine['address']} off by {off_ms} ms; at most {CLOCK_GATE_MS} ms are allowed")
