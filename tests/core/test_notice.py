"""Notices: for every outcome the right kinds, with the figures and the command to look further, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core.ledger import MISSING, RUNNING, Entry
from drill.core.notice import MISSED_AFTER_S, SUBJECT_LENGTH, due, missed
from drill.core.verdict import ORDER
from tests.core.worlds import SECOND, T0

BUCKET = "aex-evidence-111122223333"
PASSED = Entry(
    drill="drill-20261121-140000-abcdef",
    outcome="PASS",
    sentence="Yes: 16 min 34 s after the loss, worst symbol LRCX. No acknowledged order was lost.",
    kind="loss",
    scenario="site",
    purpose="drill",
    trigger="scheduled",
    requester="operator",
    began_ns=T0,
    heard_ns=T0 + 300 * SECOND,
    step="report",
    recovery_time_ns=993_500_000_000,
    assumed_ns=900 * SECOND,
    objective_ns=7200 * SECOND,
    lost_orders=0,
    acknowledged=768_827,
    symbols_ok=100,
    symbols=100,
    control="caught",
    teardown="clean",
    evidence="sealed",
    link=47,
    report=True,
)


def told(now_s: int = 300, **changes: Any) -> dict[str, Any]:
    entry = msgspec.structs.replace(PASSED, **changes)
    return {notice.kind: notice for notice in due(entry, now_ns=T0 + now_s * SECOND, bucket=BUCKET)}


def test_a_verdict_is_told_with_its_figures_and_the_command_to_look_further() -> None:
    (notice,) = told().values()
    assert notice.subject == "AEX drill PASS: drill-20261121-140000-abcdef, RTO 16 min 34 s, 0 orders lost"
    assert notice.text == (
        "DRILL, not a real event\n"
        "PASS  drill-20261121-140000-abcdef\n\n"
        "Yes: 16 min 34 s after the loss, worst symbol LRCX. No acknowledged order was lost.\n\n"
        "recovery time    16 min 34 s of 2 h 00 min 00 s (15 min 00 s assumed)\n"
        "recovery point   0 orders lost of 768,827 acknowledged\n"
        "symbols          100 of 100\n"
        "negative control caught\n"
        "teardown         clean\n"
        "evidence         sealed\n"
        "requested by     operator (scheduled)\n\n"
        "Look further:\n"
        "  aws s3 cp --recursive s3://aex-evidence-111122223333/drills/drill-20261121-140000-abcdef/ "
        "drill-20261121-140000-abcdef && python -m drill bundle drill-20261121-140000-abcdef "
        "--out drill-20261121-140000-abcdef.zip\n"
    )


@pytest.mark.parametrize("outcome", ORDER)
def test_every_outcome_is_told_once_under_its_own_word(outcome: str) -> None:
    notices = told(outcome=outcome)
    assert set(notices) == {"verdict"}
    assert f" {outcome}: " in notices["verdict"].subject
    assert notices["verdict"].key == f"{PASSED.drill}/verdict"


@pytest.mark.parametrize(
    ("teardown", "words"), [("orphans:3", "not clean, 3 orphans"), ("not_run", "not run"), ("clean", None)]
)
def test_a_teardown_that_is_not_clean_is_told_beside_the_verdict(teardown: str, words: str | None) -> None:
    notices = told(outcome="FAIL", teardown=teardown)
    assert ("teardown" in notices) == (words is not None)
    if words:
        assert words in notices["teardown"].subject
        assert f"python -m drill clean --drill {PASSED.drill}" in notices["teardown"].text


def test_what_was_never_registered_built_nothing_and_has_nothing_to_tear_down() -> None:
    assert set(told(outcome="REJECTED", kind="", teardown="not_run")) == {"verdict"}


def test_a_real_failover_is_called_real_and_owes_no_teardown() -> None:
    notices = told(purpose="failover", teardown="not_run")
    assert set(notices) == {"verdict"}
    assert notices["verdict"].subject.startswith("AEX REAL EVENT ")
    assert notices["verdict"].text.startswith("REAL EVENT, not a drill\n")


def test_a_figure_that_was_not_measured_is_never_zero() -> None:
    text = told(outcome="ABORTED", recovery_time_ns=None, lost_orders=None, acknowledged=None)["verdict"].text
    assert "recovery time    not achieved of 2 h" in text
    assert "recovery point   unknown orders lost of unknown acknowledged" in text


@given(ran_s=st.integers(0, 20_000), objective_s=st.integers(1, 15_000))
def test_a_running_drill_is_late_exactly_when_it_has_run_for_longer_than_its_objective(
    ran_s: int, objective_s: int
) -> None:
    notices = told(ran_s, outcome=RUNNING, objective_ns=objective_s * SECOND)
    assert set(notices) == ({"late"} if ran_s > objective_s else set())


def test_a_drill_without_an_outcome_is_told_with_the_command_that_removes_what_it_left() -> None:
    (notice,) = told(10**6, outcome=MISSING, sentence="It began and has no outcome.", step="build").values()
    assert notice.kind == "no-outcome"
    assert "MISSING" in notice.subject
    assert "Last heard of in the step build." in notice.text
    assert f"python -m drill clean --drill {PASSED.drill}" in notice.text


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_subject_is_what_sns_takes_whatever_the_store_says(outcome: str, sentence: str) -> None:
    for notice in told(outcome=outcome or "x", sentence=sentence).values():
        assert 0 < len(notice.subject) <= SUBJECT_LENGTH
        assert notice.subject.isascii()
        assert notice.subject.isprintable()


# --- the timetable's drill

LATER = T0 + (MISSED_AFTER_S + 1) * SECOND


def test_a_moment_at_which_nothing_began_is_missed_after_a_while_and_not_before() -> None:
    assert missed(T0, "20231114T2213Z", [], now_ns=T0 + MISSED_AFTER_S * SECOND - 1) is None
    notice = missed(T0, "20231114T2213Z", [], now_ns=LATER)
    assert notice is not None
    assert notice.key == "weekly-20231114T2213Z/missed"
    assert "airflow dags details dr_drill_weekly" in notice.text


@pytest.mark.parametrize(
    ("trigger", "began_s", "is_missed"),
    [
        ("scheduled", 20, False),
        ("scheduled", -30, False),
        ("scheduled", -7 * 86_400, True),
        ("manual", 20, True),
        ("", 20, False),  # refused before it was registered: the lock was held, and its own notice says so
        ("", MISSED_AFTER_S + 1, True),
    ],
)
def test_only_the_timetables_own_drill_answers_for_its_moment(trigger: str, began_s: int, is_missed: bool) -> None:
    entry = msgspec.structs.replace(PASSED, trigger=trigger, began_ns=T0 + began_s * SECOND)
    assert (missed(T0, "x", [entry], now_ns=LATER + SECOND) is not None) == is_missed
