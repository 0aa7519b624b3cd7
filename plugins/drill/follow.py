"""Following a drill from the terminal: phases with progress, counts and time on stderr, from the evidence itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from drill import clock
from drill.core.events import Event
from drill.docket import Docket

POLL_S = 0.5
LOOKS_PER_QUESTION = 4  # Airflow is asked less often than the evidence: its answers cost the drill CPU
REGISTRATION = "raw/registration.json"
MARK = {"begin": "[dim]…[/]", "progress": "[dim]…[/]", "note": "[dim]·[/]", "end": "[green]✓[/]"}
RED = "[red]✗[/]"
HIDDEN = {"rules", "queued", "plan_sha256"}


class Follower:
    """Prints each event of a drill once, with the seconds since following began."""

    def __init__(self, docket: Docket, console: Console, reports: Path) -> None:
        self._docket = docket
        self._registration = reports / docket.drill / REGISTRATION
        self._console = console
        self._seen: set[str] = set()
        self._began: dict[str, int] = {}
        self._start_ns = clock.now_ns()

    def look(self) -> None:
        """Print what has happened since the last look."""
        names = self._docket.names()
        if REGISTRATION in names and not self._registration.exists():
            # From here on a drill that dies shows as MISSING in the history, also when nothing else survives it.
            self._registration.parent.mkdir(parents=True, exist_ok=True)
            self._registration.write_bytes(self._docket.find(REGISTRATION) or b"")
        for name in names:
            if name.startswith("events/") and name not in self._seen:
                self._seen.add(name)
                content = self._docket.find(name)
                if content is not None:
                    self._print(msgspec.json.decode(content, type=Event))

    def until(self, ended: Callable[[], bool]) -> None:
        """Look until `ended()`, and once more."""
        while not ended():
            for _ in range(LOOKS_PER_QUESTION):
                self.look()
                time.sleep(POLL_S)
        self.look()

    def _print(self, event: Event) -> None:
        if event.name in {"met", "resume"}:
            return
        if event.name == "begin":
            self._began[event.step] = event.at
            if event.step not in {"loss", "build", "drain", "rehydrate", "validate", "full_load", "tear_down"}:
                return
        seconds = (event.at - self._start_ns) / 1e9
        took = ""
        if event.name in {"end", "fail"} and event.step in self._began:
            took = f" [dim]in {(event.at - self._began[event.step]) / 1e9:.1f} s[/]"
        self._console.print(
            f"[dim]{seconds:7.1f} s[/]  {MARK.get(event.name, RED)} {event.step:<13}{escape(_say(event))}{took}",
            highlight=False,
        )


def _say(event: Event) -> str:
    if event.name in {"progress", "note"}:
        return str(event.data.get("text", ""))
    if event.name == "begin":
        return "begins"
    if event.name == "end":
        return "  ".join(f"{name}={_short(value)}" for name, value in event.data.items() if name not in HIDDEN)
    return f"{event.name}: {event.data.get('reason', '')}"


def _short(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)[:60]
