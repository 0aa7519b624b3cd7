"""What Airflow calls when a run of the drill passes the recovery time objective: the first to say that it is late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference


def objective_alert(objective_s: int) -> DeadlineAlert:
    """The alert of a DAG whose runs have this objective by default; it counts from when a run was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=objective_s),
        callback=AsyncCallback(objective_passed),
    )


async def objective_passed(context: Any) -> None:
    """Announce what is due about the run's drill. Runs in the triggerer, so the store is asked in a thread.

    The plan's own objective decides whether it is late: one longer than the DAG's is the watch's to see.
    """
    from drill.aws.sessions import default_session  # noqa: PLC0415 - the DAG names this module
    from drill.core.plan import drill_id_of  # noqa: PLC0415
    from drill.settings import Settings  # noqa: PLC0415
    from drill.watch import about_one  # noqa: PLC0415

    run_id = context["dag_run"]["dag_run_id"]  # a run as Airflow's API tells it, not the object that a task gets
    await asyncio.to_thread(about_one, Settings(), default_session, drill_id_of(run_id))
