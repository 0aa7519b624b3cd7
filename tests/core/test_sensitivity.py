from __future__ import annotations

from pathlib import Path

import pytest

from drill.core import sensitivity
from drill.core.faults import INJECTABLE
from drill.core.sensitivity import CONTROL, SCORED, Scored, file, score, version_of
from drill.core.verdict import judge
from drill.core.versions import versions
from drill.report.observed import result
from tests.core import worlds

HERE = {name: f"{place:064x}" for place, name in enumerate(SCORED)}
CAUGHT = Scored(drill="drill-20261121-140000-abcdef", agrees=True, at_ns="1")
MISSED = Scored(drill="drill-20261121-150000-abcdef", agrees=False, at_ns="2")


def score_all(filed: Path, *, but: dict[str, Scored | None] | None = None) -> None:
    """The whole catalogue and its control, all as they should be `but` some; None: not run."""
    for name, scored in (dict.fromkeys((CONTROL, *INJECTABLE), CAUGHT) | (but or {})).items():
        if scored is not None:
            file(version_of(HERE), name, scored, filed)


def test_a_score_counts_for_the_version_that_was_scored(tmp_path: Path) -> None:
    filed = tmp_path / "score.json"
    score_all(filed, but={"F14": MISSED})
    found = score(HERE, filed)
    assert found is not None
    assert (found.caught, found.injected) == (len(INJECTABLE) - 1, len(INJECTABLE))


@pytest.mark.parametrize("changed", SCORED)
def test_a_changed_line_of_engine_validators_or_suites_is_another_version(tmp_path: Path, changed: str) -> None:
    filed = tmp_path / "score.json"
    score_all(filed)
    assert score({**HERE, changed: "f" * 64}, filed) is None
    assert score({**HERE, "sources:templates": "f" * 64}, filed) is not None, "templates are seen by other means"


@pytest.mark.parametrize("lacking", [CONTROL, "F01", INJECTABLE[-1]])
def test_a_part_of_the_catalogue_is_no_score(tmp_path: Path, lacking: str) -> None:
    filed = tmp_path / "score.json"
    score_all(filed, but={lacking: None})
    assert score(HERE, filed) is None
    file(version_of(HERE), lacking, CAUGHT, filed)
    assert score(HERE, filed) is not None, "a run that was stopped goes on where it was"


def test_a_version_that_cries_wolf_has_no_score(tmp_path: Path) -> None:
    filed = tmp_path / "score.json"
    score_all(filed, but={CONTROL: MISSED})
    assert score(HERE, filed) is None


def test_what_another_version_came_to_goes(tmp_path: Path) -> None:
    filed = tmp_path / "score.json"
    score_all(filed)
    assert set(file("another", "F01", CAUGHT, filed).drills) == {"F01"}


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
    score_all(sensitivity.FILED, but={"F01": MISSED})
    shown = result(evidence, judge(evidence)).sensitivity
    assert (shown.caught, shown.injected, shown.version) == (len(INJECTABLE) - 1, len(INJECTABLE), version_of(HERE))
    evidence.documents["registration"]["versions"] = {**HERE, "sources:engine": "f" * 64}
    assert result(evidence, judge(evidence)).sensitivity.injected is None
