"""What the resilience driver holds against a drill under which a process was killed, and how it draws its strikes."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import msgspec
import pytest

from drill.core.phases import PHASES, SWEPT, phase
from tests.core import worlds
from tests.drills.resilience import STRUCK, drawn, strikes
from tests.drills.resilience import chosen as options
from tests.drills.survival import Found, objections
from tests.drills.victims import VICTIMS

RETRY = ("O-RETRY", "PASS_WITH_OBSERVATIONS", "phase rehydrate needed 2 attempts")


def found(outcome: str, *rulings: tuple[str, str, str], **more: object) -> list[str]:
    return list(objections(Found(phase="rehydrate", kill="task", outcome=outcome, rulings=rulings, **more)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "rulings"),
    [
        ("PASS", ()),
        ("PASS_WITH_OBSERVATIONS", (RETRY,)),
        ("ABORTED", (("A-ABORT", "ABORTED", "stopped"), ("F-INTEGRITY", "FAIL", "a gap"))),
        ("FAIL", (("F-RTO", "FAIL", "over the objective"), ("F-PHASE", "FAIL", "phase rehydrate failed"))),
        ("FAIL", (("F-RPO", "FAIL", "how many acknowledged orders were lost is unknown"),)),
    ],
)
def test_what_a_drill_may_come_to(outcome: str, rulings: tuple[tuple[str, str, str], ...]) -> None:
    assert found(outcome, *rulings) == []


@pytest.mark.parametrize(
    ("outcome", "rulings", "more", "against"),
    [
        ("", (), {}, "no outcome"),
        ("INVALID", (), {}, "ended INVALID"),
        ("REJECTED", (), {}, "ended REJECTED"),
        ("FAIL", (("F-CHECK", "FAIL", "AAPL: book_digest"),), {}, "a kill cannot explain F-CHECK: AAPL: book_digest"),
        ("FAIL", (("F-RPO", "FAIL", "3 acknowledged orders lost"),), {}, "a kill cannot explain F-RPO"),
        ("PASS", (), {"retried": ("rehydrate",)}, "nothing on record of the second try of rehydrate"),
        ("PASS", (), {"report": False}, "no report"),
        ("PASS", (), {"verified": "verdict.json: recomputed"}, "not authentic: verdict.json: recomputed"),
        ("PASS", (), {"left": ("aex-dr-abc-compute",)}, "left behind: aex-dr-abc-compute (1)"),
    ],
)
def test_what_it_must_not(
    outcome: str, rulings: tuple[tuple[str, str, str], ...], more: dict[str, object], against: str
) -> None:
    assert any(against in said for said in found(outcome, *rulings, **more))


def test_a_drill_that_nobody_struck_shows_nothing() -> None:
    assert list(objections(Found(phase="", kill="aws", outcome="PASS"))) == ["nothing was killed"]


def test_a_seed_draws_every_phase_with_every_process_once_and_always_alike() -> None:
    every = list(drawn(5))
    assert every == list(drawn(5))
    assert set(Counter(every).values()) == {1}
    assert len(every) == len(STRUCK) * len(VICTIMS)
    assert every != list(drawn(6))


def test_one_strike_can_be_asked_for_and_a_run_can_go_on() -> None:
    assert list(strikes(options(["--phase", "drain", "--kill", "api"]))) == [("drain", "api")]
    first, second, third = islice(drawn(2), 3)
    assert list(strikes(options(["--seed", "2", "--drills", "2", "--first", "2"]))) == [second, third]
    assert first not in list(strikes(options(["--seed", "2", "--first", "2", "--drills", "999"])))


def test_a_try_that_was_killed_before_it_could_say_so_is_counted_by_the_next() -> None:
    events = [one for one in worlds.healthy().events if one.step == "rehydrate"]
    assert phase(events, "rehydrate").attempts == 1
    second = [msgspec.structs.replace(one, attempt=2) for one in events]
    assert phase(second, "rehydrate").attempts == 2
    assert phase([events[0], *second], "rehydrate").attempts == 2


def test_the_sweepers_own_attempts_are_no_retries() -> None:
    events = [one for one in worlds.healthy().events if one.step == "tear_down"]
    swept = [msgspec.structs.replace(one, attempt=SWEPT) for one in events]
    assert phase(swept, "tear_down").attempts == 1
    assert "tear_down" in PHASES
