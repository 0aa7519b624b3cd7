"""sweep: close drills that died without an outcome, and tell people of each."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from drill.aws.sessions import connection_session
from drill.settings import Settings


class SweepOperator(BaseOperator):
    """One sweep over the ledger."""

    def execute(self, context: Any) -> list[str]:  # noqa: ARG002
        """Return the drills that were closed now."""
        from drill.sweep import sweep  # noqa: PLC0415 - a DAG does not pay for it
        from drill.watch import about_one  # noqa: PLC0415

        settings = Settings()
        return sweep(settings, connection_session, lambda drill: about_one(settings, connection_session, drill))
