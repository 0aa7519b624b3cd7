"""Rules about the code itself that no linter of ours knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    if name and (ROOT / name).is_file()
]
PYTHON = [path for path in TRACKED if path.suffix == ".py"]
PRODUCT = [path for path in PYTHON if path.relative_to(ROOT).parts[0] != "tests"]
VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|misc|stuff|manager|handler)(_|$)|^(data|info)$")
DAG_LINES = 120
HEAVY = {"airflow.providers", "boto3", "botocore", "great_expectations", "pandas", "troposphere"}
CLOCKS = {"clock.py"}
TELLERS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
# Addresses of package indexes, and paths that exist on one machine only; split here so as not to find themselves.
INDEX = re.compile(
    r"--(?:extra-)?index-" + r"url|--find-" + r"links|pypi\.org/" + r"simple|/artifactory" + r"/", re.IGNORECASE
)
MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|work|root)" + r"/[\w.]")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def top_level(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that importing this one imports at once."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def is_heavy(module: str) -> bool:
    return any(module == heavy or module.startswith(heavy + ".") for heavy in HEAVY)


def test_there_is_something_to_check() -> None:
    assert len(PRODUCT) > 10


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_names_say_what_is_inside(path: Path) -> None:
    assert not VAGUE.search(path.stem)


@pytest.mark.parametrize("path", [path for path in PYTHON if path.parent == ROOT / "dags"], ids=relative)
def test_dags_are_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= DAG_LINES


@pytest.mark.parametrize(
    "path", [p for p in PYTHON if p.parent == ROOT / "dags" or p.parent == ROOT / "plugins"], ids=relative
)
def test_what_airflow_parses_imports_nothing_heavy(path: Path) -> None:
    assert [module for module in top_level(ast.parse(path.read_text())) if is_heavy(module)] == []


@pytest.mark.parametrize("path", [path for path in PRODUCT if path.name not in CLOCKS], ids=relative)
def test_only_clock_modules_tell_the_time(path: Path) -> None:
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert [call for call in calls if any(call == one or call.endswith("." + one) for one in TELLERS)] == []


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_nothing_is_pickled(path: Path) -> None:
    assert not {"pickle", "shelve", "dill", "cloudpickle"} & set(top_level(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_annotations_are_lazy(path: Path) -> None:
    tree = ast.parse(path.read_text())
    statements = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    assert not statements or ast.unparse(statements[0]) == "from __future__ import annotations"


def test_no_file_names_a_package_index_or_one_machine_path() -> None:
    found = []
    for path in TRACKED:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE.search(line) or (INDEX.search(line) and path.name not in {"Makefile", "test_tidy.py"}):
                found.append(f"{relative(path)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_every_locked_package_is_pinned_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(pins) > 100
    assert [pin for pin in pins if not re.match(r"^[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+ ", pin)] == []
    assert [pin[:60] for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_plugin_loader_does_not_see_the_package() -> None:
    # It runs every .py that it sees and stores it under its bare stem: `drill/core/plan.py` would become `plan`.
    assert (ROOT / "plugins" / ".airflowignore").read_text() == "drill/\n"
