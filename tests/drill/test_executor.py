"""The executor's one difference from Airflow's: which worker's end the scheduler gets to hear of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from tests.drill import airflow_home  # noqa: F401 - before anything of Airflow

# isort: split
from airflow.executors import local_executor
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState
from hypothesis import given
from hypothesis import strategies as st

from drill.executor import LocalExecutor

RUNNING, SUCCESS, FAILED = TaskInstanceState.RUNNING, TaskInstanceState.SUCCESS, TaskInstanceState.FAILED


@dataclass(frozen=True)
class Work:
    key: TaskInstanceKey


def task(name: str) -> TaskInstanceKey:
    return TaskInstanceKey("dr_drill", name, "drill-1", 1)


ASKED, OTHER = task("first_approval"), task("second_approval")


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> LocalExecutor:
    """It starts no worker: what a worker says is said by the test."""
    monkeypatch.setattr(local_executor.LocalExecutor, "_process_workloads", lambda _self, _workloads: None)
    return LocalExecutor(parallelism=1)


def hand_over(executor: LocalExecutor, *keys: TaskInstanceKey) -> None:
    executor._process_workloads([Work(key) for key in keys])


def test_the_end_of_a_worker_whose_task_was_resumed_is_not_told(executor: LocalExecutor) -> None:
    hand_over(executor, ASKED)
    hand_over(executor, ASKED)
    executor.change_state(ASKED, SUCCESS)
    assert executor.get_event_buffer() == {}
    executor.change_state(ASKED, SUCCESS)
    assert executor.get_event_buffer() == {ASKED: (SUCCESS, None)}


def test_the_end_of_an_only_worker_is_told_and_so_is_how_it_ended(executor: LocalExecutor) -> None:
    hand_over(executor, ASKED, OTHER)
    executor.change_state(ASKED, FAILED, "why")
    executor.change_state(OTHER, RUNNING)
    assert executor.get_event_buffer() == {ASKED: (FAILED, "why"), OTHER: (RUNNING, None)}


def test_an_end_that_nobody_was_given_work_for_is_told(executor: LocalExecutor) -> None:
    """A worker of a scheduler that ended: the next one adopts its tasks."""
    executor.change_state(ASKED, SUCCESS)
    executor.change_state(ASKED, SUCCESS)
    assert executor.get_event_buffer() == {ASKED: (SUCCESS, None)}


@given(st.lists(st.tuples(st.sampled_from((ASKED, OTHER)), st.booleans()), max_size=30))
def test_an_end_is_told_exactly_when_no_worker_of_the_task_is_left(steps: list[tuple[TaskInstanceKey, bool]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_executor.LocalExecutor, "_process_workloads", lambda _self, _workloads: None)
        executor, at_work = LocalExecutor(parallelism=1), Counter[TaskInstanceKey]()
        for key, begins in steps:
            at_work[key] += 1 if begins else -1 if at_work[key] else 0
            if begins:
                hand_over(executor, key)
            else:
                executor.change_state(key, SUCCESS)
                assert bool(executor.get_event_buffer()) == (at_work[key] == 0)
