"""Going home after a real failover: freeze the DR site, carry its journal back, prove equal states, move, tear down.

REAL, like the failover that it follows: production is closed from the freeze until the primary has opened. It has its
own registration, time line, verdict and report. The way home of a drill is a step of the drill itself.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from airflow.task.trigger_rule import TriggerRule

from drill.operators.canaries import CanariesOperator
from drill.operators.failback import FailbackOperator
from drill.operators.gate import GateOperator
from drill.operators.inventory import InventoryOperator
from drill.operators.judge import JudgeOperator
from drill.operators.notify import NotifyOperator
from drill.operators.preflight_failback import PreflightFailbackOperator
from drill.operators.register_failback import RegisterFailbackOperator
from drill.operators.report import ReportOperator
from drill.operators.seal import SealOperator
from drill.operators.tear_down import TearDownOperator

PARAMS = {
    "rto_objective_s": Param(
        7200, type="integer", minimum=1, title="Objective (s)", description="from the freeze to the first orders"
    )
}

with DAG(
    "dr_failback",
    schedule=None,
    params=PARAMS,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=2,  # a second one must start to be refused by the lock, with a report
    default_args={"retries": 1, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
    tags=["disaster-recovery"],
):
    register = RegisterFailbackOperator(task_id="register", retries=0)
    preflight = PreflightFailbackOperator(task_id="preflight")
    failback, canaries = FailbackOperator(task_id="failback"), CanariesOperator(task_id="canaries")
    always = {"trigger_rule": TriggerRule.ALL_DONE}
    tear_down = TearDownOperator(task_id="tear_down", **always)
    inventory = InventoryOperator(task_id="inventory", **always)
    verdict, report = JudgeOperator(task_id="verdict", **always), ReportOperator(task_id="report", **always)
    seal, notify = SealOperator(task_id="seal", **always), NotifyOperator(task_id="notify", **always)
    gate = GateOperator(task_id="gate", retries=0, **always)
    register >> preflight >> failback >> canaries >> tear_down >> inventory >> verdict >> report >> seal >> notify
    notify >> gate
