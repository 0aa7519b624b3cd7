"""The monitor: knows a DNS name and nothing else, and says when nobody is there any more.

A heartbeat every half second through the directory. A heartbeat is missed when no answer that says "open" has come
within the timeout. The third miss in a row is the detection; its word carries the moment of the first.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from witness import clock
from witness.bucket import Speaker, WitnessBucket
from witness.directory import PORT, Answer, BadAnswerError, Line
from witness.resolver import NameUnresolvedError, Resolver

INTERVAL_SECONDS = 0.5
TIMEOUT_SECONDS = 0.5
MISSES = 3
LATEST_NS = 5 * clock.SECOND_NS
LOG = logging.getLogger(__name__)

Say = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat: sent at `sent_ns`, decided at `at_ns`, with the answer when one came in time."""

    sent_ns: int
    at_ns: int
    answer: Answer | None

    @property
    def is_answered(self) -> bool:
        """Somebody is there and trading."""
        return self.answer is not None and self.answer.state == "open"


class Watch:
    """The pure part: heartbeats in, changes of state out. Starts in "unknown"."""

    def __init__(self, misses: int = MISSES) -> None:
        self.state = "unknown"
        self.epoch = 0
        self._misses = misses
        self._missed = 0
        self._first_missed_ns = 0

    def see(self, beat: Beat) -> dict[str, str | int | None] | None:
        """The change of state that this heartbeat makes, as a word, or None."""
        if beat.is_answered and beat.answer:
            self._missed = 0
            if self.state == "up" and self.epoch == beat.answer.epoch:
                return None
            self.state, self.epoch = "up", beat.answer.epoch
            return {"state": "up", "at_ns": str(beat.at_ns), "first_missed_ns": None, "epoch": self.epoch}
        self._missed += 1
        if self._missed == 1:
            self._first_missed_ns = beat.sent_ns
        if self._missed != self._misses or self.state == "down":
            return None
        self.state = "down"
        first = str(self._first_missed_ns)
        return {"state": "down", "at_ns": str(beat.at_ns), "first_missed_ns": first, "epoch": self.epoch}


class Monitor:
    """Sends heartbeats to a name, and says what it sees."""

    def __init__(self, name: str, resolver: Resolver, say: Say, latest: Say, *, port: int = PORT) -> None:
        self.watch = Watch()
        self._name = name
        self._resolver = resolver
        self._say = say
        self._latest = latest
        self._port = port
        self._line: Line | None = None
        self._hosts: dict[str, dict[str, str]] = {}
        self._offset_ns: int | None = None
        self._latest_ns = 0

    async def run(self) -> None:
        """Heartbeats on a fixed schedule until cancelled."""
        due_ns = clock.monotonic_ns()
        try:
            while True:
                self.see(await self.beat())
                due_ns = max(due_ns + int(INTERVAL_SECONDS * clock.SECOND_NS), clock.monotonic_ns())
                await asyncio.sleep((due_ns - clock.monotonic_ns()) / clock.SECOND_NS)
        finally:
            self._drop()

    async def beat(self) -> Beat:
        """One heartbeat, over the open connection or a new one."""
        sent_ns = clock.now_ns()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._line is None:
                    self._line = await Line.connect(await self._resolver.address(self._name), self._port)
                answer = await self._line.ask("heartbeat", clock.now_ns)
        except (OSError, NameUnresolvedError, BadAnswerError) as error:
            LOG.debug("heartbeat missed: %s", error or type(error).__name__)
            self._drop()
            return Beat(sent_ns, clock.now_ns(), None)
        self._hosts[self._line.host] = {
            "offset_ns": str(answer.offset_ns),
            "round_trip_ns": str(answer.received_ns - answer.sent_ns),
            "at_ns": str(answer.received_ns),
            "site": answer.site,
            "epoch": str(answer.epoch),
        }
        self._offset_ns = answer.offset_ns
        if answer.state != "open":
            self._drop()
        return Beat(sent_ns, answer.received_ns, answer)

    def see(self, beat: Beat) -> None:
        """Publish what changed, and the present state now and then."""
        offset = None if self._offset_ns is None else str(self._offset_ns)
        word = self.watch.see(beat)
        if word:
            LOG.info("%s is %s", self._name, word["state"])
            self._say(f"monitor/{word['at_ns']}.json", {**word, "name": self._name, "offset_ns": offset})
        if word or beat.at_ns - self._latest_ns >= LATEST_NS:
            self._latest_ns = beat.at_ns
            self._latest("monitor/latest.json", self._present(beat, offset))

    def _present(self, beat: Beat, offset: str | None) -> dict[str, Any]:
        return {
            "state": self.watch.state,
            "at_ns": str(beat.at_ns),
            "name": self._name,
            "epoch": self.watch.epoch,
            "offset_ns": offset,
            "hosts": dict(self._hosts),
        }

    def _drop(self) -> None:
        """Forget the connection: the next heartbeat resolves the name again (within its time to live)."""
        if self._line:
            self._line.close()
            self._line = None


async def watch(name: str, bucket: WitnessBucket) -> None:
    """Monitor `name` until SIGTERM or SIGINT."""
    loop, task, speaker = asyncio.get_running_loop(), asyncio.current_task(), Speaker(bucket)
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await Monitor(name, Resolver(), speaker.say, speaker.latest).run()
    except asyncio.CancelledError:
        LOG.info("monitor stops")
    finally:
        await asyncio.to_thread(speaker.close)
