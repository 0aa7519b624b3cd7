"""All benchmarks in one go: `make bench`, or `python -m engine bench [--only NAME] [--json]`.

Each measurement runs in a process of its own, pinned to one processor where the system can, so that peaks and caches
are its own. Results are appended to `tests/benchmarks/results/<bench>.jsonl`, one JSON object a line, with machine,
date, versions and seed. Nothing here passes or fails by a time; wrong answers do fail.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import day, growth, live, phases
from tests.benchmarks.stages import STAGES, VARIANTS, measure
from tests.benchmarks.streams import MIXED, STREAMS, stream

ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = Path(__file__).resolve().parent / "results"
PEERS: Final = ("lightmatchingengine", "pyorderbook", "order-matching")
PEER_FLOW: Final = 300_000
Line = dict[str, Any]


def stage(name: str) -> Callable[[argparse.Namespace], Iterator[Line]]:
    """A stage for every variant and stream."""

    def run(settings: argparse.Namespace) -> Iterator[Line]:
        for flow in STREAMS:
            for variant in VARIANTS[name]:
                yield _child("stage", name, variant, flow, str(settings.seed))

    return run


def peers(settings: argparse.Namespace) -> Iterator[Line]:
    """The peers on the mixed stream, in their own environment; one that cannot run says why."""
    python = ROOT / "var" / "peers" / "bin" / "python"
    if not python.exists():
        yield {"bench": "match", "variant": "peer:*", "error": "not installed: make peers"}
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        flow = Path(folder, "flow.bin")
        flow.write_bytes(stream(MIXED, PEER_FLOW, settings.seed).tobytes())
        for name in PEERS:
            command = [str(python), str(Path(__file__).with_name("peers.py")), name, str(flow)]
            ended = subprocess.run(_pinned(command), capture_output=True, text=True, check=False)
            line: Line = {"bench": "match", "variant": f"peer:{name}", "stream": "mixed"}
            if ended.returncode:
                yield line | {"error": ended.stderr.strip().rpartition("\n")[2]}
                continue
            found = json.loads(ended.stdout)
            yield line | found | {"m_per_cpu_s": round(found["commands"] / found["cpu_s"] / 1e6, 4)}


def full_day(settings: argparse.Namespace) -> Iterator[Line]:
    """A day of the exchange from file://, by one worker and by one a processor; then only its last five minutes."""
    folder = settings.var / f"day-{settings.commands}"
    day.write_day(folder, settings.commands, settings.seed)
    for kind in ("day", "tail"):
        for workers in (os.cpu_count() or 1, 1):
            yield _child(kind, str(folder), str(workers), pinned=False)


def recovery_cost(settings: argparse.Namespace) -> Iterator[Line]:
    """Wall time and memory against the journal's length: 1x, 10x, 100x."""
    lines = []
    for factor in growth.FACTORS:
        folder = settings.var / f"growth-{factor}"
        growth.write(folder, factor, settings.seed)
        lines.append(_child("growth", str(folder), str(factor)))
        yield lines[-1]
    growth.draw(lines, ROOT / "docs" / "recovery-cost.svg")


BENCHES: Final[dict[str, Callable[[argparse.Namespace], Iterator[Line]]]] = {
    **{name: stage(name) for name in STAGES},
    "peers": peers,
    "growth": recovery_cost,
    "day": full_day,
    "live": lambda settings: live.saturate(settings.seed),
    "drill": lambda settings: phases.by_phase(settings.seed),
}


WORLDS: Final[dict[str, Callable[[Line], str]]] = {"live": live.row, "drill": phases.row}
"""What runs in a world of its own is told in other columns."""


def _pinned(command: list[str]) -> list[str]:
    taskset = "/usr/bin/taskset"
    return [taskset, "-c", str(max(os.sched_getaffinity(0))), *command] if Path(taskset).exists() else command


def _child(*arguments: str, pinned: bool = True) -> Line:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks", "--one", *arguments]
    ended = subprocess.run(
        _pinned(command) if pinned else command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    line: Line = json.loads(ended.stdout)
    return line


def _one(arguments: list[str]) -> Line:
    """In the child: what `_child` asked for."""
    kind, *rest = arguments
    if kind == "stage":
        name, variant, flow, seed = rest
        return measure(name, variant, flow, int(seed))
    folder, number = rest
    if kind == "growth":
        return growth.measure(Path(folder), int(number))
    return day.recover_day(Path(folder), int(number), tail=kind == "tail")


def _conditions(seed: int) -> Line:
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),  # noqa: TID251 - a date, no measure
        "machine": f"{os.cpu_count()} x {model.partition(': ')[2] or platform.machine()}",
        "python": platform.python_version(),
        "numba": version("numba"),
        "numpy": version("numpy"),
        "seed": seed,
        "load": round(os.getloadavg()[0], 2),
    }


def _row(line: Line) -> str:
    if "error" in line:
        return f"{line['bench']:<8}{line['variant']:<28}{line['error']}"
    head = f"{line['bench']:<8}{line['variant']:<28}"
    if line["bench"] in WORLDS:
        return head + WORLDS[line["bench"]](line)
    more = f"  wall {line['wall_s']} s, {line['workers']} workers" if "workers" in line else ""
    return (
        f"{head}{line['stream']:<7}{line['commands']:>12,}"
        f"{line['cpu_s']:>11.3f}{line['m_per_cpu_s']:>11.3f}{line.get('peak_mib', 0):>9}{more}"
    )


def _ratios(lines: list[Line]) -> Iterator[str]:
    """What the targets are about: the kernel's whole path against the reference's and the best peer's match."""
    rate = {
        (line["bench"], line["variant"], line["stream"]): line["m_per_cpu_s"] for line in lines if "m_per_cpu_s" in line
    }
    best = max((value for (_, variant, _), value in rate.items() if variant.startswith("peer:")), default=0)
    for bench, name in (("path", "mixed"), ("path", "wide"), ("match", "mixed"), ("match", "wide")):
        kernel, reference = rate.get((bench, "kernel", name)), rate.get((bench, "reference", name))
        if kernel and reference:
            yield f"{bench}, {name}: kernel {kernel / reference:.1f}x the reference" + (
                f", {kernel / best:.1f}x the best peer's match" if best and name == "mixed" else ""
            )
    if best and ("match", "reference", "mixed") in rate:
        yield f"match, mixed: reference {rate['match', 'reference', 'mixed'] / best:.1f}x the best peer"


def main() -> int:
    """Measure, print a table, write the results down."""
    parser = argparse.ArgumentParser(prog="engine bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHES), help="one of the benchmarks")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=day.COMMANDS, help="commands of the day")
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "bench", help="where large journals are kept")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.one:
        print(json.dumps(_one(settings.one)))
        return 0
    RESULTS.mkdir(exist_ok=True)
    if not settings.json:
        print(f"{'bench':<8}{'variant':<28}{'stream':<7}{'commands':>12}{'CPU s':>11}{'M/CPU-s':>11}{'MiB':>9}")
    lines = []
    for name in [settings.only] if settings.only else BENCHES:
        for line in BENCHES[name](settings):
            lines.append(line)
            with (RESULTS / f"{name}.jsonl").open("a") as results:
                results.write(json.dumps(line | _conditions(settings.seed)) + "\n")
            print(json.dumps(line) if settings.json else _row(line), flush=True)
    if not settings.json:
        print(*_ratios(lines), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
