"""Drills that were registered and have no outcome yet: those that run, and those that died."""

from __future__ import annotations

from typing import Final

from drill import clock
from drill.aws import drill_lock, evidence_store
from drill.aws.sessions import default_session
from drill.docket import Docket
from drill.settings import Settings

NS: Final = 1_000_000_000


class Unfinished:
    """Looks again and again; a drill that has its outcome is not asked about twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = default_session(settings.dr_region)
        self._ended: set[str] = set()

    def drills(self) -> list[Docket]:
        """Every drill with a registration and no outcome, oldest first."""
        place = (self._home, self._settings.evidence_bucket)
        known = evidence_store.drills(*place, region=self._settings.dr_region)
        asked = [Docket(drill, self._settings, default_session) for drill in known if drill not in self._ended]
        found = []
        for docket in asked:
            if docket.outcome() is not None:
                self._ended.add(docket.drill)
            elif docket.find("raw/registration.json") is not None:
                found.append(docket)
        return found

    def lives(self, docket: Docket) -> bool:
        """Whether a drill is being carried out: its lease lasts, or one of its steps has spoken a short while ago.

        The lease alone would not do: the teardown frees it, and verdict, seal and report come after.
        """
        standing = drill_lock.standing(self._home, self._settings.journal_bucket, self._settings.dr_region)
        now_ns = clock.now_ns()
        if standing is not None and standing.lease.drill == docket.drill and standing.lease.lasts(now_ns):
            return True
        return now_ns - _last_word_ns(docket) < self._settings.quiet_s * NS


def _last_word_ns(docket: Docket) -> int:
    """When one of its steps recorded something for the last time; names of events begin with their time."""
    names = [name.removeprefix("events/") for name in docket.names() if name.startswith("events/")]
    return max((int(name.split("-", 1)[0]) for name in names), default=0)
