"""Mutations drawn by a seed over the modules that a drill rests on: engine, journal reader, validators, verdict.

    python -m tests.mutation.drawn --seed 1 --count 10

Each is one changed operator or number in a copy of the tree, in which `small_drill` is run: the smallest set-up with
the drill's own means. Prints a line a mutation until so many were noticed; those that nothing noticed are printed too.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    *(
        f"engine/{name}.py"
        for name in ("book", "ladder", "matching", "venue", "window", "journal", "reorder", "replay")
    ),
    *(f"expectations/{name}.py" for name in ("journal", "frames", "judge", "recovered", "captures", "validate")),
    "plugins/drill/core/verdict.py",
)
COPIED = ("engine", "oracle", "expectations", "plugins", "tests")
CPU_SECONDS = 60
"""Of one core; a small drill needs five. Wall time would take a busy machine for a mutation that never ends."""
NOTHING = "nothing"
OTHER: dict[type[ast.AST], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Add: "-", ast.Sub: "+", ast.And: "or", ast.Or: "and",
}  # fmt: skip
WRITTEN: dict[type[ast.AST], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Add: "+", ast.Sub: "-", ast.And: "and", ast.Or: "or",
}  # fmt: skip


class Mutation(NamedTuple):
    """One replacement on one line of a module; `column` counts bytes from 0."""

    module: str
    line: int
    column: int
    old: str
    new: str

    def __str__(self) -> str:
        """`engine/book.py:120:14 < -> <=`."""
        return f"{self.module}:{self.line}:{self.column} {self.old} -> {self.new}"

    def apply(self, tree: Path) -> None:
        """Change the module in a copy of the tree."""
        path = tree / self.module
        lines = path.read_bytes().splitlines(keepends=True)
        text = lines[self.line - 1]
        assert text[self.column :].startswith(self.old.encode()), f"{self}: the source says {text[self.column :]!r}"
        lines[self.line - 1] = text[: self.column] + self.new.encode() + text[self.column + len(self.old) :]
        path.write_bytes(b"".join(lines))


def candidates(module: str) -> Iterator[Mutation]:
    """Every operator and every whole number of a module's functions that could be another one."""
    source = (ROOT / module).read_bytes()
    lines = source.splitlines()
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            for node in (found for statement in function.body for found in ast.walk(statement)):
                yield from _of(module, lines, node)


def _of(module: str, lines: list[bytes], node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.Compare):
        yield from _operator(module, lines, node.ops[0], node.left, node.comparators[0])
    elif isinstance(node, ast.BinOp):
        yield from _operator(module, lines, node.op, node.left, node.right)
    elif isinstance(node, ast.BoolOp):
        yield from _operator(module, lines, node.op, node.values[0], node.values[1])
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        old = lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
        if old.isdecimal():
            yield Mutation(module, node.lineno, node.col_offset, old, str(node.value + 1))


def _operator(module: str, lines: list[bytes], kind: ast.AST, left: ast.expr, right: ast.expr) -> Iterator[Mutation]:
    """The operator between two operands that stand on one line."""
    old, new = WRITTEN.get(type(kind)), OTHER.get(type(kind))
    if old is None or new is None or left.end_lineno != right.lineno or left.end_col_offset is None:
        return
    between = lines[right.lineno - 1][left.end_col_offset : right.col_offset]
    at = between.find(old.encode())
    if at >= 0:
        yield Mutation(module, right.lineno, left.end_col_offset + at, old, new)


def drawn(seed: int) -> Iterator[Mutation]:
    """Mutations in an order that the seed tells: the modules in turn, so that none is left out."""
    dice = random.Random(seed)
    pools = {module: sorted(set(candidates(module))) for module in MODULES}
    while any(pools.values()):
        for module in dice.sample(MODULES, len(MODULES)):
            if pools[module]:
                yield pools[module].pop(dice.randrange(len(pools[module])))


def judged(mutation: Mutation | None) -> str:
    """What the small drill says in a copy of the tree with this mutation; None: as it is."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tree = Path(folder) / "tree"
        for name in COPIED:
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.pyc"))
        if mutation is not None:
            mutation.apply(tree)
        command = [sys.executable, "-m", "tests.mutation.small_drill", f"{folder}/exchange"]
        path = os.pathsep.join([str(tree), str(tree / "plugins")])
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "GX_ANALYTICS_ENABLED": "false",
        }
        ended = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, preexec_fn=_limited
        )
        if ended.returncode == -signal.SIGXCPU:
            return f"phase: no end within {CPU_SECONDS} s of a core"
    return ended.stdout.strip().splitlines()[-1] if ended.stdout.strip() else f"phase: {ended.stderr.strip()[-120:]}"


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))


def main() -> int:
    """Draw, judge, and say; status 0 once `count` were noticed and the tree as it is was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10)
    chosen = parser.parse_args()
    as_it_is = judged(None)
    print(f"{'no mutation':<60} {as_it_is}", flush=True)  # noqa: T201 - the result
    found = 0
    for mutation in drawn(chosen.seed):
        if found >= chosen.count:
            break
        said = judged(mutation)
        found += said != NOTHING
        print(f"{mutation!s:<60} {said}", flush=True)  # noqa: T201 - the result
    print(f"seed {chosen.seed}: {found} noticed")  # noqa: T201 - the result
    return 0 if as_it_is == NOTHING and found == chosen.count else 1


if __name__ == "__main__":
    raise SystemExit(main())
