"""The generic suites notice a wrong engine: they are run against copies that have one mistake each.

The suites know no mutant. The page of drawings comes first because it takes a second; what it does not draw, the state
machine finds. A copy without a mistake must pass both: otherwise failing would prove nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutation.mutants import MUTANTS, Mutant, Patch

ROOT = Path(__file__).resolve().parents[2]
PAGE = "tests/engine/test_specification.py"
MACHINE = "tests/property/test_venue_state_machine.py"
COPIED = ("engine", "oracle", "tests/property", "tests/engine")
SHORTER = (Patch(MACHINE, "max_examples=50", "max_examples=6"), Patch(MACHINE, "LEAST = 100_000", "LEAST = 3_000"))
"""A day's worth of examples is a minute; a mistake shows in the first few, or the suite is too weak."""
RIGHT = Mutant("the engine as it is", ())
PASSED, FAILED = 0, 1
SECONDS = 240


def copied(folder: Path, mutant: Mutant) -> Path:
    """A tree of engine, oracle and suites with the mutant's patches."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests/conftest.py", "docs/order-semantics.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for patch in SHORTER:
        patch.apply(folder)
    for patch in mutant.patches:
        patch.apply(folder / "engine")
    return folder


def run(folder: Path, suite: str) -> tuple[int, str]:
    """Pytest's exit status and its last words, at the first failure, without shrinking it."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-c", os.devnull, "--rootdir", str(folder), suite]
    command += ["--import-mode=importlib", "-p", "no:cacheprovider", "-W", "ignore"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "HYPOTHESIS_PROFILE": "glance",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # two thirds of the start
    }
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    return ended.returncode, (ended.stdout + ended.stderr)[-2000:]


def judged(folder: Path, mutant: Mutant) -> list[tuple[str, int, str]]:
    """What each suite said, up to the first that failed."""
    copied(folder, mutant)
    said: list[tuple[str, int, str]] = []
    for suite in (PAGE, MACHINE):
        said.append((suite, *run(folder, suite)))
        if said[-1][1] != PASSED:
            break
    return said


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, int, str]]]:
    """By mutant; two at a time."""
    mutants = (RIGHT, *MUTANTS)
    folders = [tmp_path_factory.mktemp("copy") for _ in mutants]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((mutant.name for mutant in mutants), pool.map(judged, folders, mutants), strict=True))


def test_the_engine_as_it_is_passes(verdicts: dict[str, list[tuple[str, int, str]]]) -> None:
    assert [(suite, status) for suite, status, _ in verdicts[RIGHT.name]] == [(PAGE, PASSED), (MACHINE, PASSED)]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_suite_notices(mutant: Mutant, verdicts: dict[str, list[tuple[str, int, str]]]) -> None:
    suite, status, said = verdicts[mutant.name][-1]
    assert status == FAILED, f"{mutant.name}: {suite} ended with {status}\n{said}"
    assert "1 failed" in said


def test_a_patch_that_does_not_apply_is_no_mutant(tmp_path: Path) -> None:
    (tmp_path / "book.py").write_text("once, twice, twice")
    Patch("book.py", "once", "never").apply(tmp_path)
    for gone in ("once", "twice"):
        with pytest.raises(ValueError, match=r"book\.py: expected once, found [02] times"):
            Patch("book.py", gone, "never").apply(tmp_path)
