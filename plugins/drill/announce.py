"""Announcing: each notice goes out once on each channel, whoever finds it, however often they find it.

The evidence bucket remembers, under `notices/<about>/<kind>/<channel>/`:

1. `claim-<n>.json`, by a conditional put: one sender at a time;
2. `sent.json`, after the channel confirmed.

A sender that dies between the two leaves a claim without a confirmation; after `STALE_NS` the next one claims it again
and sends, and says so in the text. So a notice is sent *at least* once: of the two ways to be wrong, telling people
twice about a disaster-recovery drill is the harmless one. A channel that refuses leaves the same trace and is tried
again by the watch.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from drill import clock, notifiers
from drill.aws import topic
from drill.core.channel import Channel, channels
from drill.core.notice import Notice
from drill.docket import Sessions
from drill.settings import Settings
from engine.storage import AlreadyExistsError, open_store

STALE_NS: Final = 300_000_000_000
"""A claim this old without a confirmation is a dead sender's: the slowest channel gives up after a minute."""
AGAIN: Final = "(sent again: an earlier sender did not confirm)\n\n"
log = logging.getLogger(__name__)
Sender = Callable[[Channel, Notice], None]


class Unsent(RuntimeError):
    """At least one channel did not take a notice; it will be tried again, and the others have it."""


class Announcer:
    """Sends notices through the channels of the settings."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self.settings = settings
        self.channels = channels(settings.notify)
        self._home = sessions(settings.dr_region)
        self._store = open_store(f"s3://{settings.evidence_bucket}/notices/", session=self._home)
        self._senders: Mapping[str, Sender] = {"sns": self._publish, "smtp": notifiers.send, "http": notifiers.send}

    def announce(self, notices: Iterable[Notice]) -> list[str]:
        """Send what was not sent yet; returns `about/kind/channel` of each one that went out now.

        Raises Unsent after all others were tried, naming those that failed, without the words of the channel's error:
        those may hold an address or a credential.
        """
        sent, failed = [], []
        for notice in notices:
            for channel in self.channels:
                place = f"{notice.key}/{channel.key}"
                try:
                    if self._once(place, channel, notice):
                        sent.append(place)
                except Exception as error:  # noqa: BLE001 - a channel's own errors are of many libraries
                    log.warning("notice %s was not taken: %s", place, type(error).__name__)
                    failed.append(f"{place} ({type(error).__name__})")
        if failed:
            raise Unsent(
                f"not taken: {', '.join(failed)}; the watch tries again after {STALE_NS // 60_000_000_000} min"
            )
        return sent

    def since_ns(self) -> int:
        """When this exchange began to be watched: what had happened before is nobody's news."""
        mark = "since.json"
        if not self._store.exists(mark):
            with suppress(AlreadyExistsError):  # another watch came first by a moment
                self._store.put(mark, _record(), if_absent=True)
        return int(json.loads(self._store.get(mark))["at_ns"])

    def _once(self, place: str, channel: Channel, notice: Notice) -> bool:
        there = {entry.key.removeprefix(f"{place}/") for entry in self._store.list(f"{place}/")}
        if "sent.json" in there:
            return False
        claims = sorted((name for name in there if name.startswith("claim-")), key=len)
        number = len(claims) + 1
        if claims and clock.now_ns() - self._at(f"{place}/claim-{number - 1}.json") < STALE_NS:
            return False  # somebody is at it
        try:
            self._store.put(f"{place}/claim-{number}.json", _record(), if_absent=True)
        except AlreadyExistsError:
            return False  # somebody came first by a moment
        again = notice if number == 1 else msgspec.structs.replace(notice, text=AGAIN + notice.text)
        self._senders[channel.kind](channel, again)
        self._store.put(f"{place}/sent.json", _record())
        return True

    def _publish(self, _: Channel, notice: Notice) -> None:
        topic.publish(
            self._home,
            self.settings.account,
            self.settings.dr_region,
            subject=notice.subject,
            text=notice.text,
            kind=notice.kind,
        )

    def _at(self, name: str) -> int:
        return int(json.loads(self._store.get(name))["at_ns"])


def _record() -> bytes:
    return json.dumps({"at_ns": str(clock.now_ns()), "by": socket.gethostname()}).encode()
