"""The watch over the drills: tells people of a drill that was missed, is late or has no outcome, each once.

It also repeats what a drill could not tell itself. What it sends, and how often, is in drill.core.notice and
drill.announce. It follows Airflow's default for new DAGs, so a one-off world leaves it paused.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from drill.operators.watch import WatchOperator

with DAG(
    "dr_watch",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0},  # the next look is the retry
    dagrun_timeout=timedelta(minutes=10),
    doc_md=__doc__,
    tags=["disaster-recovery"],
):
    WatchOperator(task_id="watch")
