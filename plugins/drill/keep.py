"""`python -m drill keep`: keep the exchange trading, until SIGTERM.

Looks every few seconds. A drill that died gets its outcome. An exchange that does not trade, though no drill has taken
it down, is opened again in the next epoch. What no longer serves a recovery leaves the store once a trading day.
Nothing here is needed by a drill: a keeper that dies is started again and looks again.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

from drill import clock, primary
from drill.aws import evidence_store
from drill.aws.sessions import default_session
from drill.conclude import conclude_dead
from drill.core.plan import site_of
from drill.deploy import deploy
from drill.docket import Docket
from drill.retention import NS, retain
from drill.settings import Settings
from drill.site_settings import PRIMARY
from drill.unfinished import Unfinished
from engine.trading_day import last_close

LOOK_S: Final = 5.0
PATIENCE: Final = 2
"""So many looks in a row must find that the exchange does not trade: one may meet a site that is just opening."""
LOSS: Final = "loss"


class Keeper:
    """One keeper's memory between looks."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._session = default_session(settings.dr_region)
        self._unfinished = Unfinished(settings)
        self._closed = 0
        self._kept_s = self._last_close()
        self._trouble = ""

    def look(self) -> None:
        """Do what is due. Trouble with the store or with Airflow is said once and met again at the next look."""
        try:
            self._drills()
            self._exchange()
            self._days()
        except Exception as error:  # noqa: BLE001 - whatever fails now: the next look may find the world in order
            trouble = f"{type(error).__name__}: {' '.join(str(error).split())}"
            if trouble != self._trouble:
                self._say(f"looks again in {LOOK_S:.0f} s: {trouble}")
            self._trouble = trouble
        else:
            self._trouble = ""

    def _drills(self) -> None:
        for told in conclude_dead(self._settings, self._unfinished):
            self._say(told)

    def _exchange(self) -> None:
        standing = primary.look(self._session, self._settings)
        if standing.trades or standing.epoch is None or any(self._loses(one) for one in self._unfinished.drills()):
            self._closed = 0
            return
        if self._is_real(standing.epoch.site):
            return  # the primary was lost for real: where the exchange trades next is for people to say
        self._closed += 1
        if self._closed >= PATIENCE:
            self._say(f"epoch {standing.epoch.epoch} at {standing.epoch.site} does not trade: opening the next one")
            deploy(self._settings)
            self._closed = 0

    def _days(self) -> None:
        """After each close let go what no recovery needs; while a drill is under way, after it."""
        close_s = self._last_close()
        if close_s > self._kept_s and not self._unfinished.drills():
            self._say(f"the day is closed: {retain(self._settings, self._unfinished)}")
            self._kept_s = close_s

    def _last_close(self) -> int:
        return last_close(self._settings.day_s, clock.now_ns() // NS)

    def _is_real(self, site: str) -> bool:
        """Whether a real failover took the exchange to this site."""
        if site == PRIMARY:
            return False
        place = (self._session, self._settings.evidence_bucket)
        there = [one for one in evidence_store.drills(*place, region=self._settings.dr_region) if site_of(one) == site]
        dockets = (Docket(drill, self._settings, default_session) for drill in there)
        return any(docket.document("registration") is not None and docket.plan().real for docket in dockets)

    def _loses(self, docket: Docket) -> bool:
        """Whether this drill takes the exchange down and up again by itself."""
        return docket.plan().kind == LOSS and self._unfinished.lives(docket)


def keep(settings: Settings) -> int:
    """Look until SIGTERM or SIGINT; returns the exit status."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    keeper = Keeper(settings, lambda line: print(f"keeper: {line}", file=sys.stderr, flush=True))  # noqa: T201
    while not stopped.wait(LOOK_S):
        keeper.look()
    return 0
