from __future__ import annotations

from pathlib import Path

import pytest

from drill.core import sensitivity
from drill.core.sensitivity import SCORED, Score, file, score, version_of
from drill.core.verdict import judge
from drill.core.versions import versions
from drill.report.observed import result
from tests.core import worlds

HERE = {name: f"{place:064x}" for place, name in enumerate(SCORED)}


def test_a_score_counts_for_the_version_that_was_scored(tmp_path: Path) -> None:
    filed = tmp_path / "score.json"
    scored = Score(version=version_of(HERE), caught=27, injected=28, at_ns="1", missed=("F14",))
    file(scored, filed)
    assert score(HERE, filed) == scored


@pytest.mark.parametrize("changed", SCORED)
def test_a_changed_line_of_engine_validators_or_suites_is_another_version(tmp_path: Path, changed: str) -> None:
    filed = tmp_path / "score.json"
    file(Score(version=version_of(HERE), caught=28, injected=28, at_ns="1"), filed)
    assert score({**HERE, changed: "f" * 64}, filed) is None
    assert score({**HERE, "sources:templates": "f" * 64}, filed) is not None, "templates are seen by other means"


def test_without_a_score_there_is_none(tmp_path: Path) -> None:
    assert score(HERE, tmp_path / "none.json") is None


def test_what_is_registered_names_everything_that_is_scored() -> None:
    assert set(SCORED) <= set(versions())


def test_a_report_shows_the_score_of_what_ran_and_of_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensitivity, "FILED", tmp_path / "score.json")
    evidence = worlds.changed()
    evidence.documents["registration"]["versions"] = HERE
    assert result(evidence, judge(evidence)).sensitivity.injected is None, "not scored yet"
    file(Score(version=version_of(HERE), caught=27, injected=28, at_ns="1"))
    shown = result(evidence, judge(evidence)).sensitivity
    assert (shown.caught, shown.injected, shown.version) == (27, 28, version_of(HERE))
    evidence.documents["registration"]["versions"] = {**HERE, "sources:engine": "f" * 64}
    assert result(evidence, judge(evidence)).sensitivity.injected is None
