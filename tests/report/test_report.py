"""The report model: every outcome goes through its record and back, and every field says what it is."""

from __future__ import annotations

import json
import typing

import msgspec
import pytest
from msgspec.structs import replace

from drill.core import report as r
from tests.report import samples

OUTCOMES = samples.outcomes()


@pytest.fixture(params=OUTCOMES, name="report")
def _report(request: pytest.FixtureRequest) -> r.Report:
    return OUTCOMES[request.param]


def test_every_outcome_has_a_sample() -> None:
    assert set(OUTCOMES) == set(typing.get_args(r.Outcome))
    assert all(report.result.verdict.outcome == name for name, report in OUTCOMES.items())


def test_record_comes_back_as_it_was(report: r.Report) -> None:
    assert r.decode(r.canonical_bytes(report)) == report


def test_samples_do_not_contradict_themselves(report: r.Report) -> None:
    report.check()


def _walk(node: typing.Any, name: str = "") -> typing.Iterator[tuple[str, typing.Any]]:
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from _walk(inner, key)
    elif isinstance(node, list):
        for inner in node:
            yield from _walk(inner, name)
    else:
        yield name, node


def test_nanoseconds_are_strings_and_nothing_is_a_float(report: r.Report) -> None:
    for name, value in _walk(json.loads(r.canonical_bytes(report))):
        assert not isinstance(value, float), name
        if name.endswith(("_ns", "_cents")):
            assert value is None or (isinstance(value, str) and value.lstrip("-").isdigit()), name


def test_equal_reports_have_equal_bytes() -> None:
    assert r.canonical_bytes(samples.passed()) == r.canonical_bytes(samples.passed())


@pytest.mark.parametrize("planted", [1_794_000_000, "12.5", "0012", " 12", "1e9"])
def test_nanoseconds_of_another_form_are_refused(planted: object) -> None:
    record = json.loads(r.canonical_bytes(samples.passed()))
    record["result"]["phases"][0]["start_ns"] = planted
    with pytest.raises((msgspec.ValidationError, ValueError), match=r"start_ns|invalid literal"):
        r.decode(json.dumps(record).encode())


@pytest.mark.parametrize("missing", ["limitations", "triage", "teardown"])
def test_a_record_without_a_required_part_is_refused(missing: str) -> None:
    record = json.loads(r.canonical_bytes(samples.passed()))
    del record["close"][missing]
    with pytest.raises(msgspec.ValidationError, match=missing):
        r.decode(json.dumps(record).encode())


def test_unknown_field_is_refused() -> None:
    record = json.loads(r.canonical_bytes(samples.passed()))
    record["result"]["verdict"]["colour"] = "green"
    with pytest.raises(msgspec.ValidationError, match="colour"):
        r.decode(json.dumps(record).encode())


def test_limitations_are_never_empty() -> None:
    with pytest.raises(ValueError, match="limitations"):
        replace(samples.close(), limitations=())


def _parts() -> dict[str, dict[str, typing.Any]]:
    return {name: part for name, part in r.json_schema()["$defs"].items() if part.get("type") == "object"}


def test_every_field_says_what_it_holds() -> None:
    silent = [
        f"{name}.{field}"
        for name, part in _parts().items()
        for field, schema in part["properties"].items()
        if not schema.get("description")
    ]
    assert silent == []


def test_schema_knows_long_integers_as_strings_of_digits() -> None:
    measured = _parts()["RecoveryTime"]["properties"]["measured_ns"]["anyOf"]
    assert {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)$"}.items() <= measured[0].items()
    assert measured[1] == {"type": "null"}


def test_each_paragraph_is_answered_by_a_field() -> None:
    answered = r.clauses()
    wanted = (r.SCI_1000, r.SCI_1001, r.SCI_1002, r.SCI_1003, r.SCI_1004, r.SCI_1005, r.NIST, r.ISO, r.DORA_11)
    assert {*wanted, r.DORA_12, r.DORA_24} == set(answered)
    assert "plan.registration.sha256" in answered[r.SCI_1005]


def test_a_phase_whose_parts_are_not_its_whole_is_a_contradiction() -> None:
    report = samples.passed()
    phases = (replace(report.result.phases[0], work_ns=1), *report.result.phases[1:])
    with pytest.raises(AssertionError, match="phase register"):
        replace(report, result=replace(report.result, phases=phases)).check()


def test_symbol_that_failed_a_check_is_not_counted_as_reopened() -> None:
    assert samples.passed().symbols_ok == 100
    assert samples.failed().symbols_ok == 98
