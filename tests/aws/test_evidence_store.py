"""Evidence is hashed, versioned and locked; go-aheads and recovery results are where both sides look for them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drill.aws import control, evidence_store
from drill.aws.clients import client
from drill.aws.evidence_store import EvidenceDamagedError, EvidenceLockError, Retention
from tests.aws.conftest import REGION

pytestmark = pytest.mark.world
EVIDENCE, JOURNAL = "aex-evidence-000000000000", "aex-journal-000000000000"
# 2100-01-01: the emulator of the test session ends long before.
LATER = Retention(mode="COMPLIANCE", until_ns=4_102_444_800 * 1_000_000_000)


def test_an_artifact_comes_back_by_version_and_hash(session, account):
    first = evidence_store.put(session, EVIDENCE, "d1", "plan.json", b"one")
    second = evidence_store.put(session, EVIDENCE, "d1", "plan@2.json", b"two")
    assert (first.key, first.size, len(first.sha256)) == ("drills/d1/plan.json", 3, 64)
    assert first.version != second.version
    assert evidence_store.get(session, EVIDENCE, first) == b"one"
    listed = evidence_store.listing(session, EVIDENCE, "d1")
    assert {artifact.version for artifact in listed} == {first.version, second.version}
    with pytest.raises(EvidenceDamagedError, match=r"drills/d1/plan@2.json"):
        evidence_store.get(session, EVIDENCE, replace(second, sha256=first.sha256))


def test_a_locked_artifact_cannot_be_deleted(session, account):
    evidence_store.require_lock(session, EVIDENCE)
    kept = evidence_store.put(session, EVIDENCE, "d2", "report.json", b"{}", retention=LATER)
    assert evidence_store.retention(session, EVIDENCE, kept) == LATER
    with pytest.raises(client(session, "s3", REGION).exceptions.ClientError, match="AccessDenied"):
        client(session, "s3", REGION).delete_object(Bucket=EVIDENCE, Key=kept.key, VersionId=kept.version)
    assert evidence_store.get(session, EVIDENCE, kept) == b"{}"


def test_an_artifact_without_retention_says_so(session, account):
    loose = evidence_store.put(session, EVIDENCE, "d3", "x", b"x")
    assert evidence_store.retention(session, EVIDENCE, loose) is None


def test_a_bucket_without_versions_is_refused(session, account):
    client(session, "s3", REGION).create_bucket(
        Bucket="plain-bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with pytest.raises(EvidenceLockError, match="plain-bucket"):
        evidence_store.require_lock(session, "plain-bucket")
    client(session, "s3", REGION).delete_bucket(Bucket="plain-bucket")


def test_go_aheads_are_where_the_engines_look(session, account):
    control.recover(session, JOURNAL, 42, from_epoch=1, drill="d4")
    control.open_trading(session, JOURNAL, 42, drill="d4")
    api = client(session, "s3", REGION)
    said = json.loads(api.get_object(Bucket=JOURNAL, Key="control/epoch=42/recover.json")["Body"].read())
    assert said == {"from_epoch": 1, "drill": "d4", "rehydrate": "snapshot", "recovery_points": {}}
    control.withdraw(session, JOURNAL, 42)
    assert api.list_objects_v2(Bucket=JOURNAL, Prefix="control/epoch=42/")["KeyCount"] == 0


def test_recovered_results_are_read_by_symbol(session, account):
    api = client(session, "s3", REGION)
    for symbol, status in (("AAPL", "recovered"), ("ZZT1", "damaged")):
        body = json.dumps({"symbol": symbol, "status": status}).encode()
        api.put_object(Bucket=JOURNAL, Key=f"recovered/epoch=42/{symbol}/result.json", Body=body)
    api.put_object(Bucket=JOURNAL, Key="recovered/epoch=42/AAPL/fills.bin", Body=b"f")
    assert {name: entry["status"] for name, entry in control.recovered(session, JOURNAL, 42).items()} == {
        "AAPL": "recovered",
        "ZZT1": "damaged",
    }
    assert control.recovered_file(session, JOURNAL, 42, "AAPL", "fills.bin") == b"f"
