"""`python -m engine bench`: starts the benchmarks of the source tree; an installed package has none."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["add_bench"]

ROOT: Final = Path(__file__).resolve().parents[1]
ABSENT: Final = 2


def add_bench(parser: argparse.ArgumentParser) -> None:
    """The verb: its arguments are the benchmarks' own."""
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="--only NAME, --json; --help for all")
    parser.set_defaults(run=_bench)


def _bench(settings: argparse.Namespace) -> int:
    runner = ROOT / "tests" / "benchmarks" / "__main__.py"
    if not runner.exists():
        said = f"engine bench: no {runner}: benchmarks come with the source tree; clone it and run `make bench` there"
        print(said, file=sys.stderr)
        return ABSENT
    command = [sys.executable, "-m", "tests.benchmarks", *settings.arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own benchmarks
