"""The ledger as the evidence store has it: every drill's folder, read side by side; what is over is read once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from drill import clock
from drill.aws import drill_lock, evidence_store
from drill.core import ledger
from drill.core.ledger import Entry
from drill.docket import Sessions
from drill.settings import Settings
from engine.storage import NotFoundError, Store, open_store

READERS: Final = 8
"""Folders read at once: the store answers in milliseconds, and a year has 52 of them."""


class Ledger:
    """Every drill of one evidence store. One instance may be asked by several threads."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self.settings = settings
        self._home = sessions(settings.dr_region)
        self._store: Store = open_store(f"s3://{settings.evidence_bucket}/{evidence_store.PREFIX}", session=self._home)
        self._over: dict[str, Entry] = {}

    def entries(self) -> list[Entry]:
        """All drills, newest first."""
        drills = evidence_store.drills(self._home, self.settings.evidence_bucket, region=self.settings.dr_region)
        with ThreadPoolExecutor(READERS) as readers:
            found = list(readers.map(self.entry, drills))
        return ledger.newest_first(one for one in found if one is not None)

    def entry(self, drill: str) -> Entry | None:
        """One drill, or None where the store has nothing of it."""
        if drill in self._over:
            return self._over[drill]
        names = self.names(drill)
        if not names:
            return None
        filed = {wanted: ledger.latest(names, wanted) for wanted in ledger.NEEDED}
        documents = {wanted: self._get(drill, name) for wanted, name in filed.items() if name is not None}
        now_ns = clock.now_ns()
        leased = filed["outcome.json"] is None and self._leased(drill, now_ns)
        found = ledger.entry(drill, names, documents, now_ns=now_ns, leased=leased)
        if found.over:
            self._over[drill] = found
        return found

    def _leased(self, drill: str, now_ns: int) -> bool:
        """Whether the drill holds the lock now."""
        held = drill_lock.standing(self._home, self.settings.journal_bucket, self.settings.dr_region)
        return held is not None and held.lease.drill == drill and held.lease.lasts(now_ns)

    def names(self, drill: str) -> list[str]:
        """Names of all artifacts of one drill."""
        return [entry.key.removeprefix(f"{drill}/") for entry in self._store.list(f"{drill}/")]

    def find(self, drill: str, name: str) -> bytes | None:
        """One artifact as its last attempt filed it, or None."""
        latest = ledger.latest(
            (entry.key.removeprefix(f"{drill}/") for entry in self._store.list(_like(drill, name))), name
        )
        return None if latest is None else self._get(drill, latest)

    def _get(self, drill: str, name: str) -> bytes | None:
        try:
            return self._store.get(f"{drill}/{name}")
        except NotFoundError:
            return None


def _like(drill: str, name: str) -> str:
    """What the keys of all attempts at an artifact begin with."""
    return f"{drill}/{name.split('.', 1)[0]}"
