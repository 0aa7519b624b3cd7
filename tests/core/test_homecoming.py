"""The way home: its clocks, what it lost, and a verdict that is never PASS."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drill.core import homecoming
from drill.core.bad_plan import BadPlan
from drill.core.evidence.raw import OWED_HOME
from drill.core.homecoming import way_home
from drill.core.verdict import DONE, GREEN, ORDER, judge
from tests.core import home, real, worlds
from tests.core.test_verdict import rules

SECOND = worlds.SECOND


def recovered(**symbols: dict[str, Any]) -> dict[str, Any]:
    document = home.documents()["recovered-home"]
    return {
        **document,
        "symbols": {name: {**row, **symbols.get(name, {})} for name, row in document["symbols"].items()},
    }


def test_the_way_home_leaves_the_failovers_site_at_its_epochs() -> None:
    plan, failover = home.plan(), real.plan()
    assert (plan.real, plan.homecoming, plan.failback, plan.approvers) == (True, True, True, 0)
    assert (plan.site, plan.epoch, plan.home_epoch) == (failover.site, failover.epoch, failover.epoch + 1)
    assert (plan.drill_id, plan.of, plan.requester) == (home.ID, failover.drill_id, "deputy")


def test_nobody_in_particular_sends_nobody_home() -> None:
    with pytest.raises(BadPlan, match="named person"):
        way_home(real.plan(), drill_id=home.ID, requester="", rto_objective_s=1)


def test_a_way_home_on_which_all_went_well_says_how_long_the_exchange_was_closed() -> None:
    verdict = judge(home.changed())
    assert (verdict.outcome, rules(verdict)) == ("FAILBACK", {"R-FAILBACK"})
    assert (verdict.failback, verdict.control, verdict.teardown, verdict.symbols_ok) == ("pass", "not_run", "clean", 3)
    assert verdict.sentence == (
        "Did AEX come home to its primary? Yes: closed for 15.0 s, worst symbol MSFT; 3 of 3 symbols in the very state "
        "that the DR site had left. Acknowledged orders lost: 0."
    )
    assert verdict.times.impact_ns == 15 * SECOND
    assert verdict.recovery_point is not None
    assert verdict.recovery_point.acknowledged == 30


def test_its_time_line_is_in_order() -> None:
    found = homecoming.moments(home.changed())
    assert list(found) != []
    assert [found[name] for name in homecoming.MOMENTS] == sorted(found.values())
    assert len(found) == len(homecoming.MOMENTS)


def test_a_halted_symbol_had_no_state_to_hand_over() -> None:
    frozen = home.documents()["frozen"]
    frozen["symbols"]["ZZT1"] |= {"halted": True, "digest": ""}
    evidence = home.changed(frozen=frozen)
    assert "ZZT1" not in homecoming.proven(evidence)
    assert judge(evidence).outcome == "FAILBACK"


DEFECTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "another state": ({"recovered_home": recovered(MSFT={"digest": "bb"})}, "FAIL", "F-FAILBACK"),
    "fewer commands": ({"recovered_home": recovered(MSFT={"seq": 19})}, "FAIL", "F-RPO"),
    "did not arrive": ({"failback": None}, "INVALID", "F-FAILBACK"),
    "a canary failed": ({"word_canary": {"symbols": {}}}, "FAIL", "F-RESUME"),
    "orphans": (
        {"inventory": {**worlds.documents()["inventory"], "orphans": [{"service": "sqs", "id": "q"}]}},
        "FAIL",
        "F-TEARDOWN",
    ),
    "nobody looked": ({"inventory": None}, "INVALID", "F-TEARDOWN"),
    "captures lost": ({"acked_home_seqs": None}, "INVALID", "F-RPO"),
}


@pytest.mark.parametrize(("changes", "outcome", "rule"), DEFECTS.values(), ids=DEFECTS.keys())
def test_each_defect_has_its_rule(changes: Any, outcome: str, rule: str) -> None:
    verdict = judge(home.changed(**changes))
    assert (verdict.outcome, rule in rules(verdict)) == (outcome, True), verdict.rulings


@given(first=st.sampled_from(sorted(DEFECTS)), second=st.sampled_from(sorted(DEFECTS)))
def test_a_second_defect_never_improves_the_verdict(first: str, second: str) -> None:
    one, two = DEFECTS[first][0], DEFECTS[second][0]
    assume(not set(one) & set(two))
    alone, both = judge(home.changed(**one)), judge(home.changed(**one, **two))
    assert ORDER.index(both.outcome) <= ORDER.index(alone.outcome)


@given(name=st.sampled_from(sorted({name for names in OWED_HOME.values() for name in names})))
def test_removing_any_owed_document_never_leaves_a_good_end(name: str) -> None:
    assert judge(home.changed(**{name.replace("-", "_"): None})).outcome not in {*GREEN, *DONE}


@given(dropped=st.integers(0, len(home.events()) - 1))
def test_an_event_that_is_missing_never_improves_the_verdict(dropped: int) -> None:
    evidence = home.changed()
    kept = [event for at, event in enumerate(evidence.events) if at != dropped]
    assert ORDER.index(judge(worlds.replaced(evidence, kept)).outcome) <= ORDER.index("FAILBACK")
