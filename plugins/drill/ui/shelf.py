"""What the pages may take from the evidence store, and the border every request passes before it reaches the store."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

from drill.bundle import BUNDLE, bundle
from drill.core.ledger import Entry, latest
from drill.core.plan import DRILL_ID
from drill.docket import Docket, Sessions
from drill.ledger import Ledger
from drill.settings import Settings

PAGE: Final = "report.html"
DOWNLOADS: Final = {
    PAGE: "text/html; charset=utf-8",
    "report.json": "application/json",
    "report.pdf": "application/pdf",
    "symbols.csv": "text/csv; charset=utf-8",
    "phases.csv": "text/csv; charset=utf-8",
    "junit.xml": "application/xml",
    "manifest.json": "application/json",
    "outcome.json": "application/json",
    BUNDLE: "application/zip",
}
"""Artifacts that may leave the store by a link, and their media types. Raw evidence leaves in the bundle alone."""


class Unknown(LookupError):
    """No such drill or artifact, or a name that cannot be one."""


class Shelf:
    """The ledger and its artifacts, opened at the first request with the Airflow connection of that moment."""

    def __init__(self, settings: Callable[[], Settings], sessions: Sessions) -> None:
        self._settings, self._sessions = settings, sessions
        self._ledger: Ledger | None = None
        self._opening = Lock()

    def entries(self) -> list[Entry]:
        """Every drill, newest first."""
        return self._open().entries()

    def entry(self, drill: str) -> Entry:
        """One drill; raises Unknown."""
        found = self._of(drill).entry(drill)
        if found is None:
            raise Unknown(f"no drill {drill}")
        return found

    def downloads(self, drill: str) -> list[str]:
        """Artifacts of this drill that may be taken away."""
        there = self._of(drill).names(drill)
        found = [name for name in DOWNLOADS if latest(there, name) is not None]
        return [*found, BUNDLE] if "outcome.json" in found and self.entry(drill).link is not None else found

    def artifact(self, drill: str, name: str) -> bytes:
        """The bytes of an artifact on the list; raises Unknown."""
        if name not in DOWNLOADS:
            raise Unknown("no such artifact")
        ledger = self._of(drill)
        if name == BUNDLE and self.entry(drill).link is not None:
            return bundle(Docket(drill, ledger.settings, self._sessions))
        content = ledger.find(drill, name)
        if content is None:
            raise Unknown(f"drill {drill} has no {name}")
        return content

    def close(self) -> None:
        """Forget the connection: the next request opens a new one, perhaps with other credentials."""
        with self._opening:
            self._ledger = None

    def _of(self, drill: str) -> Ledger:
        """The ledger, for an id that has the form of one; else raises Unknown before the store hears of it."""
        if not DRILL_ID.fullmatch(drill):
            raise Unknown("no such drill")
        return self._open()

    def _open(self) -> Ledger:
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger(self._settings(), self._sessions)
            return self._ledger
