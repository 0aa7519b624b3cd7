"""Two drills side by side, both judged again from their own evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drill.core.evidence import Evidence, assemble
from drill.core.verdict import Verdict, judge, spoken_duration

RAW = ("raw/", "events/")


class NoSuchDrill(LookupError):
    """There is no copy of this drill's evidence."""


def compared(reports: Path, first: str, second: str) -> dict[str, Any]:
    """Rows of {"name", "a", "b", "same"} over two drills: ids below `reports`, or folders. Raises NoSuchDrill."""
    named = [_read(reports, name) for name in (first, second)]
    (left, a), (right, b) = [(evidence, judge(evidence)) for evidence in named]
    rows = [
        *_rows(_figures(left, a), _figures(right, b)),
        *_rows(_phases(left), _phases(right)),
        *(row for row in _rows(_versions(left), _versions(right)) if not row["same"]),
    ]
    return {"a": first, "b": second, "rows": rows}


def table(found: dict[str, Any]) -> str:
    """The rows as aligned text; those that differ are marked."""
    rows = [{"name": "", "a": Path(found["a"]).name, "b": Path(found["b"]).name, "same": True}, *found["rows"]]
    wide = [max(len(row[name]) for row in rows) for name in ("name", "a", "b")]
    return "\n".join(
        f"{' ' if row['same'] else '≠'} {row['name']:<{wide[0]}}  {row['a']:<{wide[1]}}  {row['b']}".rstrip()
        for row in rows
    )


def _read(reports: Path, name: str) -> Evidence:
    folder = Path(name) if Path(name).is_dir() else reports / name
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).as_posix().startswith(RAW)
    }
    if not files:
        msg = f"no evidence of {name} in {folder}; `python -m drill history` lists the drills that there are copies of"
        raise NoSuchDrill(msg)
    return assemble(files)


def _rows(a: dict[str, str], b: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "a": a.get(name, "-"), "b": b.get(name, "-"), "same": a.get(name) == b.get(name)}
        for name in dict.fromkeys((*a, *b))
    ]


def _figures(evidence: Evidence, verdict: Verdict) -> dict[str, str]:
    times, point, plan = verdict.times, verdict.recovery_point, evidence.plan
    return {
        "verdict": verdict.outcome,
        "decided by": ", ".join(sorted({ruling.rule for ruling in verdict.rulings})) or "-",
        "recovery time": _spoken(times.impact_ns, "not achieved"),
        "of it assumed": _spoken(times.assumed_ns, "-"),
        "from declaration": _spoken(times.declared_ns, "not achieved"),
        "technical": _spoken(times.technical_ns, "not achieved"),
        "worst symbol": times.worst_symbol or "-",
        "orders lost": "unknown" if point is None else f"{point.lost_orders:,} of {point.acknowledged:,}",
        "symbols reopened": f"{verdict.symbols_ok} of {len(plan.symbols) if plan else 0}",
        "control": verdict.control,
        "teardown": verdict.teardown,
        "faults": ", ".join(plan.faults) if plan and plan.faults else "-",
        "workload seed": str(plan.workload_seed) if plan else "-",
    }


def _phases(evidence: Evidence) -> dict[str, str]:
    return {
        f"phase {phase.name}": phase.status
        if phase.start_ns is None or phase.end_ns is None
        else f"{phase.status} in {spoken_duration(phase.end_ns - phase.start_ns)}"
        for phase in evidence.phases
    }


def _versions(evidence: Evidence) -> dict[str, str]:
    said = (evidence.get("registration") or {}).get("versions", {})
    return {f"version {name}": str(value)[:16] for name, value in said.items()}


def _spoken(value: int | None, absent: str) -> str:
    return absent if value is None else spoken_duration(value)
