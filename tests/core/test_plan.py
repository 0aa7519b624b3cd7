"""A bad parameter is refused before anything is registered or built, and the message names it."""

from __future__ import annotations

import pytest

from drill.core.plan import BadPlan, drill_id_of, loss_moment_ns, nonce_of
from tests.core import worlds

BAD = {
    "unknown symbol": ({"symbols": "AAPL,XYZ"}, "parameter 'symbols': XYZ unknown"),
    "symbol twice": ({"symbols": "AAPL AAPL"}, "parameter 'symbols': a name stands twice"),
    "primary's region": ({"region": "us-east-1"}, "parameter 'region': us-east-1 is the primary's own"),
    "no region": ({"region": "Oregon"}, "parameter 'region': expected a name like us-west-2"),
    "objective zero": ({"rto_objective_s": 0}, "parameter 'rto_objective_s': expected a whole number from 1"),
    "objective text": ({"rto_objective_s": "2h"}, "parameter 'rto_objective_s'"),
    "objective bool": ({"rto_objective_s": True}, "parameter 'rto_objective_s'"),
    "negative rpo": ({"rpo_objective_orders": -1}, "parameter 'rpo_objective_orders'"),
    "unknown fault": ({"faults": "F99"}, "parameter 'faults': F99 unknown"),
    "unknown parameter": ({"colour": "red"}, "parameter 'colour': unknown"),
    "symbols no text": ({"symbols": [1]}, "parameter 'symbols': expected names"),
}


@pytest.mark.parametrize(("params", "message"), BAD.values(), ids=BAD.keys())
def test_bad_parameters_are_named(params, message):
    with pytest.raises(BadPlan) as refused:
        worlds.plan(**params)
    assert message in str(refused.value)


def test_the_default_scope_is_the_whole_listing():
    plan = worlds.plan()
    assert (plan.symbols, plan.partial, plan.epoch, plan.site) == (worlds.LISTING, False, 2, "dr-abcdef")


def test_a_subset_is_partial_and_sorted():
    assert worlds.plan(symbols="msft, aapl").symbols == ("AAPL", "MSFT")
    assert worlds.plan(symbols="msft").partial


def test_the_moment_of_loss_lies_in_the_last_half_and_follows_the_nonce():
    moments = {loss_moment_ns(f"{n:064x}", 1000, 60) for n in range(200)}
    assert all(1000 + 30 * 10**9 <= moment < 1000 + 60 * 10**9 for moment in moments)
    assert len(moments) == 200
    assert loss_moment_ns("ab", 0, 60) == loss_moment_ns("ab", 0, 60)


def test_a_given_nonce_is_checked_and_makes_the_drill_not_blind():
    assert nonce_of({}) is None
    assert worlds.plan(nonce="0" * 64).blind is False
    with pytest.raises(BadPlan, match="parameter 'nonce'"):
        nonce_of({"nonce": "xyz"})


def test_a_run_from_the_ui_gets_a_short_id_and_ours_is_kept():
    assert drill_id_of("drill-20261120-abcdef") == "drill-20261120-abcdef"
    assert drill_id_of("manual__2026-11-20T19:00:00+00:00").startswith("drill-")


def test_equal_plans_have_equal_hashes_and_others_not():
    assert worlds.plan().sha256() == worlds.plan().sha256() != worlds.plan(seed=2).sha256()
