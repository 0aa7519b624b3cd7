"""The ledger: what a drill's folder says about it, and that silence is loud."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core.ledger import MISSING, RUNNING, SILENT_S, entry, latest, newest_first
from drill.core.verdict import judge
from tests.core import worlds

MANIFEST = b'{"artifacts":[],"drill":"x"}'
OUTCOME = {"outcome": "PASS", "sentence": "Yes.", "manifest_sha256": hashlib.sha256(MANIFEST).hexdigest()}
REGISTRATION = json.dumps(worlds.documents()["registration"]).encode()
NOW = worlds.T0 + worlds.SECOND


def event(at_ns: int, step: str = "loss", name: str = "begin") -> str:
    return f"events/{at_ns}-{step}-{name}-1.json"


def closed(**documents: Any) -> dict[str, bytes | None]:
    filed = {
        "raw/registration.json": REGISTRATION,
        "outcome.json": json.dumps(OUTCOME).encode(),
        "verdict.json": msgspec.json.encode(judge(worlds.healthy())),
        "manifest.json": MANIFEST,
    }
    return {**filed, **documents}


def test_a_closed_drill_has_its_outcome_and_the_figures_of_its_verdict() -> None:
    verdict = judge(worlds.healthy())
    found = entry(worlds.DRILL, [*closed(), "report.html"], closed(), now_ns=NOW + 10**18)
    assert (found.outcome, found.sentence, found.kind, found.scenario) == ("PASS", "Yes.", "loss", "site")
    assert (found.trigger, found.requester, found.purpose, found.real) == ("manual", "operator", "drill", False)
    assert (found.recovery_time_ns, found.assumed_ns) == (verdict.times.impact_ns, verdict.times.assumed_ns)
    assert (found.lost_orders, found.acknowledged) == (0, 30)
    assert (found.objective_ns, found.began_ns) == (7200 * worlds.SECOND, worlds.T0 - 30 * worlds.SECOND)
    assert (found.symbols_ok, found.symbols, found.control, found.teardown) == (3, 3, "caught", "clean")
    assert (found.evidence, found.over) == ("sealed", True)


@given(
    heard=st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    later=st.integers(0, 3 * SILENT_S),
    registered=st.booleans(),
)
def test_without_an_outcome_a_drill_runs_until_it_is_silent_and_is_missing_from_then_on(
    heard: list[int], later: int, registered: bool
) -> None:
    moments = [worlds.T0 + second * worlds.SECOND for second in heard]
    documents = {"raw/registration.json": REGISTRATION} if registered else {}
    now = max(moments) + later * worlds.SECOND
    found = entry("drill-1", map(event, moments), documents, now_ns=now)
    assert found.outcome == (MISSING if later > SILENT_S else RUNNING)
    assert found.evidence == ("unsealed" if later > SILENT_S else "open")
    assert found.heard_ns == max(moments)
    assert not found.over


def test_a_drill_that_holds_the_lock_runs_however_long_it_was_silent() -> None:
    found = entry("drill-1", [event(worlds.T0)], {}, now_ns=NOW + 10**15, leased=True)
    assert (found.outcome, found.evidence) == (RUNNING, "open")


def test_a_registration_alone_is_missing_and_not_absent() -> None:
    documents = {"raw/registration.json": REGISTRATION}
    found = entry(worlds.DRILL, documents, documents, now_ns=NOW + SILENT_S * worlds.SECOND)
    assert (found.outcome, found.recovery_time_ns, found.lost_orders) == (MISSING, None, None)
    assert (found.step, found.heard_ns) == ("", found.began_ns)


@pytest.mark.parametrize("manifest", [None, MANIFEST + b" "])
def test_a_manifest_with_another_hash_than_the_outcomes_is_broken(manifest: bytes | None) -> None:
    found = entry(worlds.DRILL, [*closed(), "report.html"], closed(**{"manifest.json": manifest}), now_ns=NOW)
    assert (found.outcome, found.evidence, found.over) == ("PASS", "broken", False)


def test_a_rejected_drill_was_never_registered_and_is_there_all_the_same() -> None:
    outcome = {**OUTCOME, "outcome": "REJECTED"}
    documents = {"outcome.json": json.dumps(outcome).encode(), "manifest.json": MANIFEST}
    found = entry("drill-2", [event(NOW, "register", "reject"), *documents], documents, now_ns=NOW)
    assert (found.outcome, found.kind, found.began_ns, found.step) == ("REJECTED", "", NOW, "register")


def test_a_step_that_was_tried_again_is_read_in_its_last_attempt() -> None:
    names = ["report.html", "report@2.html", "report@10.html", "report@3.json", "raw/report@99.html"]
    assert latest(names, "report.html") == "report@10.html"
    assert latest(names, "report.json") == "report@3.json"
    assert latest(names, "outcome.json") is None


def test_the_newest_stands_first() -> None:
    older, newer = (entry(name, [event(at)], {}, now_ns=NOW) for name, at in (("drill-b", NOW - 9), ("drill-a", NOW)))
    never = entry("drill-c", ["abort.json"], {}, now_ns=NOW)
    assert newest_first([never, older, newer]) == [newer, older, never]
    assert never.outcome == MISSING
