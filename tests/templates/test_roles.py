"""Least privilege, read from the rendered documents."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from templates.__main__ import FEW, both_sites

# Where AWS knows no narrower resource; each entry is explained beside its statement.
UNBOUND = {
    "aex-drill": {
        "StackList",
        "ReadNetwork",
        "ClustersAnywhere",
        "LogList",
        "NamesAnywhere",
        "ZoneList",
        "Freshness",
    },
    "aex-fault-injector": {"ListTasks"},
    "aex-primary-execution": {"RegistryToken"},
    "aex-dr-example-execution": {"RegistryToken"},
}


def plain(value):
    """A resource expression as text, pseudo parameters left as they are."""
    return value if isinstance(value, str) else value.get("Fn::Sub", json.dumps(value))


ROLES = {
    entry["Properties"]["RoleName"]: [
        statement
        for policy in entry["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    for stack in both_sites(FEW, 2)
    for entry in json.loads(stack.body)["Resources"].values()
    if entry["Type"] == "AWS::IAM::Role"
}


def may(role: str, action: str, resource: str) -> bool:
    """What IAM would decide, conditions aside."""
    verdicts = {
        statement["Effect"]
        for statement in ROLES[role]
        if any(fnmatchcase(action, name) for name in statement["Action"])
        and any(fnmatchcase(resource, plain(pattern)) for pattern in statement["Resource"])
    }
    return verdicts == {"Allow"}


JOURNAL = "arn:${AWS::Partition}:s3:::${JournalBucket}"
STREAM = "arn:${AWS::Partition}:firehose:us-west-2:${AWS::AccountId}:deliverystream/matching-engine-"


@pytest.mark.parametrize("name", sorted(ROLES))
def test_actions_are_listed_and_resources_named(name):
    for statement in ROLES[name]:
        assert not [action for action in statement["Action"] if "*" in action], statement["Sid"]
        if "*" in [plain(resource) for resource in statement["Resource"]]:
            assert statement["Sid"] in UNBOUND.get(name, set())


def test_the_expected_roles_and_no_others_exist():
    sites = {f"aex-{site}-{part}" for site in ("primary", "dr-example") for part in ("engine", "edge", "execution")}
    account = {"aex-drill", "aex-saboteur", "aex-fault-injector", "aex-witness", "aex-records", "aex-delivery"}
    assert set(ROLES) == sites | account


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:GetObject", f"{JOURNAL}/journal/epoch=1/symbol=AAPL/x.gz", True),
        ("s3:GetObject", f"{JOURNAL}/control/epoch=2.json", True),
        ("s3:PutObject", f"{JOURNAL}/recovered/epoch=2/AAPL/result.json", True),
        ("s3:PutObject", f"{JOURNAL}/recovered/epoch=2/AAPL/opened.json", True),
        ("s3:GetObject", f"{JOURNAL}/recovered/epoch=2/AAPL/opened.json", True),
        ("s3:AbortMultipartUpload", f"{JOURNAL}/recovered/epoch=2/AAPL/fills.bin", True),
        ("s3:DeleteObject", f"{JOURNAL}/recovered/epoch=2/AAPL/opened.json", False),
        ("s3:PutObject", f"{JOURNAL}/recovered/epoch=1/AAPL/result.json", False),
        ("s3:PutObject", f"{JOURNAL}/recovered/epoch=20/AAPL/opened.json", False),
        ("s3:AbortMultipartUpload", f"{JOURNAL}/journal/epoch=1/symbol=AAPL/x.gz", False),
        ("s3:PutObject", f"{JOURNAL}/journal/epoch=1/symbol=AAPL/x.gz", False),
        ("s3:PutObject", f"{JOURNAL}/control/epoch=3.json", False),
        ("s3:GetObject", f"{JOURNAL}/snapshots/epoch=1/symbol=AAPL/1.snap", True),
        ("s3:PutObject", f"{JOURNAL}/snapshots/epoch=2/symbol=AAPL/1.snap", True),
        ("s3:PutObject", f"{JOURNAL}/snapshots/epoch=1/symbol=AAPL/1.snap", False),
        ("s3:DeleteObject", f"{JOURNAL}/snapshots/epoch=2/symbol=AAPL/1.snap", False),
        ("s3:DeleteObject", f"{JOURNAL}/recovered/epoch=2/AAPL/result.json", False),
        ("firehose:PutRecord", f"{STREAM}AAPL-e2", True),
        ("firehose:PutRecord", f"{STREAM}AAPL", False),
        ("firehose:PutRecord", f"{STREAM}AAPL-e3", False),
    ],
)
def test_the_recovering_engine_reads_the_journal_and_writes_only_its_own(action, resource, allowed):
    assert may("aex-dr-example-engine", action, resource) is allowed


@pytest.mark.parametrize(("epoch", "allowed"), [(1, True), (2, False), (10, False)])
def test_the_primary_says_in_its_own_epochs_folder_what_it_opened(epoch, allowed):
    record = f"{JOURNAL}/recovered/epoch={epoch}/AAPL/opened.json"
    assert may("aex-primary-engine", "s3:PutObject", record) is allowed
    assert may("aex-primary-engine", "s3:GetObject", record), "a lineage is read from earlier epochs' records"
    assert not may("aex-primary-engine", "s3:DeleteObject", f"{JOURNAL}/recovered/epoch={epoch}/AAPL/opened.json")


def test_an_engine_of_epoch_one_cannot_write_later_epochs():
    assert may("aex-primary-engine", "firehose:PutRecord", f"{STREAM}AAPL")
    assert not may("aex-primary-engine", "firehose:PutRecord", f"{STREAM}AAPL-e2")


@pytest.mark.parametrize(("symbol", "reached"), [("ZZT1", True), ("ZZT3", True), ("AAPL", False), ("ZZ", False)])
def test_the_saboteur_reaches_sacrificial_symbols_only(symbol, reached):
    bucket = "arn:${AWS::Partition}:s3:::aex-journal-${AWS::AccountId}"
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectVersion"):
        assert may("aex-saboteur", action, f"{bucket}/journal/epoch=1/symbol={symbol}/2026/11/20/19/x.gz") is reached


def test_the_witness_sees_its_own_bucket_only():
    reached = {plain(resource) for statement in ROLES["aex-witness"] for resource in statement["Resource"]}
    assert all("WitnessBucket" in resource for resource in reached)


def test_the_edge_has_no_rights():
    assert ROLES["aex-primary-edge"] == []
