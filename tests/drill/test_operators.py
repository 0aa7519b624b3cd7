"""Each verb in a line or two: what it does, what it waits for, what it files, what it calls red."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

import pytest

from drill import clock
from drill.aws import (
    assume,
    control,
    evidence_store,
    fence,
    fleet,
    inventory,
    isolation,
    journal_lag,
    routing,
    sites,
    stacks,
)
from drill.aws.journal_lag import Freshness
from drill.aws.stacks import StackEvent, StackRef
from drill.core import captures
from drill.operators.await_loss import AwaitLossOperator
from drill.operators.build import BuildOperator
from drill.operators.canaries import CanariesOperator
from drill.operators.collect_captures import CollectCapturesOperator
from drill.operators.cut_over import CutOverOperator
from drill.operators.declare import DeclareOperator
from drill.operators.drain import DrainOperator
from drill.operators.fence import FenceOperator
from drill.operators.full_load import SETTLE_S, FullLoadOperator
from drill.operators.inventory import InventoryOperator
from drill.operators.members_back import MembersBackOperator
from drill.operators.preflight import PreflightOperator
from drill.operators.rehydrate import RehydrateOperator
from drill.operators.sabotage import SabotageOperator
from drill.operators.step import RedResult
from drill.site_settings import PRIMARY
from engine.listing import instrument
from tests.core import worlds
from tests.drill.conftest import take_epoch

SECOND = worlds.SECOND
SYMBOLS = [*worlds.LISTING, *worlds.TESTS]


def operator(kind: Any) -> Any:
    return kind(task_id=kind.phase)


def waits_for(wait: Any) -> tuple[str, dict[str, Any]]:
    return wait.condition, wait.arguments


# --- preflight


@pytest.fixture
def healthy(docket, monkeypatch):
    """A world that preflight likes."""
    store = docket.witness_store()
    store.put("words/members/latest.json", b'{"connected": 100, "seed": 1, "rate": 10000}')
    store.put("words/monitor/latest.json", b"{}")
    docket.journal().put("control/services.json", b'{"services": ["s3"]}')
    open_engine = fleet.EngineStatus(
        address="a", site=PRIMARY, environment="LIVE", epoch=1, build="b", state="open", now_ns=0, asked_ns=0,
        answered_ns=0, symbols={},
    )  # fmt: skip
    task = fleet.Task(
        arn="t",
        cluster="c",
        service="s",
        address="a",
        status="RUNNING",
        definition="d",
        started_ns=0,
        stopped_reason="",
    )
    monkeypatch.setattr(evidence_store, "require_lock", lambda *_, **__: None)
    monkeypatch.setattr(sites, "standing_refs", lambda *_: [])
    monkeypatch.setattr(fleet, "engines", lambda *_: [task])
    monkeypatch.setattr(fleet, "probe_all", lambda _: {"a": open_engine})
    monkeypatch.setattr(inventory, "snapshot", lambda *_, **__: snapshot("s3"))
    return store


def snapshot(*services: str) -> inventory.Snapshot:
    resources = frozenset(inventory.Resource(service, "thing", f"{service}-1", "us-west-2") for service in services)
    asked = frozenset({inventory.Asked("s3", "ListBuckets", "us-west-2")})
    return inventory.Snapshot(("us-west-2",), ("s3",), resources, asked, ())


def test_preflight_records_its_checks_and_the_inventory_before_the_build(docket, healthy):
    summary = operator(PreflightOperator).start(docket, {})
    document = docket.document("preflight")
    assert set(document["checks"].values()) == {True}
    assert document["buffer_s"] == docket.settings.buffer_s
    assert summary["engines"] == 1
    assert inventory.decode(docket.find("inventory-before.json")) == snapshot("s3")


def members_silent(store: Any, _: Any) -> None:
    store.put("words/members/latest.json", b'{"connected": 0}')


def monitor_silent(store: Any, _: Any) -> None:
    store.delete("words/monitor/latest.json")


def engines_gone(_: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(fleet, "engines", lambda *_: [])
    monkeypatch.setattr(fleet, "probe_all", lambda _: {})


def engine_halted(_: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(fleet, "probe_all", lambda _: {"a": fleet.ProbeError("refused")})


def exchange_elsewhere(_: Any, monkeypatch: Any) -> None:
    take_epoch(monkeypatch, 2, "dr-fedcba")


def stack_left(_: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sites, "standing_refs", lambda *_: [StackRef("aex-dr-abcdef-network", "us-west-2")])


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (members_silent, "members trade: no member is connected"),
        (monitor_silent, "the monitor watches: the monitor has said nothing"),
        (engines_gone, "every engine of the primary is open: 0 of 0 tasks"),
        (engine_halted, "every engine of the primary is open: 0 of 1 tasks"),
        (exchange_elsewhere, "the exchange trades at its primary site: epoch 2 belongs to dr-fedcba"),
        (stack_left, "no stack of this drill stands: .*drill clean"),
    ],
)
def test_preflight_stops_a_drill_that_has_nothing_to_lose(docket, healthy, monkeypatch, spoil, check):
    spoil(healthy, monkeypatch)
    with pytest.raises(RedResult, match=check):
        operator(PreflightOperator).start(docket, {})
    assert False in docket.document("preflight")["checks"].values()


# --- loss, declare


def test_the_loss_is_waited_for_from_the_registration_on(docket):
    wait = operator(AwaitLossOperator).start(docket, {})
    registered = docket.document("registration")["registered_ns"]
    assert waits_for(wait) == ("site_lost", {"since_ns": registered})
    assert wait.timeout_s > docket.plan().window_s


def test_both_words_of_the_loss_are_filed_as_they_were_said(docket):
    words = worlds.documents()
    found = {"loss": words["word-loss"], "monitor": words["word-monitor"]}
    summary = operator(AwaitLossOperator).proceed(docket, "", found)
    assert (docket.document("word-loss"), docket.document("word-monitor")) == (found["loss"], found["monitor"])
    assert summary == {"detected_ns": words["word-monitor"]["at_ns"], "tasks": 1}


def test_the_decision_that_nobody_took_is_named(docket):
    assert operator(DeclareOperator).start(docket, {})["assumed_decision_s"] == docket.plan().assumed_decision_s


# --- build


@pytest.fixture
def built(monkeypatch):
    history = [
        StackEvent(at_ns=at, stack="s", logical_id=name, resource_type="T", status=status, reason="")
        for at, name, status in ((5, "Vpc", "CREATE_IN_PROGRESS"), (9, "Vpc", "CREATE_COMPLETE"))
    ]
    monkeypatch.setattr(stacks, "events", lambda session, ref: history)
    monkeypatch.setattr(stacks, "body", lambda session, ref: b'{"Description": "as deployed"}')
    monkeypatch.setattr(sites, "site_refs", lambda site: [StackRef("a", site.region), StackRef("b", site.region)])
    monkeypatch.setattr(isolation, "attempts", lambda *_: {"role": "r", "attempts": []})


def test_a_retried_build_keeps_its_first_start(docket, monkeypatch):
    monkeypatch.setattr(clock, "now_ns", lambda: 5)
    build = operator(BuildOperator)
    assert build.start(docket, {}).condition == "site_up"
    monkeypatch.setattr(clock, "now_ns", lambda: 7)
    build.start(docket, {})
    assert docket.document("build-start") == {"at_ns": "5"}


def test_a_host_whose_clock_is_off_stops_the_drill_before_anything_is_opened(docket, built):
    build = operator(BuildOperator)
    build.start(docket, {})
    found = {"at_ns": "12", "engines": [{"address": "127.0.0.2", "offset_ns": "30000000000"}]}
    with pytest.raises(RedResult, match=r"clock of 127\.0\.0\.2 off by 30000 ms; at most 500 ms are allowed"):
        build.proceed(docket, "", found)
    assert docket.document("engines") == found, "the verdict must see the offset"


def test_the_build_files_the_stacks_own_events(docket, built, monkeypatch):
    build = operator(BuildOperator)
    monkeypatch.setattr(clock, "now_ns", lambda: 4)
    build.start(docket, {})
    found = {"at_ns": "12", "engines": [{"address": "a", "offset_ns": "-400000000"}]}
    assert build.proceed(docket, "", found) == {"stacks": 2, "resources": 2, "engines": 1}
    document = docket.document("stacks")
    assert (document["started_ns"], document["completed_ns"]) == ("4", "9")
    assert document["stacks"]["a"][1] == ["9", "Vpc", "T", "CREATE_COMPLETE"]
    assert docket.find("templates/a.json") == b'{"Description": "as deployed"}'
    assert docket.document("engines")["engines"] == found["engines"]
    assert docket.document("isolation")["attempts"] == []


def test_a_failed_stack_is_red_and_its_reason_is_the_steps(docket):
    with pytest.raises(RedResult, match="stack network: Vpc: limit"):
        operator(BuildOperator).proceed(docket, "", {"failed": "stack network: Vpc: limit"})
    assert docket.document("stacks") is None


# --- fence


@pytest.fixture
def fenced(monkeypatch):
    """IAM and the epoch records as they are after a fence that holds; the calls, in order."""
    calls: list[Any] = []
    monkeypatch.setattr(fence, "deny", lambda session, site: calls.append(("deny", site)))

    def told(name: str, what: Any, answer: Any) -> Any:
        calls.append((name, what))
        return answer

    monkeypatch.setattr(fence, "lift", lambda session, site: calls.append(("lift", site)))
    monkeypatch.setattr(fence, "take_epoch", lambda *arguments, **_: told("take", arguments[-1], arguments[-1]))
    monkeypatch.setattr(assume, "engine_role", lambda *_: "the old role")
    monkeypatch.setattr(fence, "refused", lambda old, region, stream: told("try", old, answer=True))
    monkeypatch.setattr(fence, "allowed", lambda session, site, streams, region: told("ask", streams, []))
    return calls


def test_the_fence_denies_takes_the_epoch_and_proves_itself(docket, fenced):
    assert operator(FenceOperator).start(docket, {}) == {"epoch": 2, "streams": 6}
    assert [name for name, _ in fenced] == ["deny", "take", "try", "ask"]
    taken = dict(fenced)["take"]
    assert (taken.epoch, taken.site, taken.environment) == (2, docket.plan().site, "LIVE")
    assert dict(fenced)["ask"] == [f"matching-engine-{symbol}" for symbol in SYMBOLS]
    assert docket.document("fence")["epoch"] == 2


def test_a_fence_that_lets_the_old_role_put_is_red(docket, fenced, monkeypatch):
    monkeypatch.setattr(fence, "refused", lambda old, region, stream: False)
    with pytest.raises(RedResult, match=r"the fence does not hold: .*may still put"):
        operator(FenceOperator).start(docket, {})
    assert docket.document("fence") is None


def test_a_fence_with_a_hole_is_red_and_names_it(docket, fenced, monkeypatch):
    monkeypatch.setattr(fence, "allowed", lambda *_: ["matching-engine-MSFT"])
    with pytest.raises(RedResult, match="matching-engine-MSFT and 0 more"):
        operator(FenceOperator).start(docket, {})
    assert docket.document("fence") is None


# --- captures, full load


def record(kind: int, symbol: str, *, epoch: int, seq: int, at: int, sent: int = 0) -> bytes:
    number = instrument(symbol).number
    return captures.RECORD.pack(kind, 1, 0, 0, number, 0, epoch, 0, seq, 1 << 48 | seq, at, 0, 0, 1, 0, 0, 0, sent)


@pytest.fixture
def handed_over(docket):
    """Member 1 was acknowledged once in each epoch, and once on a symbol that is not in scope."""
    lost = int(worlds.documents()["word-loss"]["actual_ns"])
    docket.file("word-loss", worlds.documents()["word-loss"])
    rows = [
        record(captures.SENT, "MSFT", epoch=1, seq=7, at=lost - 3 * SECOND),
        record(captures.ACK, "MSFT", epoch=1, seq=7, at=lost - 2 * SECOND, sent=lost - 3 * SECOND),
        record(captures.ACK, "AMZN", epoch=1, seq=8, at=lost - SECOND, sent=lost - 2 * SECOND),
        record(captures.ACK, "MSFT", epoch=2, seq=9, at=lost + 90 * SECOND, sent=lost + 89 * SECOND),
    ]
    docket.witness_store().put("captures/x/00001.bin.gz", gzip.compress(b"".join(rows)))
    files = {"00001.bin.gz": {"sha256": hashlib.sha256(b"".join(rows)).hexdigest(), "records": len(rows)}}
    return {"prefix": "captures/x/", "members": 1, "records": len(rows), "files": files}


def test_a_capture_that_is_not_as_the_members_said_is_refused(docket, handed_over):
    docket.witness_store().put("captures/x/00001.bin.gz", gzip.compress(b""))
    with pytest.raises(RedResult, match=r"00001\.bin\.gz: its hash is not the one that the members said"):
        operator(CollectCapturesOperator).proceed(docket, "", handed_over)


def test_a_capture_that_is_missing_is_no_member_without_orders(docket, handed_over):
    with pytest.raises(RedResult, match="captures of 1 members, the word says 2"):
        operator(CollectCapturesOperator).proceed(docket, "", {**handed_over, "members": 2})


def test_what_was_answered_again_for_an_older_journal_is_not_acknowledged_in_this_one(docket, handed_over, monkeypatch):
    for name, nothing in (("freshness", {}), ("series", ())):
        monkeypatch.setattr(journal_lag, name, lambda *_, nothing=nothing, **__: nothing)
    opened = {"lineage": [{"start_seq": 0}, {"start_seq": 7}]}
    docket.journal().put("recovered/epoch=1/MSFT/opened.json", json.dumps(opened).encode())
    summary = operator(CollectCapturesOperator).proceed(docket, "", handed_over)
    assert summary["acknowledged"] == 0
    assert docket.document("acked-primary")["first_ack_by_member"] != {}


def test_captures_are_ordered_and_read_for_the_lost_epoch_and_the_scope_only(docket, handed_over, ordered, monkeypatch):
    points = {"a": Freshness(at_ns=9, age_ns=4), "b": Freshness(at_ns=9, age_ns=2), "c": None}
    monkeypatch.setattr(journal_lag, "freshness", lambda *_, **__: points)
    worst = journal_lag.WorstLag(at_ns=9, age_ns=4, stream="s", streams=6)
    monkeypatch.setattr(journal_lag, "series", lambda *_, **__: (worst,))
    step = operator(CollectCapturesOperator)
    assert waits_for(step.start(docket, {})) == ("word_said", {"word": "handover-loss"})
    assert ordered("handover")["name"] == "loss"
    summary = step.proceed(docket, "", handed_over)
    assert (summary["members"], summary["acknowledged"]) == (1, 1)
    assert docket.document("acked-primary")["captures"] == "captures/x/"
    assert docket.document("acked-primary")["age_at_loss_ns"] == "4"  # the oldest of all streams
    assert docket.document("journal-lag") == {"points": [{"at_ns": "9", "age_ns": "4", "stream": "s", "streams": 6}]}
    (pseudonym,) = docket.document("acked-primary")["first_ack_by_member"]
    assert pseudonym == str(docket.pseudonyms.of(1)) != "1"
    (row,) = docket.document("acked-seqs")["acked"]["MSFT"][pseudonym]
    assert (row[0], row[2]) == (7, 1)


def test_full_load_passes_then_captures_of_the_new_epoch_are_read(docket, handed_over, ordered, monkeypatch):
    monkeypatch.setattr(clock, "now_ns", lambda: worlds.T0)
    monkeypatch.setattr(fleet, "tasks", lambda *_, **__: [])
    docket.file("recovered", {"symbols": {"MSFT": {"seq": 3}}})
    step = operator(FullLoadOperator)
    wait = step.start(docket, {})
    until = worlds.T0 + (docket.plan().load_s + SETTLE_S) * SECOND
    assert (wait.condition, wait.arguments["until_ns"]) == ("elapsed", str(until))
    assert ordered("handover") is None
    wait = step.proceed(docket, wait.then, {})
    assert waits_for(wait) == ("word_said", {"word": "handover-final"})
    assert ordered("handover")["name"] == "final"
    assert step.proceed(docket, wait.then, handed_over)["acknowledged"] == 1
    assert docket.document("acked-dr")["epoch"] == 2


# --- drain, sabotage, rehydrate


def test_the_drain_counts_from_the_fence(docket):
    docket.file("fence", {"at_ns": "17"})
    step = operator(DrainOperator)
    assert waits_for(step.start(docket, {})) == ("journal_drained", {"since_ns": "17"})
    found = {"at_ns": "30", "streams": 6, "silent": ["x"]}
    assert step.proceed(docket, "", found) == {"streams": 6, "silent": 1}
    assert docket.document("drain") == found


def test_the_saboteur_gets_the_word_and_nothing_else(docket, ordered):
    step = operator(SabotageOperator)
    assert waits_for(step.start(docket, {})) == ("word_said", {"word": "sabotage"})
    assert ordered("sabotage") == {"drill": worlds.DRILL, "recovery_points": {}}
    assert step.proceed(docket, "", {"applied": 2}) == {"applied": 2}
    assert docket.document("word-sabotage") == {"applied": 2}


def test_engines_get_their_go_ahead_and_every_symbol_is_waited_for(docket):
    step = operator(RehydrateOperator)
    wait = step.start(docket, {})
    assert waits_for(wait) == ("symbols_recovered", {"epoch": 2, "symbols": SYMBOLS})
    go = json.loads(docket.journal().get("control/epoch=2/recover.json"))
    way = {"rehydrate": docket.plan().rehydrate, "recovery_points": {}}
    assert go == {"from_epoch": 1, "drill": worlds.DRILL} | way


def test_damage_is_counted_by_rehydrate_and_judged_by_others(docket):
    found = worlds.documents()["recovered"]
    assert operator(RehydrateOperator).proceed(docket, "", found) == {"symbols": 5, "damaged": 1, "commands": 60}
    assert docket.document("recovered") == found


# --- cut over, members, canaries


def test_trading_opens_before_the_names_move(docket, monkeypatch):
    moved: list[Any] = []

    def cut_over(session: Any, zone: str, targets: dict[str, str], *, ttl_s: int) -> list[str]:
        assert docket.journal().exists("control/epoch=2/open.json")
        moved.append(targets)
        return ["C1"]

    monkeypatch.setattr(routing, "zone_id", lambda session, zone: "Z1")
    monkeypatch.setattr(routing, "cut_over", cut_over)
    step = operator(CutOverOperator)
    assert waits_for(step.start(docket, {})) == ("site_open", {"changes": ["C1"]})
    (targets,) = moved
    assert all("dr-abcdef" in target for target in targets.values())
    astray = {**targets, next(iter(targets)): "elsewhere"}
    monkeypatch.setattr(routing, "targets", lambda session, zone: astray)
    assert step.proceed(docket, "", {"at_ns": "1", "changes": ["C1"]}) == {"names": len(targets) - 1}
    assert docket.document("cutover")["names"] == astray


def test_everybody_who_was_acknowledged_is_waited_for(docket):
    docket.file("acked-primary", worlds.documents()["acked-primary"])
    step = operator(MembersBackOperator)
    assert waits_for(step.start(docket, {})) == ("members_back", {"epoch": 2, "members": 1})
    step.proceed(docket, "", {"at_ns": "5"})
    assert docket.document("members") == {"at_ns": "5"}


def test_canaries_are_ordered_for_the_scope_and_errors_counted(docket, ordered):
    step = operator(CanariesOperator)
    assert waits_for(step.start(docket, {})) == ("word_said", {"word": "canary"})
    assert ordered("canary")["symbols"] == list(worlds.LISTING)
    found = {"symbols": {"AAPL": {"sent_ns": "1"}, "MSFT": {"error": "refused"}}}
    assert step.proceed(docket, "", found) == {"symbols": 2, "errors": 1}
    assert docket.document("word-canary") == found


# --- inventory


def test_what_was_not_there_before_is_an_orphan(docket, monkeypatch):
    docket.put("inventory-before.json", inventory.encode(snapshot("s3")))
    monkeypatch.setattr(inventory, "snapshot", lambda *_, **__: snapshot("s3", "sqs"))
    orphan = inventory.Resource("sqs", "thing", "sqs-1", "us-west-2")
    monkeypatch.setattr(inventory, "orphans", lambda *_: [orphan])
    assert operator(InventoryOperator).start(docket, {})["orphans"] == 1
    document = docket.document("inventory")
    assert (document["before"], document["after"]) == ({"s3": 1}, {"s3": 1, "sqs": 1})
    assert document["orphans"][0]["id"] == "sqs-1"


def test_without_a_snapshot_before_the_build_nothing_can_be_said(docket):
    with pytest.raises(RedResult, match="nothing to compare with"):
        operator(InventoryOperator).start(docket, {})
    assert docket.document("inventory") is None


# --- what is not heeded


def test_only_what_cleans_up_and_what_tells_runs_after_an_abort():
    from drill.operators.judge import JudgeOperator  # noqa: PLC0415
    from drill.operators.report import ReportOperator  # noqa: PLC0415
    from drill.operators.seal import SealOperator  # noqa: PLC0415
    from drill.operators.tear_down import TearDownOperator  # noqa: PLC0415

    deaf = {TearDownOperator, InventoryOperator, JudgeOperator, SealOperator, ReportOperator}
    assert {kind.heeds_abort for kind in deaf} == {False}
    heeding = {AwaitLossOperator, BuildOperator, FenceOperator, CutOverOperator, RehydrateOperator, FullLoadOperator}
    assert {kind.heeds_abort for kind in heeding} == {True}


def test_control_of_another_epoch_stays(docket):
    control.recover(docket.home, docket.settings.journal_bucket, 3, from_epoch=2, drill="d", region="us-west-2")
    control.withdraw(docket.home, docket.settings.journal_bucket, 2, region="us-west-2")
    assert docket.journal().exists("control/epoch=3/recover.json")
