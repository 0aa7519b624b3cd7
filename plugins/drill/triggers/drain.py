"""How far delivery streams have delivered what they confirmed: asked in the same way of every epoch."""

from __future__ import annotations

from collections.abc import Sequence

from drill import clock
from drill.aws import journal_lag
from drill.docket import Docket


def drain_of(docket: Docket, streams: Sequence[str], since_ns: str) -> journal_lag.Drain:
    """What of the streams' records from before `since_ns` (nanoseconds UTC as digits) is still under way."""
    settings = docket.settings
    return journal_lag.drained(
        docket.home,
        streams,
        settings.dr_region,
        since_ns=int(since_ns),
        now_ns=clock.now_ns(),
        buffer_ns=settings.buffer_s * 1_000_000_000,
        period_s=settings.metric_period_s,
    )
