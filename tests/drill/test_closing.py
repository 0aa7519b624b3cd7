"""verdict, seal, report, gate: from the store back to the store, and the run's colour."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from airflow.sdk.exceptions import AirflowFailException

from drill.core.report import decode
from drill.core.verdict import judge
from drill.operators.gate import GateOperator
from drill.operators.judge import JudgeOperator
from drill.operators.report import ReportOperator
from drill.operators.seal import SealOperator
from drill.report.renderings import RENDERINGS
from tests.core import worlds
from tests.drill.filed import filed, full


@pytest.fixture
def close(context):
    """Run the four closing steps as the DAG does, gate excepted."""

    def run() -> None:
        JudgeOperator(task_id="verdict").execute(context)
        ReportOperator(task_id="report").execute(context)
        SealOperator(task_id="seal").execute(context)

    return run


@pytest.fixture
def gate(context):
    return lambda: GateOperator(task_id="gate").execute(context)


def test_the_verdict_is_judged_from_what_lies_in_the_store(fresh, close):
    evidence = filed(fresh, full())
    close()
    verdict = json.loads(fresh.find("verdict.json"))
    assert (verdict["outcome"], verdict["sentence"]) == ("PASS", judge(evidence).sentence)
    assert judge(fresh.evidence()).outcome == "PASS"


def test_the_manifest_has_every_artifact_with_its_hash(fresh, close):
    filed(fresh, full())
    before = set(fresh.names())
    close()
    manifest = json.loads(fresh.find("manifest.json"))
    listed = {one["name"]: one for one in manifest["artifacts"]}
    assert before | {"verdict.json"} <= set(listed)
    assert {"report.json", "report.html"} <= set(listed), "the report is sealed with what it was made from"
    assert not {"manifest.json", "outcome.json"} & set(listed)
    for name, one in listed.items():
        content = fresh.find(name)
        assert (one["sha256"], one["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert fresh.find("manifest.json") == rfc8785.dumps(manifest)


def test_the_outcome_refers_to_the_manifest(fresh, close):
    filed(fresh, full(word_reveal=None))
    close()
    outcome = json.loads(fresh.find("outcome.json"))
    assert outcome["manifest_sha256"] == hashlib.sha256(fresh.find("manifest.json")).hexdigest()
    assert outcome["outcome"] == "INVALID"
    assert "I-CONTROL" in outcome["rules"]


def test_without_a_verdict_the_outcome_is_invalid(fresh, context):
    SealOperator(task_id="seal").execute(context)
    assert json.loads(fresh.find("outcome.json"))["outcome"] == "INVALID"


def test_the_report_is_filed_as_record_and_page_with_the_manifest(fresh, close, settings):
    filed(fresh, full())
    close()
    report = decode(fresh.find("report.json"))
    manifest = json.loads(fresh.find("manifest.json"))
    named = {(artifact.name, artifact.sha256) for artifact in report.close.manifest}
    sealed = {(one["name"], one["sha256"]) for one in manifest["artifacts"]}
    assert named < sealed, "the report lists what it was made from; the manifest lists the report as well"
    assert report.close.filing.path == f"{settings.reports}/{worlds.DRILL}/report.html"
    assert report.result.verdict.sentence in fresh.find("report.html").decode()
    assert set(RENDERINGS) <= set(fresh.names())


def test_a_drill_that_was_never_registered_has_a_verdict_and_a_report(fresh, close, gate):
    fresh.event("register", "begin")
    fresh.event("register", "fail", reason="parameter 'symbols'")
    close()
    assert decode(fresh.find("report.json")).result.verdict.outcome == "INVALID"
    with pytest.raises(AirflowFailException, match="verdict=INVALID"):
        gate()


@pytest.mark.parametrize("outcome", ["PASS", "PASS_WITH_OBSERVATIONS"])
def test_the_gate_is_green_for_a_pass_with_its_report(fresh, gate, outcome):
    fresh.put("outcome.json", json.dumps({"outcome": outcome}).encode())
    fresh.put("report.html", b"<html>")
    assert gate() == outcome


@pytest.mark.parametrize("outcome", ["FAIL", "INVALID", "ABORTED", "PARTIAL", "REJECTED", "anything"])
def test_the_gate_is_red_for_everything_else(fresh, gate, outcome):
    fresh.put("outcome.json", json.dumps({"outcome": outcome}).encode())
    fresh.put("report.html", b"<html>")
    with pytest.raises(AirflowFailException, match=f"verdict={outcome}"):
        gate()


def test_the_gate_is_red_without_an_outcome(fresh, gate):
    with pytest.raises(AirflowFailException, match="verdict=MISSING"):
        gate()


def test_the_gate_is_red_for_a_pass_that_nobody_can_read(fresh, gate):
    fresh.put("outcome.json", b'{"outcome": "PASS"}')
    with pytest.raises(AirflowFailException, match="no report was filed"):
        gate()
