"""What a planned exercise did to production: ack p99 while it ran, against the equal window before (method.md §0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from drill.core.captures import Captured, within
from drill.core.percentile import nearest_rank


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """Acknowledgements of commands that members sent from `from_ns` (inclusive) to `to_ns` (exclusive), UTC."""

    from_ns: str
    to_ns: str
    n: int
    p99_us: int | None


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """Two windows of the same production: `before` is as long as `during`, or as long as it had traded by then."""

    before: Interval
    during: Interval


def impact(captured: Captured, *, began_ns: int, ended_ns: int) -> Impact:
    """Measure from the members' captures; the exercise lasted from `began_ns` to `ended_ns`."""
    first = min((sent_ns for sent_ns, _ in captured.latencies), default=began_ns)
    since = max(2 * began_ns - ended_ns, min(first, began_ns))
    return Impact(before=_interval(captured, since, began_ns), during=_interval(captured, began_ns, ended_ns))


def _interval(captured: Captured, since_ns: int, until_ns: int) -> Interval:
    ordered = sorted(latency for _, latency in within(captured, since_ns, until_ns).latencies)
    p99 = nearest_rank(ordered, 99) if ordered else None
    return Interval(from_ns=str(since_ns), to_ns=str(until_ns), n=len(ordered), p99_us=p99)


def too_much(found: Impact, percent: int) -> str | None:
    """Why the exercise disturbed production more than `percent` of the window before allows; None where it did not.

    Raises ValueError where a window is empty: then nobody can say.
    """
    before, during = found.before, found.during
    if before.p99_us is None or during.p99_us is None:
        msg = f"production's ack latency cannot be compared: n = {before.n} before and {during.n} during the exercise"
        raise ValueError(msg)
    if during.p99_us * 100 <= before.p99_us * percent:
        return None
    return (
        f"production's ack p99 was {during.p99_us / 1000:.1f} ms (n = {during.n}) during the exercise and"
        f" {before.p99_us / 1000:.1f} ms (n = {before.n}) before it; {percent} % of that is allowed"
    )


def read(document: dict[str, Any]) -> Impact:
    """The figures as they were filed."""
    return msgspec.convert(document, Impact)


WINDOWS = 3  # of ten seconds: a shorter look would take one pause of the host for an impact


def slowed(before: Sequence[Mapping[str, Any]], during: Sequence[Mapping[str, Any]], percent: int) -> str | None:
    """Why the members' own windows say that production suffers, or None: not, or not to be seen yet.

    A window has `n` acknowledgements and their `p99_ns`; the mean of the p99s, weighted by n, is compared. That is no
    p99 of the whole, and stops nobody who is within the limit on every window.
    """
    was, now = _mean(before), _mean(during)
    if was is None or now is None or len(during) < WINDOWS:
        return None
    (was_ns, was_n), (now_ns, now_n) = was, now
    if now_ns * 100 <= was_ns * percent:
        return None
    return (
        f"production's ack p99 rose to {now_ns / 1e6:.1f} ms (n = {now_n}, {len(during)} windows of 10 s) from"
        f" {was_ns / 1e6:.1f} ms (n = {was_n}) before the exercise; {percent} % of that is allowed"
    )


def _mean(windows: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Mean p99 in ns weighted by n, rounded down, and n; None without an acknowledgement."""
    weighed = [(int(window["p99_ns"]), int(window["n"])) for window in windows if window["n"]]
    n = sum(count for _, count in weighed)
    return (sum(p99 * count for p99, count in weighed) // n, n) if n else None
