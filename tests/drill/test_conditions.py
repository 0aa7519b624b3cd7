"""Every condition: what it holds for, and what it does not hold for yet."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from drill import clock
from drill.aws import fleet, journal_lag, routing, sites
from drill.aws.journal_lag import Drain
from drill.aws.sites import Standing
from drill.aws.stacks import Failure, StackRef, StackState
from drill.site_settings import dr_site
from drill.triggers.conditions import CONDITIONS, regions
from tests.core import worlds

SECOND = worlds.SECOND
NOW = worlds.T0
SYMBOLS = [*worlds.LISTING, *worlds.TESTS]


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now_ns", lambda: NOW)


@pytest.fixture
def look(docket):
    return lambda name, **arguments: CONDITIONS[name](docket, **arguments)


@pytest.fixture
def say(docket):
    return lambda path, **word: docket.witness_store().put(f"words/{path}.json", json.dumps(word).encode())


def stack(status: str) -> StackState:
    return StackState(ref=StackRef("aex-dr-abcdef-network", "us-west-2"), status=status)


def engine(address: str, state: str) -> fleet.EngineStatus:
    return fleet.EngineStatus(
        address=address, site="dr-abcdef", environment="LIVE", epoch=2, build="b", state=state, now_ns=NOW + 7,
        asked_ns=NOW, answered_ns=NOW, symbols={"MSFT": fleet.SymbolStatus(state=state, seq=0, digest="")},
    )  # fmt: skip


@pytest.fixture
def engines(monkeypatch):
    """Let the site's tasks answer these states; None does not answer."""

    def answer(*states: str | None) -> None:
        tasks = [
            SimpleNamespace(address=f"127.0.0.{number}", service=f"engines-{number:02d}")
            for number in range(len(states))
        ]
        answers = {
            task.address: fleet.ProbeError("refused") if state is None else engine(task.address, state)
            for task, state in zip(tasks, states, strict=True)
        }
        monkeypatch.setattr(fleet, "engines", lambda session, site, region: tasks)
        monkeypatch.setattr(fleet, "probe_all", lambda addresses: {address: answers[address] for address in addresses})

    return answer


def test_a_word_is_waited_for_until_it_is_said(look, say):
    assert look("word_said", word="canary").done is False
    say(f"{worlds.DRILL}/canary", symbols={})
    state = look("word_said", word="canary")
    assert (state.done, state.found) == (True, {"symbols": {}})


def test_a_word_of_another_drill_is_not_ours(look, say):
    say("drill-20261120-000000/canary", symbols={})
    assert look("word_said", word="canary").done is False


LOST = {"committed_ns": str(NOW), "actual_ns": str(NOW), "tasks": ["t"]}


def test_a_site_is_lost_when_monitor_and_injector_say_so(look, say):
    assert look("site_lost", since_ns=str(NOW)).text == "the exchange trades; the moment of loss is secret"
    say(f"{worlds.DRILL}/loss", **LOST)
    waiting = look("site_lost", since_ns=str(NOW))
    assert (waiting.done, waiting.text) == (False, "lost; waiting for the monitor")
    say("monitor/3", state="down", at_ns=str(NOW + 3))
    state = look("site_lost", since_ns=str(NOW))
    assert state.done is True
    assert state.found == {"monitor": {"state": "down", "at_ns": str(NOW + 3)}, "loss": LOST}


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("monitor/1", {"state": "down", "at_ns": str(NOW)}),
        ("monitor/9", {"state": "up", "at_ns": str(NOW + 9)}),
        ("monitor/latest", {"state": "down", "at_ns": str(NOW + 9)}),
    ],
    ids=["said before this drill", "came up", "not an observation of a change"],
)
def test_other_words_of_the_monitor_are_no_loss(look, say, path, word):
    say(f"{worlds.DRILL}/loss", **LOST)
    say(path, **word)
    assert look("site_lost", since_ns=str(NOW)).done is False


def test_a_site_is_not_lost_by_the_monitors_word_alone(look, say):
    say("monitor/3", state="down", at_ns=str(NOW + 3))
    assert look("site_lost", since_ns=str(NOW)).done is False


def advance_to(monkeypatch: Any, standing: Standing) -> None:
    monkeypatch.setattr(sites, "advance", lambda session, site: standing)


def test_a_site_is_up_when_every_stack_is_complete_and_every_engine_is_empty(look, engines, monkeypatch, docket):
    advance_to(monkeypatch, Standing(states=(stack("CREATE_IN_PROGRESS"), stack("CREATE_COMPLETE"))))
    assert look("site_up").text == "1/2 stacks complete"
    advance_to(monkeypatch, Standing(states=(stack("CREATE_COMPLETE"),)))
    assert len(dr_site(docket.settings, docket.plan()).tasks) == 1
    engines(None)
    assert (look("site_up").done, look("site_up").text) == (False, "0/1 engine tasks answer")
    engines("recovering")
    assert look("site_up").done is False
    engines("empty")
    state = look("site_up")
    assert state.done is True
    assert state.found["at_ns"] == str(NOW)
    assert state.found["engines"] == [
        {"address": "127.0.0.0", "build": "b", "state": "empty", "epoch": 2, "symbols": 1, "offset_ns": "7"}
    ]


def test_engines_that_do_not_come_up_beside_others_are_named(look, engines, monkeypatch, docket, settings):
    advance_to(monkeypatch, Standing(states=(stack("CREATE_COMPLETE"),)))
    monkeypatch.setattr(docket, "settings", settings.model_copy(update={"symbols_per_task": 4}))
    engines("empty", None)
    state = look("site_up")
    assert (state.done, state.text) == (False, "1/2 engine tasks answer; silent: engines-01")
    engines("empty", "empty")
    assert look("site_up").done is True


def test_a_failed_stack_ends_the_wait_with_its_reason(look, monkeypatch):
    failure = Failure(stack="aex-dr-abcdef-network", logical_id="Vpc", resource_type="AWS::EC2::VPC", reason="limit")
    advance_to(monkeypatch, Standing(states=(stack("ROLLBACK_COMPLETE"),), failures=(failure,)))
    state = look("site_up")
    assert (state.done, state.found) == (True, {"failed": "stack aex-dr-abcdef-network: Vpc: limit"})


def test_a_failed_stack_is_waited_for_while_others_still_move(look, monkeypatch):
    advance_to(monkeypatch, Standing(states=(stack("ROLLBACK_COMPLETE"), stack("CREATE_IN_PROGRESS"))))
    assert look("site_up").done is False


def test_a_journal_is_drained_when_no_stream_is_pending(look, monkeypatch, docket):
    asked: dict[str, Any] = {}

    def drained(session: Any, streams: list[str], region: str, **moments: Any) -> Drain:
        asked.update(moments, streams=streams)
        return Drain(pending=("matching-engine-MSFT",), silent=())

    monkeypatch.setattr(journal_lag, "drained", drained)
    state = look("journal_drained", since_ns=str(NOW - 9))
    assert (state.done, state.text) == (False, "5/6 streams delivered")
    assert asked["streams"] == [f"matching-engine-{symbol}" for symbol in SYMBOLS]
    assert (asked["since_ns"], asked["now_ns"]) == (NOW - 9, NOW)
    assert asked["buffer_ns"] == docket.settings.buffer_s * SECOND
    monkeypatch.setattr(journal_lag, "drained", lambda *_, **__: Drain(pending=(), silent=("matching-engine-ZZT3",)))
    state = look("journal_drained", since_ns=str(NOW - 9))
    assert state.done is True
    assert state.found == {
        "at_ns": str(NOW), "streams": 6, "silent": ["matching-engine-ZZT3"], "since_ns": str(NOW - 9),
    }  # fmt: skip


def test_symbols_are_recovered_when_each_has_a_result_well_or_badly(look, docket):
    for symbol, status in (("AAPL", "recovered"), ("MSFT", "damaged"), ("OTHER", "recovered")):
        result = json.dumps({"symbol": symbol, "status": status}).encode()
        docket.journal().put(f"recovered/epoch=2/{symbol}/result.json", result)
    state = look("symbols_recovered", epoch=2, symbols=["AAPL", "ADBE", "MSFT"])
    assert (state.done, state.text) == (False, "2/3 symbols rehydrated")
    state = look("symbols_recovered", epoch=2, symbols=["AAPL", "MSFT"])
    assert state.done is True
    assert {symbol: row["status"] for symbol, row in state.found["symbols"].items()} == {
        "AAPL": "recovered",
        "MSFT": "damaged",
    }


def test_results_of_another_epoch_are_not_this_ones(look, docket):
    docket.journal().put("recovered/epoch=3/MSFT/result.json", b'{"symbol": "MSFT"}')
    assert look("symbols_recovered", epoch=2, symbols=["MSFT"]).done is False


@pytest.mark.parametrize(("state", "known"), [("open", True), ("recovered", True), ("open", False)])
def test_a_site_is_open_when_its_engines_are_and_the_name_servers_know(look, engines, monkeypatch, state, known):
    engines(state)
    monkeypatch.setattr(routing, "in_sync", lambda session, changes: known and changes == ["C1"])
    assert look("site_open", changes=["C1"]).done is (known and state == "open")


BACK = {"wanted_sessions": 4, "by_epoch": {"2": {"sessions": 4, "acked": 1}}}


@pytest.mark.parametrize(
    ("word", "done"),
    [
        (BACK, True),
        ({}, False),
        ({**BACK, "wanted_sessions": 5}, False),
        ({**BACK, "wanted_sessions": 1, "by_epoch": {"2": {"sessions": 1, "acked": 1}}}, False),
        ({**BACK, "by_epoch": {"2": {"sessions": 4, "acked": 0}}}, False),
        ({**BACK, "by_epoch": {"1": {"sessions": 4, "acked": 1}}}, False),
    ],
    ids=["all", "silent", "one session is out", "fewer than traded before", "none acknowledged", "at the old epoch"],
)
def test_members_are_back_with_every_session_and_an_acknowledgement(look, say, word, done):
    say("members/latest", **word)
    assert look("members_back", epoch=2, members=2).done is done


def test_members_who_never_spoke_are_not_back(look):
    assert look("members_back", epoch=2, members=2).done is False


def test_a_moment_comes_when_it_comes(look):
    waiting = look("elapsed", until_ns=str(NOW + 1), what="full load")
    assert (waiting.done, waiting.text) == (False, "full load, 1 s to go")
    assert look("elapsed", until_ns=str(NOW), what="full load").done is True


def test_a_site_is_gone_when_no_stack_is_left(look, monkeypatch):
    left = [Standing(states=(stack("DELETE_IN_PROGRESS"),)), Standing(states=())]
    monkeypatch.setattr(sites, "retreat", lambda session, site, where: left.pop(0))
    assert (look("site_gone").done, look("site_gone").done) == (False, True)


def test_a_stuck_deletion_ends_the_wait_with_its_reason(look, monkeypatch):
    failure = Failure(stack="aex-dr-abcdef-network", logical_id="Vpc", resource_type="AWS::EC2::VPC", reason="in use")
    standing = Standing(states=(stack("DELETE_FAILED"),), failures=(failure,))
    monkeypatch.setattr(sites, "retreat", lambda session, site, where: standing)
    assert look("site_gone").found == {"failed": "stack aex-dr-abcdef-network: Vpc: in use"}


def test_a_site_may_have_stacks_beside_its_journal(docket):
    assert regions(docket.settings, docket.plan()) == ["us-west-2"]
    assert regions(docket.settings, worlds.plan(region="eu-west-1")) == ["eu-west-1", "us-west-2"]


def test_every_condition_is_known_by_its_own_name():
    assert all(name == condition.__name__ for name, condition in CONDITIONS.items())
    assert len(CONDITIONS) == 17
