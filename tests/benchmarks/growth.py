"""Recovery cost against the journal's length: time grows with it, memory does not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from engine.journal import JournalReader
from engine.replay import rebuild
from engine.replayer import KERNEL, fallback
from engine.storage import FileStore
from engine.venue import Venue
from tests.benchmarks.journals import write_journal
from tests.benchmarks.memory import peak_mib
from tests.benchmarks.streams import MIXED, stream

__all__ = ["FACTORS", "draw", "measure", "write"]

SYMBOL: Final = "AAPL"
SHORTEST: Final = 100_000
FACTORS: Final = (1, 10, 100)


def write(folder: Path, factor: int, seed: int) -> None:
    """The journal of `factor` x SHORTEST commands; nothing if it is there."""
    store = FileStore(folder)
    if next(store.list(f"epoch=1/symbol={SYMBOL}/"), None) is None:
        write_journal(store, SYMBOL, stream(MIXED, factor * SHORTEST, seed))


def measure(folder: Path, factor: int) -> dict[str, Any]:
    """Recover it: one line of results. Memory is what the recovery adds to an engine that is ready."""
    fallback()
    before = peak_mib()
    reader = JournalReader(FileStore(folder), SYMBOL, environment=1, epoch=1, prefix="epoch=1/")
    start, used = time.perf_counter(), time.process_time()
    recovery = rebuild(reader, Venue.listed(SYMBOL), now_ns=time.time_ns, engine=KERNEL)
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - used
    assert recovery.status == "recovered", recovery.account.damages
    peak = peak_mib()
    return {
        "bench": "growth",
        "variant": KERNEL,
        "stream": "mixed",
        "commands": recovery.seq,
        "factor": factor,
        "wall_s": round(wall_s, 4),
        "cpu_s": round(cpu_s, 4),
        "m_per_cpu_s": round(recovery.seq / cpu_s / 1e6, 3),
        "peak_mib": peak,
        "added_mib": peak - before,
    }


def draw(lines: list[dict[str, Any]], path: Path) -> None:
    """Both against the number of commands, on logarithmic axes."""
    import altair as alt  # noqa: PLC0415 - a second, for the picture only
    import vl_convert  # noqa: PLC0415 - the same

    rows = [
        {"commands": line["commands"], "what": what, "value": line[field]}
        for line in lines
        for what, field in (("CPU seconds", "cpu_s"), ("peak MiB", "peak_mib"))
    ]
    chart = (
        alt.Chart(alt.Data(values=rows), width=520, height=300, title="Recovery cost against the journal's length")
        .mark_line(point=True)
        .encode(
            x=alt.X("commands:Q", scale=alt.Scale(type="log"), title="commands in the journal"),
            y=alt.Y("value:Q", scale=alt.Scale(type="log"), title="CPU seconds, MiB"),
            color=alt.Color("what:N", title=None),
        )
    )
    path.write_text(vl_convert.vegalite_to_svg(chart.to_json()))
