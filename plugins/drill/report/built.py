"""What was built: the DR site's stacks by their own events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drill.core import report as r
from drill.core.evidence import Evidence

STACK = "AWS::CloudFormation::Stack"
Line = tuple[int, str, str, str]  # at_ns, logical id, resource type, status


def stacks(evidence: Evidence) -> tuple[r.StackRun, ...]:
    """A row per stack in the order in which they were begun; none where no stack was built."""
    histories = (evidence.get("stacks") or {"stacks": {}})["stacks"]
    if not isinstance(histories, Mapping):
        return ()
    runs = [
        _run(name, sorted((int(at), *rest) for at, *rest in events)) for name, events in histories.items() if events
    ]
    return tuple(sorted(runs, key=lambda run: (run.started_ns, run.name)))


def _run(name: str, lines: Sequence[Line]) -> r.StackRun:
    own = [status for _, _, kind, status in lines if kind == STACK]
    slowest, took = _slowest(lines)
    return r.StackRun(
        name=name,
        status=own[-1] if own else "unknown",
        started_ns=lines[0][0],
        ended_ns=lines[-1][0],
        resources=sum(kind != STACK and status == "CREATE_COMPLETE" for _, _, kind, status in lines),
        slowest=slowest,
        slowest_ns=took,
    )


def _slowest(lines: Sequence[Line]) -> tuple[str, int | None]:
    """The resource with the longest way from its first event to CREATE_COMPLETE."""
    begun: dict[str, int] = {}
    found: list[tuple[int, str]] = []
    for at, logical, kind, status in lines:
        begun.setdefault(logical, at)
        if kind != STACK and status == "CREATE_COMPLETE":
            found.append((at - begun[logical], f"{logical} ({kind})"))
    took, slowest = max(found, default=(None, ""))
    return slowest, took
