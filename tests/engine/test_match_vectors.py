"""Scenarios of another exchange (tests/vectors) hold through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.__main__ import main

VECTORS = Path(__file__).parents[1] / "vectors"
SCENARIOS = [json.loads(line) for path in sorted(VECTORS.glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.fixture
def match(tmp_path: Path, capfdbinary: Any) -> Any:
    """Run commands through `python -m engine match --book`: the answers by seq, and the book."""

    def run(commands: list[dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
        flow = tmp_path / "flow.jsonl"
        flow.write_text("".join(json.dumps(command) + "\n" for command in commands))
        assert main(["match", "--book", str(flow)]) == 0
        *answers, book = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
        return {answer["seq"]: answer for answer in answers}, book

    return run


def without_count(levels: list[list[int]]) -> list[list[int]]:
    return [level[:2] for level in levels]


def check_answer(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    for key, value in expected.items():
        if key == "trades":
            assert answer["trades"] == value
        else:
            assert (key, answer["status"]) == ("status", value), f"an expectation this test knows: {key}"


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) == 23


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["id"])
def test_the_scenario_holds(scenario: dict[str, Any], match: Any) -> None:
    commands, expect = scenario["commands"], scenario["expect"]
    answers, last = match(commands)
    assert list(answers) == [command["seq"] for command in commands]
    for command in commands:
        check_answer(answers[command["seq"]], command.get("expect", {}))
    assert expect.keys() <= {"trades", "book", "orders", "depth"}
    if "trades" in expect:
        assert [trade for answer in answers.values() for trade in answer["trades"]] == expect["trades"]
    if "book" in expect:
        assert {side: without_count(levels) for side, levels in last["book"].items()} == expect["book"]
    if "orders" in expect:
        assert last["orders"] == expect["orders"]
    for depth in expect.get("depth", ()):
        _, then = match([command for command in commands if command["seq"] <= depth["after_seq"]])
        assert then["book"] == {"bids": depth["bids"], "asks": depth["asks"]}
