"""The docket: artifacts are written once and locked, orders go out, words come in."""

from __future__ import annotations

import json
from functools import partial

import pytest

from drill import clock
from drill.aws import evidence_store
from drill.aws.evidence_store import EvidenceExistsError
from drill.core.evidence import assemble
from tests.core import worlds

NOW = 1_800_000_000 * worlds.SECOND


def test_an_event_is_one_object_whose_name_sorts_by_time(fresh, account, settings, monkeypatch):
    monkeypatch.setattr(clock, "now_ns", lambda: NOW)
    event = fresh.event("build", "begin", attempt=2, by="somebody", queued="")
    assert fresh.names() == [f"events/{NOW}-build-begin-2.json"]
    assert fresh.evidence().events == (event,)
    assert (event.drill, event.by, event.data) == (worlds.DRILL, "somebody", {"queued": ""})


def test_what_is_filed_is_locked_for_the_settings_minutes(fresh, account, settings, monkeypatch):
    monkeypatch.setattr(clock, "now_ns", lambda: NOW)
    fresh.file("drain", {"streams": 3})
    (stored,) = account.s3.versions[settings.evidence_bucket, f"drills/{worlds.DRILL}/raw/drain.json"]
    assert stored["ObjectLockMode"] == settings.lock_mode
    assert stored["ObjectLockRetainUntilDate"] == clock.utc(NOW + settings.lock_minutes * 60 * worlds.SECOND)
    assert fresh.document("drain") == {"streams": 3}


def test_what_was_not_written_is_none_and_never_empty(fresh):
    assert fresh.document("drain") is None
    assert fresh.find("report.json") is None
    assert fresh.aborted() is None
    assert fresh.word("monitor/latest.json") is None
    assert fresh.names() == []


def test_a_drill_that_was_not_registered_has_no_plan(fresh):
    with pytest.raises(LookupError, match=f"{worlds.DRILL}: not registered"):
        fresh.plan()


def test_the_plan_is_the_registered_one(docket):
    assert docket.plan() == worlds.plan()


def test_evidence_is_events_and_raw_documents_alone(docket):
    docket.event("register", "end")
    docket.put("verdict.json", b"{}")
    docket.abort("enough")
    evidence = docket.evidence()
    assert set(evidence.documents) == {"registration"}
    assert [event.name for event in evidence.events] == ["end"]
    assert assemble({name: docket.find(name) for name in docket.names()}) == evidence


def test_artifacts_are_listed_with_their_versions(fresh):
    fresh.put("verdict.json", b"1")
    fresh.put("raw/drain.json", b"{}")
    found = fresh.artifacts()
    assert {name: (one.size, one.version) for name, one in found.items()} == {
        "verdict.json": (1, "v1"),
        "raw/drain.json": (2, "v2"),
    }


def test_a_document_is_written_once(fresh):
    fresh.put("verdict.json", b"1")
    fresh.put("verdict.json", b"1")
    with pytest.raises(EvidenceExistsError, match=r"verdict.json was written with other content"):
        fresh.put("verdict.json", b"12")
    assert (fresh.find("verdict.json"), fresh.artifacts()["verdict.json"].version) == (b"1", "v1")


def test_a_retry_writes_beside_what_its_first_try_wrote_and_readers_get_the_retrys(fresh, settings, account):
    again = type(fresh)(worlds.DRILL, settings, account.session, attempt=2)
    fresh.file("drain", {"at": 1})
    fresh.file("fence", {"at": 1})
    again.file("fence", {"at": 1})
    again.file("drain", {"at": 2})
    again.file("recovered", {"large": "x" * 300_000})
    assert fresh.names() == ["raw/drain.json", "raw/drain@2.json", "raw/fence.json", "raw/recovered.json.gz"]
    assert fresh.document("drain") == {"at": 2}
    assert json.loads(fresh.find("raw/drain.json")) == {"at": 2}
    assert fresh.evidence().documents["drain"] == {"at": 2}
    assert json.loads(fresh.stored("raw/drain.json")) == {"at": 1}


def test_the_first_reason_for_an_abort_stands(fresh):
    fresh.abort("first")
    fresh.abort("second")
    assert fresh.aborted() == "first"


def test_members_leave_under_pseudonyms_that_stay_the_same(fresh):
    fresh.file("acked-primary", {"first_ack_by_member": {"7": "1"}})
    fresh.file("members", {"member": 7, "members": [7], "command_id": (7 << 48) + 3, "sessions": 7})
    said, (known,) = fresh.document("members"), fresh.document("acked-primary")["first_ack_by_member"]
    assert str(said["member"]) == known != "7"
    assert said == {"member": int(known), "members": [int(known)], "command_id": f"{known}-3", "sessions": 7}


def test_another_drill_with_a_longer_name_is_not_mixed_in(fresh, settings, account):
    longer = type(fresh)(f"{worlds.DRILL}-2", settings, account.session)
    longer.put("verdict.json", b"{}")
    assert fresh.names() == []
    assert fresh.artifacts() == {}


def test_an_abort_is_heard_with_its_reason(fresh):
    fresh.abort("stopped by the operator")
    assert fresh.aborted() == "stopped by the operator"


def test_orders_name_their_drill(fresh, ordered):
    fresh.order("handover", {"name": "loss"})
    fresh.order("close")
    assert ordered("handover") == {"drill": worlds.DRILL, "name": "loss"}
    assert ordered("close") == {"drill": worlds.DRILL}


def test_words_come_oldest_first(fresh):
    store = fresh.witness_store()
    for at in (30, 10, 20):
        store.put(f"words/monitor/{at}.json", json.dumps({"at": at}).encode())
    assert list(fresh.words("monitor/").values()) == [{"at": 10}, {"at": 20}, {"at": 30}]
    assert fresh.word("monitor/20.json") == {"at": 20}


def test_earlier_drills_are_listed_by_registration_and_a_lost_one_is_loud(docket):
    times, point = {"impact_ns": 7, "technical_ns": 5}, {"lost_orders": 1001, "lost": [{}] * 1000}
    judged = {"outcome": "PASS", "times": times, "symbols_ok": 5, "rulings": [], "recovery_point": point}
    for drill, at, verdict in (("drill-b", 20, judged), ("drill-a", 30, None)):
        put = partial(evidence_store.put, docket.home, docket.settings.evidence_bucket, drill)
        put("raw/registration.json", json.dumps({"registered_ns": str(at), "versions": {}}).encode())
        if verdict:
            put("verdict.json", json.dumps(verdict).encode())
            put("outcome.json", b"{}")
    assert [(one["drill_id"], one["outcome"], one["recovery_time_ns"]) for one in docket.earlier(9)] == [
        ("drill-b", "PASS", 7),
        ("drill-a", "MISSING", None),
    ]
    assert [one["drill_id"] for one in docket.earlier(1)] == ["drill-a"]
    assert docket.earlier(9)[0]["orders_lost"] == 1001, "the list of lost orders is cut, their number is not"
