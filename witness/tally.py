"""What the members' house counts: by epoch, by ten-second window, and acknowledgement latency."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from witness.clock import SECOND_NS

WINDOW_NS = 10 * SECOND_NS
WINDOWS_KEPT = 30


@dataclass(slots=True)
class EpochCount:
    """Commands sent to, and answers got from, engines of one epoch; `resent` are those of earlier sessions."""

    sent: int = 0
    acked: int = 0
    rejected: int = 0
    fills: int = 0
    sessions: int = 0
    resent: int = 0
    learned: int = 0
    first_ack_ns: int = 0
    last_ack_ns: int = 0

    def summary(self) -> dict[str, Any]:
        """As published; moments as strings (53-bit readers)."""
        return {
            "sent": self.sent,
            "acked": self.acked,
            "rejected": self.rejected,
            "fills": self.fills,
            "sessions": self.sessions,
            "resent": self.resent,
            "learned": self.learned,
            "first_ack_ns": str(self.first_ack_ns),
            "last_ack_ns": str(self.last_ack_ns),
        }


@dataclass(slots=True)
class Window:
    """Ten seconds of flow; `offered` and `acked` count commands, latencies are ns from send to acknowledgement."""

    from_ns: int
    offered: int = 0
    acked: int = 0
    latencies: list[int] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """As published."""
        ordered = sorted(self.latencies)
        return {
            "from_ns": str(self.from_ns),
            "to_ns": str(self.from_ns + WINDOW_NS),
            "offered": self.offered,
            "acked": self.acked,
            "p50_ns": quantile(ordered, 50),
            "p99_ns": quantile(ordered, 99),
            "max_ns": ordered[-1] if ordered else None,
            "n": len(ordered),
        }


def quantile(ordered: list[int], percent: int) -> int | None:
    """Nearest rank: the smallest value that at least `percent` of the values do not exceed; None of nothing."""
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, rank - 1)]


class Tally:
    """Counts of one run. Windows are aligned to UTC multiples of ten seconds."""

    def __init__(self) -> None:
        self.epochs: dict[int, EpochCount] = {}
        self.window = Window(0)
        self.closed: deque[dict[str, Any]] = deque(maxlen=WINDOWS_KEPT)

    def epoch(self, number: int) -> EpochCount:
        """The counts of an epoch."""
        return self.epochs.setdefault(number, EpochCount())

    def turn(self, now_ns: int) -> None:
        """Close the window when its ten seconds are over."""
        start = now_ns - now_ns % WINDOW_NS
        if start != self.window.from_ns:
            if self.window.from_ns:
                self.closed.append(self.window.summary())
            self.window = Window(start)

    def summary(self) -> dict[str, Any]:
        """Totals, epochs and closed windows, the newest last."""
        return {
            "sent": sum(count.sent for count in self.epochs.values()),
            "acked": sum(count.acked for count in self.epochs.values()),
            "by_epoch": {str(number): count.summary() for number, count in sorted(self.epochs.items())},
            "last_window": self.closed[-1] if self.closed else None,
            "windows": list(self.closed),
        }
