"""dr_failback: what it registers, what it looks at before it freezes anything, and what it leaves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from drill import clean
from drill.aws import control, evidence_store, fence, fleet
from drill.aws.sites import SiteError
from drill.core.bad_plan import BadPlan
from drill.docket import Docket
from drill.operators.failback import FailbackOperator
from drill.operators.preflight_failback import PreflightFailbackOperator
from drill.operators.register_failback import RegisterFailbackOperator
from drill.operators.step import Aborted, RedResult, Wait
from drill.operators.tear_down import GONE, TearDownOperator
from drill.site_settings import PRIMARY
from tests.core import home, real, worlds
from tests.drill.conftest import take_epoch


@pytest.fixture
def failed_over(fresh: Docket, account: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Docket:
    """The docket of a way home that is about to be registered, after a failover that has ended."""
    earlier = Docket(real.plan().drill_id, settings, account.session)
    earlier.file("registration", {"plan": msgspec.to_builtins(real.plan())})
    earlier.put("inventory-before.json", b"{}")
    take_epoch(monkeypatch, 2, real.plan().site)
    monkeypatch.setattr(evidence_store, "drills", lambda *_, **__: [worlds.DRILL])
    monkeypatch.setattr(evidence_store, "require_lock", lambda *_, **__: None)
    return Docket(home.ID, settings, account.session)


@pytest.fixture
def context() -> dict[str, Any]:
    return {
        "dag_run": SimpleNamespace(run_id=home.ID, dag_id="dr_failback", triggering_user_name="deputy"),
        "ti": SimpleNamespace(try_number=1, queued_dttm=None),
        "params": {"rto_objective_s": 7200},
    }


@pytest.fixture
def registered(failed_over: Docket, context: Any) -> Docket:
    RegisterFailbackOperator(task_id="register").execute(context)
    return failed_over


def test_the_failover_whose_site_trades_is_what_is_undone(registered: Docket, holder: Any, ordered: Any) -> None:
    assert registered.plan() == home.plan()
    assert (holder(), ordered("arm", home.ID)) == (home.ID, None)


@pytest.mark.parametrize(("epoch", "site"), [(1, PRIMARY), (2, "dr-other")])
def test_there_is_no_way_home_but_from_a_real_failovers_site(
    failed_over: Docket, context: Any, monkeypatch: Any, epoch: int, site: str
) -> None:
    take_epoch(monkeypatch, epoch, site)
    with pytest.raises(BadPlan, match=site):
        RegisterFailbackOperator(task_id="register").execute(context)


@pytest.fixture
def trades(registered: Docket, monkeypatch: Any) -> Docket:
    """The failover's site in good health."""
    task = SimpleNamespace(address="a")
    status = fleet.EngineStatus(
        address="a", site="dr-abcdef", environment="LIVE", epoch=2, build="b", state="open", now_ns=0, asked_ns=0,
        answered_ns=0, symbols={},
    )  # fmt: skip
    monkeypatch.setattr(fleet, "engines", lambda *_: [task])
    monkeypatch.setattr(fleet, "probe_all", lambda _: {"a": status})
    registered.witness_store().put("words/members/latest.json", b'{"connected": 10, "rate": 300}')
    return registered


def test_a_site_in_good_health_may_be_left_and_the_account_is_to_be_as_before_the_failover(trades: Docket) -> None:
    found = PreflightFailbackOperator(task_id="preflight").start(trades, {})
    assert (found["checks"], found["engines"]) == (4, 1)
    assert trades.find("inventory-before.json") == b"{}"


def test_nothing_is_frozen_while_an_engine_is_missing(trades: Docket, monkeypatch: Any) -> None:
    monkeypatch.setattr(fleet, "probe_all", lambda _: {})
    with pytest.raises(RedResult, match="every engine of the site is open"):
        PreflightFailbackOperator(task_id="preflight").start(trades, {})


def test_going_home_restores_nothing_first_since_nothing_was_sabotaged(trades: Docket, monkeypatch: Any) -> None:
    monkeypatch.setattr(fence, "deny", lambda *_: None)
    wait = FailbackOperator(task_id="failback").start(trades, {})
    assert isinstance(wait, Wait)
    assert (wait.condition, wait.arguments["epoch"]) == ("epoch_drained", 1)


WAITS = ("primary drained", "cleared", "built", "frozen", "handed over", "site drained", "recovered")


def frozen(docket: Docket) -> bool:
    return docket.journal().exists("control/epoch=2/freeze.json")


@pytest.mark.parametrize("then", WAITS)
def test_a_way_home_that_is_stopped_before_the_exchange_moves_leaves_the_site_trading(
    trades: Docket, context: Any, then: str
) -> None:
    step = FailbackOperator(task_id="failback")
    assert step.heeds(trades, then)
    control.freeze(trades.home, trades.settings.journal_bucket, 2, drill=home.ID)
    with pytest.raises(Aborted, match="the carrier called"):
        step.resume(context, {"state": "aborted", "text": "the carrier called"}, then)
    assert not frozen(trades)
    assert [name for name in trades.names() if name.endswith("-failback-abort-1.json")]


def test_a_way_home_that_is_stopped_in_the_last_moment_does_not_move(
    trades: Docket, context: Any, monkeypatch: Any
) -> None:
    """Every digest is equal, and nobody has looked at the abort since."""
    control.freeze(trades.home, trades.settings.journal_bucket, 2, drill=home.ID)
    trades.file("frozen", {"at_ns": "9", "symbols": {}})
    trades.abort("the carrier called")
    touched: list[str] = []
    monkeypatch.setattr(fence, "deny", lambda *_: touched.append("deny"))
    monkeypatch.setattr(fence, "take_epoch", lambda *_: touched.append("epoch"))
    with pytest.raises(Aborted, match="the carrier called"):
        FailbackOperator(task_id="failback").resume(context, {"state": "met", "found": {"symbols": {}}}, "recovered")
    assert (frozen(trades), touched) == (False, [])


def test_once_the_exchange_has_moved_it_is_not_stopped_half_way(trades: Docket) -> None:
    step = FailbackOperator(task_id="failback")
    assert [step.heeds(trades, then) for then in ("open", "back")] == [False, False]


def test_the_site_goes_once_the_exchange_has_left_it(trades: Docket, monkeypatch: Any, ordered: Any) -> None:
    monkeypatch.setattr(control, "opened", lambda *_, **__: {"AAPL": {}})
    control.freeze(trades.home, trades.settings.journal_bucket, 2, drill=home.ID)
    with pytest.raises(RedResult, match="trades at dr-abcdef"):
        TearDownOperator(task_id="tear_down").start(trades, {})
    assert not trades.journal().exists("control/epoch=2/freeze.json"), "it trades on, whoever died after the freeze"
    take_epoch(monkeypatch, 3, PRIMARY)
    assert TearDownOperator(task_id="tear_down").start(trades, {}) == GONE
    assert [ordered(verb, home.ID) for verb in ("restore", "close")] == [None, None]


def test_nobody_clears_away_the_site_at_which_the_exchange_trades(
    failed_over: Docket, account: Any, settings: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(clean, "default_session", account.session)
    monkeypatch.setattr(control, "opened", lambda *_, **__: {"AAPL": {}})
    with pytest.raises(SiteError, match="dr_failback"):
        clean.clean(settings, worlds.DRILL)
