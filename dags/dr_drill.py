"""The disaster-recovery drill: lose the site, rebuild it from code, prove the books, reopen, tear down, report.

Two DAGs from one plan of steps: `dr_drill` runs on demand, also for real (`purpose: failover`, which two people have to
approve); `dr_drill_weekly` has the timetable and runs planned exercises, beside which production trades on. The steps
are drill.operators; the verdict is drill.core.verdict.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from airflow.task.trigger_rule import TriggerRule

from drill.core.timetable import WEEKLY
from drill.deadline import objective_alert
from drill.operators.approve import ApproveOperator
from drill.operators.await_loss import AwaitLossOperator
from drill.operators.build import BuildOperator
from drill.operators.canaries import CanariesOperator
from drill.operators.collect_captures import CollectCapturesOperator
from drill.operators.cut_over import CutOverOperator
from drill.operators.declare import DeclareOperator
from drill.operators.drain import DrainOperator
from drill.operators.failback import FailbackOperator
from drill.operators.fence import FenceOperator
from drill.operators.form import PARAMS, form
from drill.operators.full_load import FullLoadOperator
from drill.operators.gate import GateOperator
from drill.operators.inventory import InventoryOperator
from drill.operators.judge import JudgeOperator
from drill.operators.members_back import MembersBackOperator
from drill.operators.notify import NotifyOperator
from drill.operators.objectives import ObjectivesOperator
from drill.operators.preflight import PreflightOperator
from drill.operators.register import RegisterOperator
from drill.operators.rehydrate import RehydrateOperator
from drill.operators.report import ReportOperator
from drill.operators.sabotage import SabotageOperator
from drill.operators.seal import SealOperator
from drill.operators.tear_down import TearDownOperator
from drill.operators.validate import ValidateOperator


def drill(dag_id: str, schedule: CronTriggerTimetable | None, **defaults: str) -> DAG:
    """One DAG of the drill's steps in their order; `defaults` are values of the form."""
    with DAG(
        dag_id,
        schedule=schedule,
        params=form(**defaults),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=2,  # a second drill must start to be refused by the lock, with a report
        default_args={"retries": 1, "retry_delay": timedelta(seconds=2)},
        deadline=objective_alert(PARAMS["rto_objective_s"].value),
        doc_md=__doc__,
        tags=["disaster-recovery"],
    ) as dag:
        register, preflight = RegisterOperator(task_id="register", retries=0), PreflightOperator(task_id="preflight")
        loss, declare = AwaitLossOperator(task_id="loss"), DeclareOperator(task_id="declare")
        first = ApproveOperator(task_id="first_approval", number=1)
        second = ApproveOperator(task_id="second_approval", number=2)
        build, fence = BuildOperator(task_id="build"), FenceOperator(task_id="fence")
        captures = CollectCapturesOperator(task_id="captures")
        drain, sabotage = DrainOperator(task_id="drain"), SabotageOperator(task_id="sabotage")
        rehydrate, validate = RehydrateOperator(task_id="rehydrate"), ValidateOperator(task_id="validate")
        cut_over, members_back = CutOverOperator(task_id="cut_over"), MembersBackOperator(task_id="members_back")
        canaries, full_load = CanariesOperator(task_id="canaries"), FullLoadOperator(task_id="full_load")
        objectives = ObjectivesOperator(task_id="objectives")
        always = {"trigger_rule": TriggerRule.ALL_DONE}
        failback = FailbackOperator(task_id="failback", **always)
        tear_down = TearDownOperator(task_id="tear_down", **always)
        inventory = InventoryOperator(task_id="inventory", **always)
        verdict, report = JudgeOperator(task_id="verdict", **always), ReportOperator(task_id="report", **always)
        seal, notify = SealOperator(task_id="seal", **always), NotifyOperator(task_id="notify", **always)
        gate = GateOperator(task_id="gate", retries=0, **always)

        register >> preflight >> loss >> first >> second
        [loss, second] >> declare >> [build, fence, captures]
        [build, fence] >> drain >> sabotage >> rehydrate
        [rehydrate, captures] >> validate >> cut_over >> members_back >> canaries >> full_load >> objectives
        # Nothing of the drill may still be at work when its site is torn down, whatever failed beside it.
        at_work = [objectives, build, fence, captures, drain, sabotage, rehydrate, validate]
        at_work >> failback >> tear_down >> inventory >> verdict >> report >> seal >> notify >> gate
    return dag


drill("dr_drill", None)
drill(
    "dr_drill_weekly",
    # Not `False`: Airflow then still starts a run that is late by up to a tenth of the week, on the first boot too.
    CronTriggerTimetable(WEEKLY.cron, timezone=WEEKLY.zone, run_immediately=timedelta(0)),
    preset="weekly",
)
