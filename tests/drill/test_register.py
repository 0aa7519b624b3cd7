"""register: refused before anything is written, rejected while another drill holds the lock, armed with its secret."""

from __future__ import annotations

import hashlib
import time

import msgspec
import pytest

from drill.core.plan import BadPlan, Plan, loss_moment_ns
from drill.operators.await_loss import GRACE_S, AwaitLossOperator
from drill.operators.register import FLUSHES, PREFLIGHT_S, RegisterOperator
from drill.operators.step import RedResult
from drill.site_settings import PRIMARY
from templates.settings import cluster_name
from tests.core import worlds
from tests.drill.conftest import take_epoch


@pytest.fixture
def register():
    return RegisterOperator(task_id="register")


REFUSED = [
    ({"symbols": "XYZ"}, "symbols"),
    ({"symbols": "MSFT,MSFT"}, "symbols"),
    ({"region": "us-east-1"}, "region"),
    ({"region": "Mars"}, "region"),
    ({"rto_objective_s": -1}, "rto_objective_s"),
    ({"rto_objective_s": "2 h"}, "rto_objective_s"),
    ({"rpo_objective_orders": -1}, "rpo_objective_orders"),
    ({"nonce": "abc"}, "nonce"),
    ({"faults": "F99"}, "faults"),
    ({"window_s": 1}, "window_s"),
    ({"load_s": True}, "load_s"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("params", "named"), REFUSED, ids=str)
def test_a_bad_parameter_is_refused_and_nothing_is_registered_locked_or_ordered(fresh, context, account, params, named):
    register = RegisterOperator(task_id="register")
    with pytest.raises(BadPlan, match=f"'{named}'"):
        register.execute({**context, "params": params})
    assert [key for key in account.s3.written if "/events/" not in key] == []
    assert fresh.evidence().events[-1].name == "fail"


def test_a_zero_objective_is_not_taken_for_an_empty_field(fresh, context, register):
    with pytest.raises(BadPlan, match="'rto_objective_s'"):
        register.execute({**context, "params": {"rto_objective_s": 0}})


def test_empty_fields_of_the_form_mean_the_defaults(fresh, context, register):
    register.execute({**context, "params": {"symbols": "", "faults": None, "nonce": "", "seed": 0}})
    plan = fresh.plan()
    assert (plan.symbols, plan.faults, plan.workload_seed, plan.blind) == (worlds.LISTING, (), 0, True)


def test_the_plan_is_registered_with_its_hash(fresh, context, register):
    summary = register.execute({**context, "params": {"symbols": "MSFT"}})
    document = fresh.document("registration")
    plan = msgspec.convert(document["plan"], Plan)
    assert (plan.drill_id, plan.symbols, plan.requester) == (worlds.DRILL, ("MSFT",), "operator")
    assert summary == {"plan_sha256": document["plan_sha256"], "symbols": 1, "blind": True}
    assert document["plan_sha256"] == plan.sha256()


def test_the_secret_goes_to_the_injector_and_only_its_hash_to_the_evidence(fresh, context, register, account, ordered):
    register.execute(context)
    nonce = ordered("arm")["nonce"]
    assert fresh.plan().nonce_sha256 == hashlib.sha256(nonce.encode()).hexdigest()
    holds_it = {key for (_, key), stack in account.s3.versions.items() if nonce.encode() in stack[-1]["Body"]}
    assert holds_it == {f"orders/{worlds.DRILL}/arm.json"}


def test_two_drills_do_not_share_a_secret(fresh, context, register, ordered):
    register.execute(context)
    first = ordered("arm")["nonce"]
    fresh.free_lock()
    context["dag_run"].run_id = f"{worlds.DRILL}-2"
    register.execute(context)
    assert ordered("arm", f"{worlds.DRILL}-2")["nonce"] != first


def test_the_loss_falls_into_the_last_half_of_the_window_after_preflight(fresh, context, register, ordered):
    register.execute({**context, "params": {"window_s": 40}})
    registered = int(fresh.document("registration")["registered_ns"])
    opens = registered + PREFLIGHT_S * worlds.SECOND
    loss = int(ordered("arm")["loss_at_ns"])
    assert opens + 20 * worlds.SECOND <= loss < opens + 40 * worlds.SECOND
    assert loss == loss_moment_ns(ordered("arm")["nonce"], opens, 40)


def test_a_young_epoch_is_left_to_fill_its_journal_first(fresh, context, register, ordered, monkeypatch):
    began = time.time_ns() + 200 * worlds.SECOND  # as good as now with longer buffers
    take_epoch(monkeypatch, 3, PRIMARY, at_ns=began)
    register.execute({**context, "params": {"window_s": 40}})
    opens = began + FLUSHES * fresh.settings.buffer_s * worlds.SECOND
    assert int(fresh.document("registration")["window_ns"]) == opens
    assert int(ordered("arm")["loss_at_ns"]) >= opens + 20 * worlds.SECOND
    wait = AwaitLossOperator(task_id="loss").start(fresh, {})
    assert 200 < wait.timeout_s - 40 - GRACE_S <= 220


def test_a_given_nonce_is_used_and_the_drill_is_not_blind(fresh, context, register, ordered):
    summary = register.execute({**context, "params": {"nonce": worlds.NONCE}})
    assert (ordered("arm")["nonce"], fresh.plan().nonce_sha256) == (worlds.NONCE, worlds.NONCE_SHA)
    assert summary["blind"] is False


def test_the_injector_is_told_what_to_take_and_what_to_leave(fresh, context, register, ordered, settings):
    register.execute({**context, "params": {"faults": "f01", "symbols": "MSFT"}})
    order = ordered("arm")
    assert set(order["clusters"]) == {
        cluster_name(PRIMARY, part) for part in ("MatchingEngine", "MarketData", "Customer")
    }
    assert (order["region"], order["from_epoch"], order["control"]) == ("us-east-1", 1, True)
    assert (order["symbols"], order["test_symbols"]) == (["MSFT"], list(worlds.TESTS))
    assert "faults" not in order, "each is ordered in the phase where it belongs"
    assert order["journal"] == f"s3://{settings.journal_bucket}/journal/"


def test_a_second_drill_is_on_record_and_rejected_and_arms_nothing(fresh, context, ordered, stranger, holder):
    stranger.take_lock()
    with pytest.raises(RedResult, match="drill drill-of-somebody-else is running"):
        RegisterOperator(task_id="register").execute(context)
    events = fresh.evidence().events
    assert [event.name for event in events] == ["begin", "reject", "fail"]
    assert "drill-of-somebody-else" in events[1].data["reason"]
    (registered,) = [link for link in fresh.chain().read().links if link.predicate.drill == worlds.DRILL]
    assert registered.body.plan_sha256 == fresh.plan().sha256()
    assert ordered("arm") is None
    assert holder() == "drill-of-somebody-else"


def test_a_drill_begins_where_the_exchange_trades_today(fresh, context, register, ordered, monkeypatch):
    take_epoch(monkeypatch, 7, PRIMARY)
    register.execute(context)
    assert (fresh.plan().from_epoch, fresh.plan().epoch, ordered("arm")["from_epoch"]) == (7, 8, 7)


def test_the_lock_of_the_same_drill_is_its_own(fresh, context, register):
    fresh.take_lock()
    register.execute(context)
    assert fresh.document("registration") is not None


def test_the_ended_lease_of_a_dead_drill_is_taken_over_with_a_note(fresh, context, stranger, holder, clock):
    stranger.take_lock()
    clock.pass_s(121)
    RegisterOperator(task_id="register").execute(context)
    [note] = [event for event in fresh.evidence().events if event.name == "note"]
    assert note.data["text"].startswith("the lease of drill drill-of-somebody-else had ended without its teardown")
    assert holder() == worlds.DRILL
    assert stranger.keep_lock() == f"the drill lock was lost; it is held by {worlds.DRILL}"


def test_the_weekly_timetables_drill_says_that_it_was_scheduled(fresh, context, register):
    context["dag_run"].dag_id = "dr_drill_weekly"
    register.execute(context)
    assert fresh.plan().trigger == "scheduled"
