"""The rendered templates as they are meant to be: `python -m templates golden` rewrites them after a meant change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from templates.__main__ import main

GOLDEN = Path(__file__).parent / "golden"
LINTER = Path(sys.executable).with_name("cfn-lint")


def test_rendering_gives_the_golden_files(tmp_path, capsys):
    assert main(["render", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()
    rendered = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert rendered == {path.name: path.read_text() for path in GOLDEN.glob("*.json")}


def test_rendering_again_removes_what_no_longer_exists(tmp_path):
    main(["render", str(tmp_path), "--site", "primary"])
    assert not list(tmp_path.glob("aex-dr-*"))
    main(["render", str(tmp_path), "--site", "dr"])
    assert not list(tmp_path.glob("aex-primary-*"))
    assert list(tmp_path.glob("aex-dr-*"))


@pytest.mark.parametrize("region", ["us-west-2", "us-east-1"])
def test_the_linter_finds_nothing(region):
    files = sorted(str(path) for path in GOLDEN.glob("*.json"))
    done = subprocess.run([LINTER, "-r", region, "--", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_settings_are_cheap_to_import():
    code = "import sys, templates; sys.exit('troposphere' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
