"""A planned exercise's site: everything of its own, and no way to what the market lives by."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from templates.__main__ import FEW, RECOVERY
from templates.settings import Settings
from templates.stacks import site_stacks
from tests.templates.test_roles import JOURNAL, ROLES, STREAM, may

SITE = "dr-abcdef"
ROOT = "drills/drill-20261121-abcdef/"
EXERCISE = replace(RECOVERY, site=SITE, environment="DRILL", root=ROOT, zone="drill.aex.example.")
STACKS = {stack.name: json.loads(stack.body) for stack in site_stacks(EXERCISE)}


@pytest.fixture(scope="module", autouse=True)
def _with_its_roles():
    for entry in STACKS[f"aex-{SITE}-stores"]["Resources"].values():
        if entry["Type"] == "AWS::IAM::Role":
            policies = entry["Properties"].get("Policies", [])
            statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
            ROLES[entry["Properties"]["RoleName"]] = statements
    yield
    for role in [name for name in ROLES if SITE in name]:
        del ROLES[role]


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:GetObject", f"{JOURNAL}/journal/epoch=1/symbol=AAPL/x.gz", True),
        ("s3:GetObject", f"{JOURNAL}/recovered/epoch=1/AAPL/opened.json", True),
        ("s3:GetObject", f"{JOURNAL}/{ROOT}control/epoch=2/recover.json", True),
        ("s3:PutObject", f"{JOURNAL}/{ROOT}recovered/epoch=2/AAPL/result.json", True),
        ("s3:PutObject", f"{JOURNAL}/{ROOT}control/epoch=3.json", False),
        ("s3:PutObject", f"{JOURNAL}/control/epoch=2.json", False),
        ("s3:PutObject", f"{JOURNAL}/recovered/epoch=2/AAPL/opened.json", False),
        ("s3:PutObject", f"{JOURNAL}/drills/drill-of-another/recovered/epoch=2/AAPL/result.json", False),
        ("s3:PutObject", f"{JOURNAL}/journal/epoch=1/symbol=AAPL/x.gz", False),
        ("firehose:PutRecord", f"{STREAM}AAPL-{SITE}", True),
        ("firehose:PutRecord", f"{STREAM}AAPL", False),
        ("firehose:PutRecord", f"{STREAM}AAPL-e2", False),
        ("firehose:PutRecord", f"{STREAM}AAPL-dr-another", False),
    ],
)
def test_its_engines_read_the_market_and_write_only_their_own(action, resource, allowed):
    assert may(f"aex-{SITE}-engine", action, resource) is allowed


@pytest.mark.parametrize("role", ["aex-primary-engine", "aex-dr-example-engine"])
def test_live_engines_cannot_write_what_is_an_exercises(role):
    assert not may(role, "firehose:PutRecord", f"{STREAM}AAPL-{SITE}")
    assert not may(role, "s3:PutObject", f"{JOURNAL}/{ROOT}recovered/epoch=2/AAPL/result.json")


def test_its_streams_deliver_below_its_own_folder():
    streams = [one for one in STACKS[f"aex-{SITE}-streams-00"]["Resources"].values() if "Stream" in one["Type"]]
    assert len(streams) == len(FEW)
    for stream in streams:
        target = stream["Properties"]["ExtendedS3DestinationConfiguration"]
        assert target["Prefix"].startswith(f"{ROOT}journal/epoch=2/symbol=")
        assert target["ErrorOutputPrefix"].startswith(f"{ROOT}errors/")
        assert stream["Properties"]["DeliveryStreamName"].endswith(f"-{SITE}")


def test_its_engines_are_told_where_everything_is():
    [definition, *_] = [
        one for one in STACKS[f"aex-{SITE}-symbols-00"]["Resources"].values() if one["Type"].endswith("TaskDefinition")
    ]
    command = definition["Properties"]["ContainerDefinitions"][0]["Command"]
    told = {name: command[place + 1] for place, name in enumerate(command) if str(name).startswith("--")}
    bucket = "s3://${JournalBucket}/"
    assert told["--environment"] == "DRILL"
    assert told["--control"] == {"Fn::Sub": f"{bucket}{ROOT}control/"}
    assert told["--recovered"] == {"Fn::Sub": f"{bucket}{ROOT}recovered/"}
    assert told["--recover"] == {"Fn::Sub": f"{bucket}journal/"}
    assert told["--lineage"] == {"Fn::Sub": f"{bucket}recovered/"}
    assert told["--stream-suffix"] == f"-{SITE}"


def test_its_names_are_below_a_label_of_its_own():
    assert EXERCISE.domain == f"{SITE}.drill.aex.example"
    assert RECOVERY.domain == "aex.example"


@pytest.mark.parametrize(
    ("environment", "root"), [("LIVE", "drills/x/"), ("DRILL", ""), ("DRILL", "control/"), ("DRILL", "drills/../")]
)
def test_a_root_belongs_to_an_exercise_and_to_nothing_else(environment, root):
    with pytest.raises(ValueError, match="root:"):
        Settings(symbols=FEW, environment=environment, root=root)
