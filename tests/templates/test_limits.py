"""CloudFormation's quotas at the sizes that matter: the full listing with test symbols, and five times of it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from templates.__main__ import both_sites
from templates.settings import Settings, stream_name
from templates.stacks import Stack, account_stacks, site_stacks

RESOURCES, INLINE_BYTES, PARAMETERS, OUTPUTS = 500, 51_200, 200, 200
INLINE_POLICY_BYTES = 10_240


def listing(count: int) -> tuple[str, ...]:
    return (*(f"S{number:03d}" for number in range(count - 3)), "ZZT1", "ZZT2", "ZZT3")


@pytest.fixture(
    params=[(103, 1), (103, 52), (503, 1), (503, 52)], ids=lambda size: f"{size[0]}x{size[1]}", scope="module"
)
def built(request: pytest.FixtureRequest) -> tuple[Settings, list[Stack]]:
    count, per_task = request.param
    settings = Settings(symbols=listing(count), symbols_per_task=per_task)
    return settings, both_sites(settings.symbols, per_task)


def resources(stacks: list[Stack], kind: str) -> list[dict[str, Any]]:
    bodies = (json.loads(stack.body)["Resources"].values() for stack in stacks)
    return [entry["Properties"] for body in bodies for entry in body if entry["Type"] == kind]


def test_every_stack_is_below_every_quota_without_an_upload(built):
    _, stacks = built
    for stack in stacks:
        body = json.loads(stack.body)
        assert len(stack.body.encode()) <= INLINE_BYTES, stack.name
        assert len(body["Resources"]) <= RESOURCES, stack.name
        assert len(body.get("Parameters", {})) <= PARAMETERS, stack.name
        assert len(body.get("Outputs", {})) <= OUTPUTS, stack.name


def test_roles_are_below_the_inline_policy_quota(built):
    _, stacks = built
    for role in resources(stacks, "AWS::IAM::Role"):
        policies = role.get("Policies", [])
        size = sum(len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) for policy in policies)
        assert size <= INLINE_POLICY_BYTES, role["RoleName"]


def test_every_symbol_has_one_stream_one_alarm_and_one_engine(built):
    settings, _ = built
    stacks = site_stacks(settings)
    streams = [entry["DeliveryStreamName"] for entry in resources(stacks, "AWS::KinesisFirehose::DeliveryStream")]
    alarms = [entry["Dimensions"][0]["Value"] for entry in resources(stacks, "AWS::CloudWatch::Alarm")]
    commands = [
        entry["ContainerDefinitions"][0]["Command"]
        for entry in resources(stacks, "AWS::ECS::TaskDefinition")
        if "trade" in entry["ContainerDefinitions"][0]["Command"]
    ]
    traded = Counter(name for line in commands for name in line[line.index("--symbols") + 1].split(","))
    assert streams == alarms == [stream_name(symbol, 1) for symbol in settings.symbols]
    assert traded == Counter(settings.symbols)
    assert len(commands) == -(-len(settings.symbols) // settings.symbols_per_task)


def test_parameters_are_exactly_the_outputs_that_feed_them(built):
    _, stacks = built
    outputs = {stack.name: set(json.loads(stack.body).get("Outputs", {})) for stack in stacks}
    for stack in stacks:
        assert set(json.loads(stack.body).get("Parameters", {})) == {feed.parameter for feed in stack.feeds}, stack.name
        for feed in stack.feeds:
            assert feed.parameter in outputs[feed.source], (stack.name, feed)


def test_each_stack_comes_after_those_it_needs(built):
    settings, _ = built
    before: set[str] = set()
    for stack in [*account_stacks(settings), *site_stacks(settings)]:
        assert stack.needs <= before, stack.name
        before.add(stack.name)


def test_streams_live_with_the_journal_and_tasks_at_their_site():
    for stack in site_stacks(Settings(symbols=("AAPL",))):
        expected = "us-west-2" if "-streams-" in stack.name else "us-east-1"
        assert stack.region == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": ()},
        {"symbols": ("A", "A")},
        {"symbols": ("A-B",)},
        {"symbols": ("A",), "site": "Primary"},
        {"symbols": ("A",), "environment": "TEST"},
        {"symbols": ("A",), "epoch": 0},
        {"symbols": ("A",), "recover": "journal"},
    ],
)
def test_settings_that_make_no_site_are_refused(wrong):
    with pytest.raises(ValueError, match=r"symbols|site|environment|epoch|recover"):
        Settings(**wrong)
