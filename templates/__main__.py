"""`python -m templates render DIR`: every stack as JSON, one file each, named after the stack."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from templates.settings import Settings
from templates.stacks import Stack, account_stacks, site_stacks

# Enough for a look and for the golden files: one listed symbol, two sacrificial ones.
FEW = ("AAPL", "ZZT1", "ZZT2")
PRIMARY = Settings(symbols=FEW, symbols_per_task=2)
RECOVERY = Settings(
    symbols=FEW,
    symbols_per_task=2,
    site="dr-example",
    drill_id="example",
    epoch=2,
    region="us-west-2",
    vpc_cidr="10.2.0.0/16",
    recover="journal/",
)


def render(stacks: Sequence[Stack], directory: Path) -> list[Path]:
    """Write `<stack>.json` for each, indented, keys sorted; files of stacks that no longer exist are removed."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for stack in stacks:
        path = directory / f"{stack.name}.json"
        path.write_text(stack.template.to_json(indent=1, sort_keys=True) + "\n", encoding="utf-8")
        written.append(path)
    for stale in set(directory.glob("aex-*.json")) - set(written):
        stale.unlink()
    return written


def both_sites(symbols: Sequence[str], symbols_per_task: int) -> list[Stack]:
    """Account, primary and a DR site that recovers from it."""
    primary = replace(PRIMARY, symbols=tuple(symbols), symbols_per_task=symbols_per_task)
    recovery = replace(RECOVERY, symbols=tuple(symbols), symbols_per_task=symbols_per_task)
    return [*account_stacks(primary), *site_stacks(primary), *site_stacks(recovery)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 for arguments that make no sense."""
    parser = argparse.ArgumentParser(prog="python -m templates", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    rendering = verbs.add_parser("render", help="write every stack of the account, the primary and a DR site")
    rendering.add_argument("directory", type=Path)
    rendering.add_argument("--symbols", default=",".join(FEW), help="comma-separated listing")
    rendering.add_argument("--symbols-per-task", type=int, default=PRIMARY.symbols_per_task)
    rendering.add_argument("--site", choices=("primary", "dr", "both"), default="both")
    golden = verbs.add_parser("golden", help="rewrite the golden files after a change that was meant")
    golden.add_argument("directory", type=Path, nargs="?", default=Path("tests/templates/golden"))
    chosen = parser.parse_args(arguments)
    if chosen.verb == "golden":
        stacks = both_sites(FEW, PRIMARY.symbols_per_task)
    else:
        stacks = both_sites(chosen.symbols.split(","), chosen.symbols_per_task)
        unwanted = {"primary": f"aex-{RECOVERY.site}-", "dr": f"aex-{PRIMARY.site}-", "both": "-"}[chosen.site]
        stacks = [stack for stack in stacks if not stack.name.startswith(unwanted)]
    for path in render(stacks, chosen.directory):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
