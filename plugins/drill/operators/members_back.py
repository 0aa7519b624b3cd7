"""members_back: the members of the lost site resolve the names again and reconnect."""

from __future__ import annotations

from typing import Any

from drill.docket import Docket
from drill.operators.step import Step, Wait

MEMBERS_S = 120


class MembersBackOperator(Step):
    """Waits until every member that traded before the loss trades at the DR site."""

    phase = "members_back"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Everybody who was acknowledged before must be acknowledged again."""
        members = len(docket.document("acked-primary")["first_ack_by_member"])
        return Wait("members_back", MEMBERS_S, {"epoch": docket.plan().epoch, "members": members})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """File when the last one was seen; the mark T10 itself is taken from the captures."""
        docket.file("members", found)
        return {}
