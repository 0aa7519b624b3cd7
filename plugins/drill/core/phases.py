"""The phases of a drill in their order, and how each one's time splits into work, queue, retry and assumed time."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from drill.core.events import Event

PHASES = (
    "register",
    "preflight",
    "loss",
    "first_approval",
    "second_approval",
    "declare",
    "build",
    "fence",
    "captures",
    "drain",
    "sabotage",
    "rehydrate",
    "validate",
    "cut_over",
    "members_back",
    "canaries",
    "full_load",
    "objectives",
    "failback",
    "tear_down",
    "inventory",
    "verdict",
)
# What must have ended well for a drill to be judged on its merits; what comes after the verdict cannot decide it.
JUDGED = PHASES[:-1]
DEPENDS_ON = {
    "preflight": ("register",),
    "loss": ("preflight",),
    "first_approval": ("loss",),
    "second_approval": ("first_approval",),
    "declare": ("loss", "second_approval"),
    "build": ("declare",),
    "fence": ("declare",),
    "captures": ("declare",),
    "drain": ("fence", "build"),
    "sabotage": ("drain",),
    "rehydrate": ("sabotage",),
    "validate": ("rehydrate", "captures"),
    "cut_over": ("validate",),
    "members_back": ("cut_over",),
    "canaries": ("members_back",),
    "full_load": ("canaries",),
    "objectives": ("full_load",),
}


HOME = ("register", "preflight", "failback", "canaries", "tear_down", "inventory")
"""What a way home is judged by: the steps of dr_failback."""
HOME_DEPENDS_ON = {
    "preflight": ("register",),
    "failback": ("preflight",),
    "canaries": ("failback",),
    "tear_down": ("failback",),
}
SWEPT = 100
"""Attempts from this number on are the sweeper's: it closes a drill that died, a step at a time."""
REAL_ONLY = frozenset({"first_approval", "second_approval"})
"""Steps that only a real failover needs: in a drill they end at once, and older drills have no record of them."""


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase as it ran. Nanoseconds UTC; None where it was not reached.

    `queue_ns` is the orchestration's share: from the last predecessor's end to this begin, and from each wait being
    met to the step being resumed (`resumed_ns`, which lies between start and end). `retry_ns` is the time of attempts
    that failed plus the pause after them, `work_ns` the rest.
    """

    name: str
    start_ns: int | None
    end_ns: int | None
    status: str  # done | failed | not_reached | unfinished
    work_ns: int = 0
    queue_ns: int = 0
    retry_ns: int = 0
    resumed_ns: int = 0
    attempts: int = 0
    reason: str = ""


def _of_step(events: Iterable[Event], step: str, name: str) -> list[Event]:
    return sorted((event for event in events if event.step == step and event.name == name), key=lambda e: e.at)


def phase(events: list[Event], name: str) -> Phase:
    """The phase `name` as its own begin, end and fail events tell it (queue time is added by `phases`)."""
    begins, ends, fails = (_of_step(events, name, word) for word in ("begin", "end", "fail"))
    if not begins:
        return Phase(name=name, start_ns=None, end_ns=None, status="not_reached")
    attempts = _attempts(begins)
    first, last_begin = begins[0].at, begins[-1].at
    if ends and not (fails and fails[-1].at > ends[-1].at):
        end, status, reason = ends[-1].at, "done", ""
    elif fails and fails[-1].at >= last_begin:
        end, status, reason = fails[-1].at, "failed", str(fails[-1].data.get("reason", ""))
    else:
        return Phase(name=name, start_ns=first, end_ns=None, status="unfinished", attempts=attempts)
    retry = last_begin - first if attempts > 1 else 0
    resumed = _resumed_ns(events, name, last_begin)
    return Phase(
        name=name,
        start_ns=first,
        end_ns=end,
        status=status,
        work_ns=end - first - retry - resumed,
        retry_ns=retry,
        resumed_ns=resumed,
        attempts=attempts,
        reason=reason,
    )


def _attempts(begins: list[Event]) -> int:
    """How often the phase was tried. A try whose process was killed before it could say so is counted by the next."""
    tried = {event.attempt for event in begins}
    return max(len(tried), max((attempt for attempt in tried if attempt < SWEPT), default=0))


def _resumed_ns(events: list[Event], step: str, since_ns: int) -> int:
    """Time between each wait being met and its step being resumed, in the last attempt."""
    waits = [event.at for event in _of_step(events, step, "met") if event.at >= since_ns]
    resumes = [event.at for event in _of_step(events, step, "resume") if event.at >= since_ns]
    return sum(max(0, resumed - met) for met, resumed in zip(waits, resumes, strict=False))


def phases(events: Iterable[Event]) -> tuple[Phase, ...]:
    """Every phase in order, with the queue time between it and the last of its predecessors to end."""
    ordered = sorted(events, key=lambda event: event.at)
    found = {name: phase(ordered, name) for name in PHASES}
    result = []
    for name in PHASES:
        this = found[name]
        before = [found[parent].end_ns for parent in DEPENDS_ON.get(name, ())]
        ended = [end for end in before if end is not None]
        queue = max(0, this.start_ns - max(ended)) if this.start_ns is not None and ended else 0
        result.append(msgspec.structs.replace(this, queue_ns=queue + this.resumed_ns))
    return tuple(result)
