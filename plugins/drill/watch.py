"""The watch: looks over the whole ledger and the timetable, and announces whatever nobody has announced yet."""

from __future__ import annotations

from collections.abc import Iterator

from drill import clock
from drill.announce import Announcer
from drill.core.ledger import Entry
from drill.core.notice import Notice, due, missed
from drill.core.timetable import WEEKLY
from drill.docket import Sessions
from drill.ledger import Ledger
from drill.settings import Settings


def watch(settings: Settings, sessions: Sessions) -> list[str]:
    """One look; returns what went out. Raises drill.announce.Unsent."""
    announcer = Announcer(settings, sessions)
    since_ns, now_ns = announcer.since_ns(), clock.now_ns()
    entries = Ledger(settings, sessions).entries()
    return announcer.announce(news(entries, since_ns=since_ns, now_ns=now_ns, bucket=settings.evidence_bucket))


def about_one(settings: Settings, sessions: Sessions, drill: str) -> list[str]:
    """What is to be told about one drill now; nothing where the store has nothing of it. Raises Unsent."""
    entry = Ledger(settings, sessions).entry(drill)
    notices = due(entry, now_ns=clock.now_ns(), bucket=settings.evidence_bucket) if entry is not None else ()
    return Announcer(settings, sessions).announce(notices)


def news(entries: list[Entry], *, since_ns: int, now_ns: int, bucket: str) -> Iterator[Notice]:
    """All notices of drills that were heard of since `since_ns`, and of the timetable's last moment if younger."""
    for entry in entries:
        if entry.heard_ns is not None and entry.heard_ns >= since_ns:
            yield from due(entry, now_ns=now_ns, bucket=bucket)
    moment_ns = WEEKLY.last_ns(now_ns)
    late = missed(moment_ns, f"{clock.utc(moment_ns):%Y%m%dT%H%MZ}", entries, now_ns=now_ns)
    if late is not None and moment_ns >= since_ns:
        yield late
