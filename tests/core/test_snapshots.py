"""What the verdict makes of snapshots: a bad one fails the drill, two ways must agree, an old one is an observation."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core.plan import SNAPSHOT_INTERVALS, SNAPSHOT_SLACK_S
from drill.core.verdict import Verdict, judge
from tests.core import worlds
from tests.core.test_verdict import rules

EVERY_S = 30
LIMIT_NS = (SNAPSHOT_INTERVALS * EVERY_S + SNAPSHOT_SLACK_S) * worlds.SECOND
BAD = {"object": "snapshots/epoch=1/symbol=MSFT/9.snap", "reason": "its digest is another"}


def judged(rehydrate: str = "snapshot", every_s: int = EVERY_S, **row: Any) -> Verdict:
    """The healthy drill, recovered in this way, with MSFT's recovery as given; all others used a fresh snapshot."""
    documents = worlds.documents()
    plan = worlds.plan(rehydrate=rehydrate)
    registration = {**documents["registration"], "plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()}
    rows = documents["recovered"]["symbols"]
    for one in rows.values():
        one |= {"digest": "aa", "snapshot": {"seq": 5, "age_ns": "1", "tail": 5}}
    rows["MSFT"] |= row
    preflight = {**documents["preflight"], "snapshot_s": every_s}
    return judge(worlds.changed(registration=registration, recovered=documents["recovered"], preflight=preflight))


def snapshot(age_ns: int) -> dict[str, Any]:
    return {"seq": 5, "age_ns": str(age_ns), "tail": 5}


def test_fresh_snapshots_are_nothing_to_speak_of() -> None:
    assert judged().outcome == "PASS"


def test_a_rejected_snapshot_fails_the_drill_though_an_older_one_was_used() -> None:
    verdict = judged(rejected=[BAD])
    assert (verdict.outcome, rules(verdict)) == ("FAIL", {"F-SNAPSHOT"})
    [ruling] = verdict.rulings
    assert all(text in ruling.text for text in ("MSFT", BAD["object"], BAD["reason"], "from seq 5"))


def test_each_rejected_snapshot_is_named() -> None:
    verdict = judged(rejected=[BAD, {**BAD, "object": "other.snap"}], snapshot=None)
    named = [ruling.text for ruling in verdict.rulings if ruling.rule == "F-SNAPSHOT"]
    assert len(named) == 2
    assert all("from seq 0" in text for text in named)


@pytest.mark.parametrize(
    ("twin", "agree"),
    [({"seq": 10, "digest": "aa"}, True), ({"seq": 10, "digest": "bb"}, False), ({"seq": 9, "digest": "aa"}, False)],
)
def test_two_ways_that_lead_to_two_states_fail_the_drill(twin: dict[str, Any], *, agree: bool) -> None:
    verdict = judged("both", twin=twin)
    assert ("F-DETERMINISM" in rules(verdict), verdict.outcome) == ((False, "PASS") if agree else (True, "FAIL"))


@pytest.mark.parametrize(
    ("twin", "outcome", "rule"),
    [("bb", "FAIL", "F-DETERMINISM"), ("aa", "INVALID", "I-CONTROL")],
    ids=["its replay depends on chance", "its replay is as it should be"],
)
def test_a_test_symbol_that_nobody_touched_may_be_red_only_where_its_recovery_is_wrong(
    twin: str, outcome: str, rule: str
) -> None:
    documents = worlds.documents()
    validation, recovered = documents["validation"], documents["recovered"]
    for check in validation["checks"]:
        check["passed"] &= check["symbol"] != "ZZT1"
    recovered["symbols"]["ZZT1"] |= {"digest": "aa", "twin": {"seq": 10, "digest": twin}}
    verdict = judge(worlds.changed(validation=validation, recovered=recovered))
    assert (verdict.outcome, rules(verdict)) == (outcome, {rule})


def test_the_sabotaged_symbol_may_come_to_two_states() -> None:
    recovered = worlds.documents()["recovered"]
    recovered["symbols"]["ZZT2"] |= {"digest": "aa", "twin": {"seq": 10, "digest": "bb"}}
    assert judge(worlds.changed(recovered=recovered)).outcome == "PASS"


@given(past_ns=st.integers(-LIMIT_NS, LIMIT_NS))
def test_a_snapshot_is_old_beyond_two_intervals_and_some_slack(past_ns: int) -> None:
    verdict = judged(snapshot=snapshot(LIMIT_NS + past_ns))
    old = past_ns > 0
    assert ("O-SNAPSHOT" in rules(verdict), verdict.outcome) == (
        (True, "PASS_WITH_OBSERVATIONS") if old else (False, "PASS")
    )


def test_no_snapshot_at_all_is_an_observation_with_its_cost() -> None:
    verdict = judged(snapshot=None)
    assert (verdict.outcome, rules(verdict)) == ("PASS_WITH_OBSERVATIONS", {"O-SNAPSHOT"})
    assert "10 commands from genesis" in verdict.rulings[0].text


@pytest.mark.parametrize(("rehydrate", "every_s"), [("genesis", EVERY_S), ("snapshot", 0)])
def test_where_none_was_to_be_used_or_none_was_promised_none_is_missed(rehydrate: str, every_s: int) -> None:
    assert judged(rehydrate, every_s, snapshot=None).outcome == "PASS"


@given(st.permutations(["rejected", "twin", "snapshot"]), st.integers(1, 3))
def test_one_defect_more_never_improves_the_verdict(order: list[str], count: int) -> None:
    defects: dict[str, Any] = {"rejected": [BAD], "twin": {"seq": 9, "digest": "aa"}, "snapshot": None}
    ranks = ("FAIL", "PASS_WITH_OBSERVATIONS", "PASS")
    fewer = judged("both", **{name: defects[name] for name in order[: count - 1]})
    more = judged("both", **{name: defects[name] for name in order[:count]})
    assert ranks.index(more.outcome) <= ranks.index(fewer.outcome)
