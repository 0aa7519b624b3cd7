"""watch: find drills that were missed, are late or have no outcome, and announce them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from drill.aws.sessions import connection_session
from drill.settings import Settings


class WatchOperator(BaseOperator):
    """One look over the ledger."""

    def execute(self, context: Any) -> list[str]:  # noqa: ARG002
        """Return what went out now; raises where a channel did not take it."""
        from drill.watch import watch  # noqa: PLC0415 - a DAG does not pay for it

        return watch(Settings(), connection_session)
