"""The live exchange under a load that doubles: what it acknowledges each second, how late, and who uses the processors.

A world without Airflow: the exchange of 100 symbols at its primary, the embedded AWS, and members who send as fast as
asked over TCP, all on this machine. The load doubles from 10,000 commands a second until less than 99 % of what was
offered is acknowledged. Latencies are the members' own, from send to acknowledgement, which follows the commit.

`python -m tests.benchmarks.live` is what runs inside the world.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from engine.storage import open_store
from tests.patience import until

__all__ = ["AEX_RATE", "row", "saturate"]

ROOT: Final = Path(__file__).resolve().parents[2]
AEX_RATE: Final = 10_000
FACTORS: Final = (1, 2, 4, 8, 16)
ENOUGH_PERCENT: Final = 99
WARM: Final = 1
"""Whole windows of ten seconds that are left out: books build up."""
WINDOWS: Final = 3
PATIENCE_S: Final = 240
ROLES: Final = {"engine trade": "engines", "witness members": "members", "emulator serve": "embedded_aws"}


def saturate(seed: int) -> Iterator[dict[str, Any]]:
    """One line of results for each load, the last one that at which the exchange no longer keeps up."""
    for factor in FACTORS:
        line = _at(factor * AEX_RATE, seed) | {"factor": factor}
        yield line
        if line["acked"] * 100 < line["offered"] * ENOUGH_PERCENT:
            return


def row(line: dict[str, Any]) -> str:
    """A line of results in words."""
    used = ", ".join(f"{role} {share}" for role, share in line["processors"].items())
    late = f"p50 {line['p50_ms']} ms, p99 {line['p99_ms']} ms, max {line['max_ms']} ms"
    share = line["acked"] / line["offered"]
    return f"{line['acked_per_s']:>12,} acked/s ({share:.1%}), {late}; processors: {used}"


def _at(rate: int, seed: int) -> dict[str, Any]:
    """Boot a world at this rate, and have it measured from within."""
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        world = [sys.executable, "-m", "emulator", "world", "--var", folder, "--no-airflow", "--seed", str(seed)]
        ports = ["--airflow-port=0", "--aws-port=0", "--dns-port=0"]
        command = [*world, *ports, "--rate", str(rate), "--", sys.executable, "-m", "tests.benchmarks.live"]
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return {"bench": "live", "variant": f"{rate:,}/s", "stream": "members", **json.loads(ended.stdout)}


def _measure() -> dict[str, Any]:
    """In the world: windows as members published them, and processor seconds by role over the same time."""
    words = open_store(f"s3://{os.environ['AEX_WITNESS_BUCKET']}/words/")

    def windows() -> list[dict[str, Any]]:
        said = json.loads(words.get("members/latest.json")) if words.exists("members/latest.json") else {}
        return [window for window in said.get("windows", ()) if window["offered"]]

    # The first window with an offer began before the load was there in full; WARM more let books build up.
    until(lambda: len(windows()) > WARM, PATIENCE_S, "members' flow")
    before, began = _used(), time.perf_counter()
    until(lambda: len(windows()) > WARM + WINDOWS, PATIENCE_S, f"{WINDOWS} more windows of members' flow")
    used_s, wall_s = _used(), time.perf_counter() - began
    counted = windows()[WARM + 1 : WARM + 1 + WINDOWS]
    acked, offered = (sum(window[name] for window in counted) for name in ("acked", "offered"))
    by_role = {role: round((used_s[role] - before.get(role, 0.0)) / wall_s, 2) for role in used_s}
    milliseconds = {
        name: round(pick(window[f"{name}_ns"] for window in counted) / 1e6)
        for name, pick in (("p50", _middle), ("p99", max), ("max", max))
    }
    return {
        "commands": acked,
        "acked": acked,
        "offered": offered,
        "acked_per_s": round(acked / (10 * WINDOWS)),
        **{f"{name}_ms": value for name, value in milliseconds.items()},
        "processors": by_role,
        "cpu_s": round(sum(used_s.values()) - sum(before.values()), 1),
    }


def _middle(values: Any) -> float:
    ordered = sorted(values)
    return float(ordered[len(ordered) // 2])


def _used() -> dict[str, float]:
    """Processor seconds of the world's processes so far, by role."""
    used: dict[str, float] = dict.fromkeys((*ROLES.values(), "others"), 0.0)
    for process in psutil.Process(os.getppid()).children(recursive=True):
        try:
            title, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:  # it ended between the listing and the question, and counts no more
            continue
        role = next((role for words, role in ROLES.items() if words in title), "others")
        used[role] += times.user + times.system
    return used


if __name__ == "__main__":
    print(json.dumps(_measure()))
