"""What the containers run, word for word as the engine's command line reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from templates.__main__ import PRIMARY, RECOVERY
from templates.settings import Settings
from templates.stacks import site_stacks


def definitions(settings: Settings) -> dict[str, dict[str, Any]]:
    return {
        entry["Properties"]["ContainerDefinitions"][0]["Name"]: entry["Properties"]
        for stack in site_stacks(settings)
        for entry in json.loads(stack.body)["Resources"].values()
        if entry["Type"] == "AWS::ECS::TaskDefinition"
    }


def command(settings: Settings, name: str) -> str:
    words = definitions(settings)[name]["ContainerDefinitions"][0]["Command"]
    return " ".join((word["Fn::Sub"] if isinstance(word, dict) else word) or '""' for word in words)


def test_the_primary_trades_from_genesis():
    assert command(PRIMARY, "engines-00") == (
        'python -m engine trade --site primary --environment LIVE --epoch 1 --symbols AAPL,ZZT1 --stream-suffix "" '
        "--stream-region us-west-2 --control s3://${JournalBucket}/control/ "
        "--recovered s3://${JournalBucket}/recovered/ --snapshots s3://${JournalBucket}/snapshots/ "
        "--snapshot-every 50000 --snapshot-every-s 30 --day-s 86400 --commit-ms 250 --checkpoint-every 1000"
    )


def test_the_recovery_site_reads_the_old_epoch_and_writes_its_own():
    assert command(RECOVERY, "engines-01") == (
        "python -m engine trade --site dr-example --environment LIVE --epoch 2 --symbols ZZT2 --stream-suffix -e2 "
        "--stream-region us-west-2 --control s3://${JournalBucket}/control/ "
        "--recover s3://${JournalBucket}/journal/ --recovered s3://${JournalBucket}/recovered/ "
        "--snapshots s3://${JournalBucket}/snapshots/ --snapshot-every 50000 --snapshot-every-s 30 --day-s 86400 "
        "--commit-ms 250 --checkpoint-every 1000"
    )


def test_market_data_and_directory_know_every_engine():
    engines = "engines-00.primary.aex.internal,engines-01.primary.aex.internal"
    assert command(PRIMARY, "marketdata") == f"python -m engine marketdata --engines {engines}"
    assert command(PRIMARY, "customer") == (
        f"python -m engine directory --site primary --environment LIVE --epoch 1 --symbols AAPL,ZZT1,ZZT2 "
        f"--engines {engines}"
    )


@pytest.mark.parametrize("name", ["engines-00", "engines-01", "marketdata", "customer"])
def test_every_task_is_fargate_with_its_own_address_logs_and_probe(name):
    made = definitions(PRIMARY)[name]
    container = made["ContainerDefinitions"][0]
    assert (made["NetworkMode"], made["RequiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert container["HealthCheck"]["Command"][0] == "CMD"
    compile(container["HealthCheck"]["Command"][3], "probe", "exec")
    assert container["ReadonlyRootFilesystem"] is True
    (room,), (volume,) = container["MountPoints"], made["Volumes"]
    assert (room["ContainerPath"], room["ReadOnly"], room["SourceVolume"]) == ("/tmp", False, volume["Name"])
    assert {"Key": "Application", "Value": "AEX"} in made["Tags"]


def test_two_engines_of_one_symbol_never_run_at_once():
    services = [
        entry["Properties"]
        for stack in site_stacks(PRIMARY)
        for entry in json.loads(stack.body)["Resources"].values()
        if entry["Type"] == "AWS::ECS::Service"
    ]
    for service in services:
        deployment = service["DeploymentConfiguration"]
        assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
        assert deployment["DeploymentCircuitBreaker"]["Enable"] is True
        assert service["ServiceRegistries"]
