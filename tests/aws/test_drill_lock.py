"""The drill lock against the embedded S3: its conditional puts and deletes decide who is first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from drill.aws import drill_lock
from tests.aws.conftest import REGION

pytestmark = pytest.mark.world
BUCKET = "aex-journal-000000000000"
WHERE = (BUCKET, REGION)
SHORT_NS = 1


def attempt(session, drill, **how):
    try:
        drill_lock.take(session, *WHERE, drill, **how)
    except drill_lock.LockHeldError:
        return None
    return drill


@pytest.fixture(autouse=True)
def _free(session, account):
    yield
    found = drill_lock.standing(session, *WHERE)
    if found is not None:
        drill_lock.release(session, *WHERE, found.lease.drill)


def test_of_many_that_come_at_once_exactly_one_gets_in(session, account):
    drills = [f"drill-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got_in = [drill for drill in pool.map(lambda drill: attempt(session, drill), drills) if drill]
    assert len(got_in) == 1
    found = drill_lock.standing(session, *WHERE)
    assert found is not None
    assert [found.lease.drill] == got_in


def test_of_many_that_find_an_ended_lease_exactly_one_takes_it_over(session, account):
    drill_lock.take(session, *WHERE, "drill-dead", term_ns=SHORT_NS)
    drills = [f"drill-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got_in = [drill for drill in pool.map(lambda drill: attempt(session, drill), drills) if drill]
    assert len(got_in) == 1
    assert drill_lock.renew(session, *WHERE, "drill-dead") is not None
    assert drill_lock.renew(session, *WHERE, got_in[0]) is None


def test_steps_side_by_side_renew_the_same_lock(session, account):
    drill_lock.take(session, *WHERE, "drill-one")
    with ThreadPoolExecutor(4) as pool:
        lost = list(pool.map(lambda _: drill_lock.renew(session, *WHERE, "drill-one"), range(16)))
    assert lost == [None] * 16
    assert drill_lock.release(session, *WHERE, "drill-one") is True
    assert drill_lock.standing(session, *WHERE) is None
