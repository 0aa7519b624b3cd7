"""The sweeper: a drill that was stopped in Airflow, or died with it, is torn down and gets its ABORTED report.

What counts as dead, and what is then done, is in drill.sweep. It follows Airflow's default for new DAGs, so a one-off
world leaves it paused.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from drill.operators.sweep import SweepOperator

with DAG(
    "dr_sweeper",
    schedule=CronTriggerTimetable("*/2 * * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0},  # the next sweep is the retry
    dagrun_timeout=timedelta(minutes=30),
    doc_md=__doc__,
    tags=["disaster-recovery"],
):
    SweepOperator(task_id="sweep")
