"""The only door: what the journal holds leaves here, and only while the lease is held.

A tick's frames are confirmed one by one within a few milliseconds; collecting them gives one write per session instead
of one per session and symbol.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from engine.feed import Feed
from engine.sequencer import Batch

__all__ = ["Outlet", "Sessions"]

COLLECT_S = 0.004


class Sessions(Protocol):
    """Members that are connected now."""

    def send(self, member: int, messages: bytes) -> None:
        """Give `messages` to the member's session, if it has one."""
        ...


class Outlet:
    """Collects released batches for a few milliseconds, then writes once per session and once to the feed."""

    def __init__(
        self, *, sessions: Sessions, feed: Feed, may_release: Callable[[], bool], collect_s: float = COLLECT_S
    ) -> None:
        self._sessions = sessions
        self._feed = feed
        self._may_release = may_release
        self._collect_s = collect_s
        self._answers: defaultdict[int, list[bytes]] = defaultdict(list)
        self._market: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def release(self, batch: Batch) -> None:
        """Take over a batch that the journal holds."""
        for member, message in batch.answers:
            self._answers[member].append(message)
        self._market.extend(batch.prints)
        if batch.quote:
            self._market.append(batch.quote)
            self._feed.remember(batch.number, batch.quote)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._collect_s, self.flush)

    def flush(self) -> None:
        """Write everything now; without the lease, nothing: it is durable, but it is not ours to acknowledge."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answers, market = self._answers, self._market
        self._answers, self._market = defaultdict(list), []
        if not self._may_release():
            return
        for member, messages in answers.items():
            self._sessions.send(member, b"".join(messages))
        if market:
            self._feed.publish(b"".join(market))
