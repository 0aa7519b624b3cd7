"""The record's layout is published, versioned and read for ever: golden records of earlier versions are kept."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from drill.core import report as r
from drill.report.renderings import renderings
from tests.report import rendered, samples

ROOT = Path(__file__).parents[2]
SCHEMAS = {version: json.loads((ROOT / f"docs/schema/report-{version}.json").read_text()) for version in (1, 2)}
GOLDEN = sorted((Path(__file__).parent / "golden").glob("report-1-*.json"))


def test_the_published_schema_is_the_models_own():
    current = r.json_schema()
    assert SCHEMAS[r.SCHEMA_VERSION] == json.loads(json.dumps(current)), (
        "run: python -m drill schema > docs/schema/report-2.json"
    )


def test_the_regulation_matrix_is_the_models_own():
    assert (ROOT / "docs/regulation.md").read_text() == r.matrix() + "\n", (
        "run: python -m drill schema --matrix > docs/regulation.md"
    )


@pytest.mark.parametrize("name", samples.outcomes())
def test_every_outcome_obeys_the_published_schema(name):
    record = json.loads(r.canonical_bytes(samples.outcomes()[name]))
    jsonschema.Draft202012Validator(SCHEMAS[2]).validate(record)


def test_the_schema_refuses_what_the_model_refuses():
    record = json.loads(r.canonical_bytes(samples.passed()))
    record["close"]["limitations"] = []
    record["result"]["marks"][0]["at_ns"] = 5
    found = {error.json_path for error in jsonschema.Draft202012Validator(SCHEMAS[2]).iter_errors(record)}
    assert found == {"$.close.limitations", "$.result.marks[0].at_ns"}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_record_of_version_1_is_still_read_and_rendered(path):
    filed = path.read_bytes()
    jsonschema.Draft202012Validator(SCHEMAS[1]).validate(json.loads(filed))
    report = r.decode(filed)
    assert report.result.verdict.outcome == path.stem.rsplit("-", 1)[-1]
    assert report.schema_version == r.SCHEMA_VERSION
    assert all(renderings(report).values())


def test_there_is_a_golden_record():
    assert len(GOLDEN) == 4


def test_what_version_1_says_is_lifted_unchanged():
    filed = json.loads(next(path for path in GOLDEN if path.stem.endswith("FAIL")).read_bytes())
    lifted = json.loads(r.canonical_bytes(r.decode(json.dumps(filed).encode())))

    def holds(old, new, where=""):
        if isinstance(old, dict):
            for key, value in old.items():
                holds(value, new[key], f"{where}.{key}")
        elif isinstance(old, list):
            assert len(old) == len(new), where
            for number, value in enumerate(old):
                holds(value, new[number], f"{where}[{number}]")
        else:
            assert where == ".schema_version" or old == new, where

    holds(filed, lifted)


@pytest.mark.parametrize("version", [0, 3, None, "2"])
def test_a_version_that_nobody_knows_is_refused_with_what_is_known(version):
    record = json.loads(r.canonical_bytes(samples.passed()))
    record["schema_version"] = version
    with pytest.raises(msgspec.ValidationError, match="expected one of 1, 2"):
        r.decode(json.dumps(record).encode())


def test_every_field_of_a_part_says_where_it_is_shown_and_kept():
    sections = {section.name for section in rendered.laid_out("PASS").sections}
    for field in r.fields():
        if field.path.count(".") == 1:
            assert field.shown in sections, field.path
            assert field.kept, field.path
