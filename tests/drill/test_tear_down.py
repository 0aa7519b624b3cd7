"""tear_down: the injectors stop, the site goes, only our own lock is freed; whatever else went wrong."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import TaskDeferred

from drill.aws import control, fence, routing
from drill.operators.step import RedResult
from drill.operators.tear_down import GONE, TearDownOperator
from drill.site_settings import PRIMARY
from tests.core import worlds

REVEAL = worlds.documents()["word-reveal"]


@pytest.fixture
def tear_down():
    return TearDownOperator(task_id="tear_down")


@pytest.fixture
def lifted(monkeypatch):
    sites: list[str] = []
    monkeypatch.setattr(fence, "lift", lambda session, site: sites.append(site))
    monkeypatch.setattr(routing, "zone_id", lambda *_: "Z1")
    monkeypatch.setattr(
        routing, "cut_over", lambda _, zone, targets, **__: sites.append(targets["exchange.aex.example"])
    )
    return sites


def test_injectors_are_stopped_and_the_secret_is_asked_for_first(docket, tear_down, ordered):
    wait = tear_down.start(docket, {})
    assert (wait.condition, wait.arguments, wait.then) == ("word_said", {"word": "reveal"}, "revealed")
    assert ordered("restore") == ordered("close") == {"drill": worlds.DRILL}


def test_the_reveal_is_filed_and_the_site_removed(docket, tear_down):
    assert tear_down.proceed(docket, "revealed", REVEAL) is GONE
    assert docket.document("word-reveal") == REVEAL


def test_without_a_reveal_the_site_goes_all_the_same(docket, tear_down, context):
    with pytest.raises(TaskDeferred) as deferred:
        tear_down.resume(context, {"state": "timeout", "text": "after 45 s: waiting"}, "revealed")
    assert deferred.value.trigger.condition == "site_gone"
    assert docket.evidence().events[-1].data == {"text": "no reveal: after 45 s: waiting"}
    assert docket.document("word-reveal") is None


def test_a_site_that_does_not_go_is_red_and_keeps_the_lock(docket, tear_down, context, lifted, holder):
    with pytest.raises(RedResult, match="after 600 s: 2 stacks left"):
        tear_down.resume(context, {"state": "timeout", "text": "after 600 s: 2 stacks left"}, "deleted")
    with pytest.raises(RedResult, match="stack network: Vpc: in use"):
        tear_down.proceed(docket, "deleted", {"failed": "stack network: Vpc: in use"})
    assert holder() == worlds.DRILL
    assert (docket.document("teardown"), lifted) == (None, [])


def test_what_the_drill_changed_is_given_back(docket, tear_down, lifted):
    store = docket.journal()
    docket.free_lock()
    bucket = docket.settings.journal_bucket
    control.recover(docket.home, bucket, 2, from_epoch=1, drill=worlds.DRILL, region="us-west-2")
    control.open_trading(docket.home, bucket, 2, drill=worlds.DRILL, region="us-west-2")
    store.put("control/epoch=2.json", b"{}")
    assert tear_down.proceed(docket, "deleted", {}) == {"site": "dr-abcdef"}
    assert [entry.key for entry in store.list("control/")] == ["control/epoch=2.json"]  # epochs are never given back
    assert lifted == [PRIMARY, "customer.primary.aex.internal"]
    assert docket.document("teardown")["site"] == "dr-abcdef"


def test_the_lock_is_kept_until_the_inventory_has_looked(docket, tear_down, lifted, holder):
    tear_down.proceed(docket, "deleted", {})
    assert holder() == worlds.DRILL


def test_a_rejected_drill_touches_nothing(fresh, ordered, lifted, stranger, holder):
    stranger.take_lock()
    assert TearDownOperator(task_id="tear_down").start(fresh, {}) == {"nothing": "was let in, so nothing was built"}
    assert (ordered("restore"), ordered("close"), lifted) == (None, None, [])
    assert holder() == "drill-of-somebody-else"


def test_a_drill_that_died_between_lock_and_registration_frees_its_lock(fresh, tear_down, holder):
    fresh.take_lock()
    tear_down.start(fresh, {})
    assert holder() is None
