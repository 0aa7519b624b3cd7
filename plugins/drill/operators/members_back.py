"""members_back: the members of the lost site resolve the names again and reconnect; an exercise calls its own."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.step import Step, Wait
from drill.site_settings import dr_site

MEMBERS_S = 120


class MembersBackOperator(Step):
    """Waits until every member that traded before the loss, or that the exercise called, trades at the DR site."""

    phase = "members_back"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Everybody who was acknowledged before must be acknowledged again."""
        plan = docket.plan()
        members = len(docket.document("acked-primary")["first_ack_by_member"])
        arguments: dict[str, Any] = {"epoch": plan.epoch, "members": members}
        if plan.planned:
            docket.order("members", _call(docket))
            arguments["word"] = f"{plan.drill_id}/members.json"
        return Wait("members_back", MEMBERS_S, arguments)

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File when the last one was seen; the mark T10 itself is taken from the captures."""
        docket.file("members", found)
        return {}


def _call(docket: Docket) -> dict[str, Any]:
    """As many members as trade in earnest, at the rate that production gives the symbols in scope."""
    plan, production = docket.plan(), docket.word("members/latest.json")
    scope = len(plan.symbols) + len(plan.test_symbols)
    everywhere = len(plan.listing) + len(plan.test_symbols)
    return {
        "name": f"exchange.{dr_site(docket.settings, plan).domain}",
        "members": production["members"],
        "customers": CUSTOMERS,
        "rate": max(1, int(production["rate"]) * scope // everywhere),
        "seed": plan.workload_seed,
    }


CUSTOMERS = 100  # per member
