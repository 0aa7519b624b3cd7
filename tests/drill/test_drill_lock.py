"""The drill lock: one holder at a time, whoever comes; a lease that ends by itself; nothing lost in a race."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill import clock
from drill.aws import drill_lock
from drill.aws.drill_lock import KEY, TERM_NS, LockHeldError, release, renew, standing, take
from drill.operators.step import Aborted, Step
from tests.core import worlds
from tests.drill.memory_account import MemoryAccount

BUCKET, REGION = "aex-journal-1", "us-west-2"
TERM_S = TERM_NS // worlds.SECOND


def held_by(account: MemoryAccount) -> str | None:
    found = standing(account, BUCKET, REGION)
    return None if found is None else found.lease.drill


def test_the_second_meets_the_lock_and_the_first_keeps_it(account):
    assert take(account, BUCKET, REGION, "drill-one") is None
    with pytest.raises(LockHeldError, match=r"drill drill-one is running .* `python -m drill abort"):
        take(account, BUCKET, REGION, "drill-two")
    assert held_by(account) == "drill-one"
    assert renew(account, BUCKET, REGION, "drill-one") is None


def test_a_renewed_lease_outlives_its_first_term(account, clock):
    take(account, BUCKET, REGION, "drill-one")
    clock.pass_s(TERM_S - 1)
    assert renew(account, BUCKET, REGION, "drill-one") is None
    clock.pass_s(TERM_S - 1)
    with pytest.raises(LockHeldError):
        take(account, BUCKET, REGION, "drill-two")


def test_a_lease_that_ended_is_taken_over_and_its_holder_learns_it(account, clock):
    take(account, BUCKET, REGION, "drill-one")
    clock.pass_s(TERM_S)
    ended = take(account, BUCKET, REGION, "drill-two")
    assert ended is not None
    assert ended.drill == "drill-one"
    lost_to = renew(account, BUCKET, REGION, "drill-one")
    assert lost_to is not None
    assert lost_to.drill == "drill-two"
    assert release(account, BUCKET, REGION, "drill-one") is False
    assert held_by(account) == "drill-two"


def test_a_drill_that_comes_back_before_anybody_took_over_keeps_its_lock(account, clock):
    take(account, BUCKET, REGION, "drill-one")
    clock.pass_s(10 * TERM_S)
    assert renew(account, BUCKET, REGION, "drill-one") is None


def test_a_lock_that_was_cleaned_away_is_lost(account):
    take(account, BUCKET, REGION, "drill-one")
    release(account, BUCKET, REGION, "drill-one")
    lost_to = renew(account, BUCKET, REGION, "drill-one")
    assert lost_to is not None
    assert lost_to.drill == "nobody"


def test_a_lock_that_cannot_be_read_is_taken_over(account):
    account.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"drill-of-an-older-version")
    ended = take(account, BUCKET, REGION, "drill-one")
    assert ended is not None
    assert ended.drill == "unknown"


@pytest.mark.parametrize("moment", ["empty", "ended"])
def test_of_two_that_come_at_once_one_is_first(account, clock, monkeypatch, moment):
    if moment == "ended":
        take(account, BUCKET, REGION, "drill-dead")
        clock.pass_s(TERM_S)
    read, others = drill_lock.standing, ["drill-two"]

    def overtaken(*where: Any) -> Any:
        found = read(*where)
        if others:
            monkeypatch.setattr(drill_lock, "standing", read)
            take(account, BUCKET, REGION, others.pop())
        return found

    monkeypatch.setattr(drill_lock, "standing", overtaken)
    with pytest.raises(LockHeldError, match="drill-two"):
        take(account, BUCKET, REGION, "drill-one")
    assert held_by(account) == "drill-two"


ACTS = st.lists(
    st.tuples(st.sampled_from(["take", "renew", "release", "wait"]), st.sampled_from(["a", "b", "c"])), max_size=40
)


@given(ACTS)
def test_whatever_happens_nobody_loses_a_lease_that_lasts_and_none_holds_without_it(acts):
    """A naive twin: a holder and an end, changed by the rules in words."""
    account, ahead = MemoryAccount(), 0
    wall, holder, ends_ns = clock.now_ns, None, 0
    patch = pytest.MonkeyPatch()
    start = wall()
    patch.setattr(clock, "now_ns", lambda: start + ahead)
    try:
        for act, drill in acts:
            now_ns = start + ahead
            if act == "wait":
                ahead += TERM_NS // 2
            elif act == "release":
                assert release(account, BUCKET, REGION, drill) is (holder == drill)
                holder = None if holder == drill else holder
            elif act == "renew":
                assert (renew(account, BUCKET, REGION, drill) is None) is (holder == drill)
                ends_ns = now_ns + TERM_NS if holder == drill else ends_ns
            elif holder in {None, drill} or now_ns >= ends_ns:
                take(account, BUCKET, REGION, drill)
                holder, ends_ns = drill, now_ns + TERM_NS
            else:
                with pytest.raises(LockHeldError):
                    take(account, BUCKET, REGION, drill)
            assert held_by(account) == holder
    finally:
        patch.undo()


class Working(Step):
    """A step of several parts, each of which gives way to an abort."""

    phase = "validate"

    def start(self, docket: Any, context: Any) -> Any:
        for part in self.parts:
            part()
            self.heed(docket)
        return {}


def working(*parts: Any) -> Working:
    step = Working(task_id="validate")
    step.parts = parts
    return step


def test_a_step_at_work_heeds_an_abort_between_its_parts(docket, context, events):
    with pytest.raises(Aborted, match="aborted: enough"):
        working(lambda: docket.abort("enough"), lambda: pytest.fail("went on")).execute(context)
    assert events() == [("validate", "begin", 1), ("validate", "abort", 1)]


def test_a_step_at_work_renews_the_lock(docket, context, clock, stranger):
    def late() -> None:
        clock.pass_s(TERM_S - 1)

    working(late, late, late).execute(context)
    with pytest.raises(LockHeldError):
        stranger.take_lock()


def test_a_drill_that_lost_its_lock_stops_and_says_to_whom(docket, context, clock, stranger, events):
    clock.pass_s(TERM_S)
    stranger.take_lock()
    with pytest.raises(Aborted, match="the drill lock was lost; it is held by drill-of-somebody-else"):
        working().execute(context)
    assert events()[-1] == ("validate", "abort", 1)


def test_teardown_goes_on_without_the_lock(docket, context, clock, stranger):
    clock.pass_s(TERM_S)
    stranger.take_lock()
    step = working()
    step.heeds_abort = False
    assert step.execute(context) == {}
