"""Airflow's local executor, which reports the end of a task's last worker only: `[core] executor` of our own Airflow.

A task that defers ends its worker; once it is resumed it gets another, under the same key (DAG, run, task, try).
Airflow reads the first one's end up to two seconds late. Where the task was resumed before that, the scheduler takes
this end for the second worker's, and the task, which is still queued or running, for one that was killed: it is failed
and started again (apache/airflow#72716, open in 3.3.2). A trigger can hold its event back until then
(`drill.triggers.condition.SETTLE_NS`); a person who answers a required action at once cannot be told to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.executors import local_executor
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

if TYPE_CHECKING:
    from airflow.executors.workloads.types import WorkloadKey, WorkloadState

ENDED = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.FAILED})


class LocalExecutor(local_executor.LocalExecutor):  # type: ignore[misc]  # Airflow has no types
    """Keeps count of the workers that each task has; all else is Airflow's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_work: Counter[WorkloadKey] = Counter()

    def _process_workloads(self, workload_list: Sequence[Any]) -> None:
        """Hand workloads to workers."""
        self._at_work.update(workload.key for workload in workload_list)
        super()._process_workloads(workload_list)

    def change_state(
        self, key: WorkloadKey, state: WorkloadState, info: Any = None, remove_running: bool = True
    ) -> None:
        """Take note of what a worker said; not of its end where a later worker of the same task is at work."""
        if isinstance(key, TaskInstanceKey) and state in ENDED:
            self._at_work[key] -= 1
            if self._at_work[key] > 0:
                self.log.info("%s was resumed before its deferral was read: its first worker's end counts no more", key)
                return
            del self._at_work[key]
        super().change_state(key, state, info, remove_running)
