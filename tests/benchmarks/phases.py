"""A whole drill by phase: what each took, and how much of it was the platform's own (waiting for the scheduler).

The drill is `make drill`'s, 100 symbols at 10,000 commands a second, in a world of its own; figures are those of its
report, so that everyone who has a report can take them again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from drill.core.report import Report, decode

__all__ = ["by_phase", "row"]

ROOT: Final = Path(__file__).resolve().parents[2]
SECOND_NS: Final = 1_000_000_000


def by_phase(seed: int) -> Iterator[dict[str, Any]]:
    """One line for each phase, in their order; then one for the way from impact to resumption as a whole."""
    report = _drill(seed)
    commands = report.result.journal.commands if report.result.journal else 0
    common = {"bench": "drill", "stream": "mixed", "commands": commands, "outcome": report.result.verdict.outcome}
    for phase in report.result.phases:
        if phase.start_ns is not None:
            yield {**common, "variant": phase.name, **_seconds(work=phase.work_ns, queue=phase.queue_ns)}
    counted = [phase for phase in report.result.phases if phase.counts]
    work, queue = sum(phase.work_ns for phase in counted), sum(phase.queue_ns for phase in counted)
    took = report.result.recovery.impact.measured_ns
    share = {"orchestration_percent": round(100 * queue / took, 1)} if took else {}
    yield {**common, "variant": "impact to resumption", **_seconds(wall=took or 0, work=work, queue=queue), **share}


def row(line: dict[str, Any]) -> str:
    """A line of results in words."""
    share = f", orchestration {line['orchestration_percent']} %" if "orchestration_percent" in line else ""
    return f"{line['commands']:>19,} commands, work {line['work_s']} s, queue {line['queue_s']} s{share}"


def _seconds(**lengths_ns: int) -> dict[str, float]:
    return {f"{name}_s": round(length / SECOND_NS, 2) for name, length in lengths_ns.items()}


def _drill(seed: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="phases-") as folder:
        world = [sys.executable, "-m", "emulator", "world", "--var", f"{folder}/var", "--reports", f"{folder}/reports"]
        ports = ["--airflow-port=0", "--aws-port=0", "--dns-port=0"]
        drill = [sys.executable, "-m", "drill", "run", "--json", "--seed", str(seed)]
        command = [*world, *ports, "--seed", str(seed), "--", *drill]
        # A drill that fails has phases too, and its outcome is in every line.
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
        said = json.loads(ended.stdout)
        return decode(Path(folder, "reports", said["drill"], "report.json").read_bytes())
