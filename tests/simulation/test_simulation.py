"""Two hundred histories hold; each planted bug is found among them; a seed says everything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant
from tests.simulation.__main__ import FOUND, SOUND
from tests.simulation.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 200
ONCE_RED = (413, 735, 5780)
"""Seeds beyond the first two hundred that once showed something: recoveries whose results the store never took."""


def simulate(folder: Path, *words: str, hash_seed: str = "0") -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.simulation", *words]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": hash_seed}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def broken(folder: Path, bug: Mutant) -> tuple[int, str]:
    bare = shutil.ignore_patterns("*.pyc")  # what numba compiled stays valid: the kernel is not what a bug changes
    for name in ("engine", "oracle", "tests/simulation", "tests/mutation"):
        shutil.copytree(ROOT / name, folder / name, ignore=bare)
    for patch in bug.patches:
        patch.apply(folder / "engine")
    return simulate(folder, "--seeds", str(SEEDS))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """What the simulation said of each bug; two at a time."""
    folders = [tmp_path_factory.mktemp("copy") for _ in BUGS]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((bug.name for bug in BUGS), pool.map(broken, folders, BUGS), strict=True))


def test_two_hundred_histories_hold() -> None:
    halves = (("--first", "1"), ("--first", str(1 + SEEDS // 2)))
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda half: simulate(ROOT, "--seeds", str(SEEDS // 2), *half), halves))
    assert [status for status, _ in ended] == [SOUND, SOUND], ended


@pytest.mark.parametrize("seed", ONCE_RED)
def test_a_history_that_was_red_once_holds(seed: int) -> None:
    status, said = simulate(ROOT, "--first", str(seed), "--seeds", "1")
    assert status == SOUND, said


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_is_found_and_its_seed_is_printed(bug: Mutant, found: dict[str, tuple[int, str]]) -> None:
    status, said = found[bug.name]
    assert status == FOUND, said
    assert re.search(r"^again: python -m tests\.simulation --first \d+ --seeds 1$", said, re.MULTILINE)


def test_a_seed_gives_the_same_history_whatever_the_hash_seed() -> None:
    words = ("--first", "3", "--seeds", "1", "--trace")
    first, second = (simulate(ROOT, *words, hash_seed=seed) for seed in ("1", "2"))
    assert first == second
    assert first[1].count("\n") > 5
