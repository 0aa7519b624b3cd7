"""A complete real failover as raw evidence: the healthy drill's, without what only a drill has, and approved by two."""

from __future__ import annotations

from typing import Any

import msgspec

from drill.core.evidence import Evidence
from drill.core.plan import Plan, make_plan
from tests.core import worlds

ASKED, ANSWERED = worlds.T0 - 23 * worlds.SECOND, worlds.T0 - 21 * worlds.SECOND
NOT_OF_A_FAILOVER = ("word-loss", "word-sabotage", "word-reveal", "teardown", "inventory")


def plan(*, requester: str = "operator", requester_approves: bool = False, **params: Any) -> Plan:
    """The plan of a failover that `requester` asked for."""
    return make_plan(
        {"purpose": "failover", **params},
        drill_id=worlds.DRILL,
        trigger="manual",
        requester=requester,
        listing=worlds.LISTING,
        test_symbols=worlds.TESTS,
        primary_region="us-east-1",
        dr_region="us-west-2",
        nonce_sha256=worlds.NONCE_SHA,
        failback=True,
        requester_approves=requester_approves,
    )


def approval(user: str, answer: str = "Approve", **more: str) -> dict[str, str]:
    """One answer as the step files it."""
    return {
        "user_id": user, "user": user, "answer": answer, "asked_ns": str(ASKED), "answered_ns": str(ANSWERED), **more
    }  # fmt: skip


def documents() -> dict[str, Any]:
    """Raw documents of a failover in which everything went well."""
    found = {name: one for name, one in worlds.documents().items() if name not in NOT_OF_A_FAILOVER}
    registered = plan()
    found["registration"] |= {"plan": msgspec.to_builtins(registered), "plan_sha256": registered.sha256()}
    # Nobody sabotaged anything: the test symbols recover like all others.
    recovered = found["recovered"]["symbols"]
    recovered["ZZT2"]["status"] = "recovered"
    found["validation"]["checks"] = [worlds.check(symbol) for symbol in (*worlds.LISTING, *worlds.TESTS)]
    return {**found, "approval-1": approval("admin"), "approval-2": approval("deputy")}


def changed(**changes: Any) -> Evidence:
    """The healthy failover with documents replaced (name with `_` for `-`); None removes one."""
    return worlds.altered(Evidence(documents=documents(), events=worlds.healthy().events), changes)
