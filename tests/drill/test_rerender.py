"""`python -m drill report`: from a filed record, or from what a drill left that nobody heard of again."""

from __future__ import annotations

import json

import msgspec
import pytest

from drill.__main__ import main
from drill.core import report as r
from drill.report.renderings import RENDERINGS
from tests.drill.filed import full
from tests.report import samples


@pytest.fixture(name="folder")
def _folder(tmp_path):
    (tmp_path / "report.json").write_bytes(r.canonical_bytes(samples.partial()))
    return tmp_path


def test_every_rendering_is_made_again_and_the_record_stays(folder, capsys):
    before = (folder / "report.json").read_bytes()
    assert main(["report", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(RENDERINGS)
    assert (folder / "report.json").read_bytes() == before
    assert capsys.readouterr().out.splitlines() == [str(folder / name) for name in RENDERINGS[1:]]


def test_it_can_be_made_elsewhere(folder, tmp_path):
    out = tmp_path / "elsewhere"
    assert main(["report", str(folder / "report.json"), "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(RENDERINGS)


def test_page_one_as_a_picture(folder, tmp_path):
    picture = tmp_path / "page.png"
    assert main(["report", str(folder), "--picture", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_drill_without_a_record_is_rendered_as_missing(tmp_path):
    evidence = full()
    folder = tmp_path / "drill-20261120-abcdef"
    (folder / "raw").mkdir(parents=True)
    (folder / "events").mkdir()
    (folder / "raw/registration.json").write_text(json.dumps(evidence.get("registration")))
    for number, event in enumerate(evidence.events[:3]):
        (folder / f"events/{number}.json").write_bytes(msgspec.json.encode(event))
    assert main(["report", str(folder)]) == 0
    report = r.decode((folder / "report.json").read_bytes())
    assert report.result.verdict.outcome == "MISSING"
    assert report.result.recovery.impact.total_ns is None
    assert "? MISSING" in (folder / "report.html").read_text()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"schema_version": 9}'])
def test_what_is_no_record_is_refused_in_one_line(tmp_path, capsys, content):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    assert main(["report", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"drill: {path}: ")
    assert said.count("\n") == 1


def test_an_empty_folder_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "expected a drill's folder" in capsys.readouterr().err


def test_the_schema_and_the_matrix_are_printed(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(r.json_schema()))
    assert main(["schema", "--matrix"]) == 0
    assert capsys.readouterr().out == r.matrix() + "\n"
