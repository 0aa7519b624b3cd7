"""notify: tell people the verdict as soon as it is filed. It cannot change it; the watch tells them if this fails."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from drill.aws.sessions import connection_session
from drill.core.plan import drill_id_of
from drill.settings import Settings


class NotifyOperator(BaseOperator):
    """Announces what is due about this run's drill."""

    def execute(self, context: Any) -> list[str]:
        """Return what went out now; raises where a channel did not take it."""
        from drill.watch import about_one  # noqa: PLC0415 - a DAG does not pay for it

        return about_one(Settings(), connection_session, drill_id_of(context["dag_run"].run_id))
