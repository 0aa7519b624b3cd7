"""`python -m drill status`: how the exchange and its drills are, on a few lines; what is wrong is the last one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from drill import clock, primary
from drill.airflow_api import AirflowApi, AirflowError
from drill.aws import evidence_store
from drill.aws.sessions import default_session
from drill.docket import Docket
from drill.settings import Settings
from drill.unfinished import Unfinished

NS = 1_000_000_000
SHOWN = 5
SILENT_NS = 15 * NS
ACKNOWLEDGED_SHARE = 0.99
WEEKLY = "dr_drill_weekly"


@dataclass(slots=True)
class Screen:
    """Lines to print, and what is wrong, worst first."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def say(self, title: str, text: str) -> None:
        """Add a line."""
        self.lines.append(f"{title:<10} {text}")


def status(settings: Settings) -> tuple[list[str], int]:
    """The screen and its exit status: 0 all is well, 1 something is wrong."""
    screen = Screen()
    running = Unfinished(settings).drills()
    standing = primary.look(default_session(settings.dr_region), settings)
    _exchange(screen, settings, standing, drilled=bool(running))
    _load(screen, settings, standing)
    _drills(screen, settings, running)
    _next(screen, settings)
    lines = [*screen.lines, f"unhealthy  {screen.wrong[0]}" if screen.wrong else "healthy"]
    return lines, 1 if screen.wrong else 0


def _exchange(screen: Screen, settings: Settings, standing: primary.Standing, *, drilled: bool) -> None:
    if standing.epoch is None:
        screen.say("exchange", "was never opened")
        screen.wrong.append("the exchange was never opened: python -m drill deploy")
        return
    states = list(standing.symbols.values())
    wanted = len(settings.listing) + len(settings.test_symbols)
    word = "open" if standing.trades else "closed"
    place = f"epoch {standing.epoch.epoch} at {standing.epoch.site} since {_moment(standing.epoch.at_ns)}"
    screen.say("exchange", f"{word}, {place}, {states.count('open')} of {wanted} symbols trade")
    if not standing.trades and not drilled:
        screen.wrong.append("the exchange does not trade: its keeper opens it again, or python -m drill deploy does")
    damaged = sorted(name for name, state in standing.symbols.items() if state == "damaged")
    if damaged:
        screen.wrong.append(
            f"the journal of {', '.join(damaged)} is damaged: recovered/epoch=.../result.json says where"
        )


def _load(screen: Screen, settings: Settings, standing: primary.Standing) -> None:
    word: dict[str, Any] = Docket("none", settings, default_session).word("members/latest.json") or {}
    window = word.get("last_window") or {}
    if standing.epoch is None or not window:
        screen.say("load", "members have said nothing yet")
        return
    acked = word.get("by_epoch", {}).get(str(standing.epoch.epoch), {}).get("acked", 0)
    seconds = (int(window["to_ns"]) - int(window["from_ns"])) / NS
    latency = f"p99 {window['p99_ns'] / 1e6:.0f} ms" if window.get("p99_ns") else "no answer"
    rates = f"{window['offered'] / seconds:,.0f}/s offered, {window['acked'] / seconds:,.0f}/s acknowledged"
    screen.say("load", f"{acked:,} commands acknowledged in this epoch; last {seconds:.0f} s: {rates}, {latency}")
    if clock.now_ns() - int(word["at_ns"]) > SILENT_NS:
        screen.wrong.append("the members have fallen silent: var/log/witness-members.log says why")
    elif standing.trades and window["acked"] < ACKNOWLEDGED_SHARE * window["offered"]:
        screen.wrong.append(f"the exchange acknowledges less than is offered ({rates}): look at the engines' logs")


def _drills(screen: Screen, settings: Settings, running: list[Docket]) -> None:
    for docket in running:
        lives = Unfinished(settings).lives(docket)
        screen.say("drill", f"{docket.drill} {'runs' if lives else 'has died; its keeper gives it an outcome'}")
        if not lives:
            screen.wrong.append(f"drill {docket.drill} has no outcome: python -m drill conclude")
    place = (default_session(settings.dr_region), settings.evidence_bucket)
    known = evidence_store.drills(*place, region=settings.dr_region)
    past = [drill for drill in reversed(known) if drill not in {one.drill for one in running}]
    for drill in past[:SHOWN]:
        filed = json.loads(Docket(drill, settings, default_session).find("outcome.json") or b"{}")
        screen.say("drill", f"{drill} {filed.get('outcome', 'MISSING')}: {filed.get('sentence', 'it has no outcome.')}")
    if not known:
        screen.say("drill", "none yet; make drill")


def _next(screen: Screen, settings: Settings) -> None:
    """When the weekly one comes, by Airflow itself; an Airflow that does not answer is what is wrong."""
    if not settings.airflow_url:
        screen.say("next", "no Airflow here")
        return
    try:
        weekly = AirflowApi(settings).dag(WEEKLY)
    except AirflowError as silent:
        screen.say("next", "unknown")
        screen.wrong.append(" ".join(str(silent).split()))
        return
    paused = " (paused: unpause it in Airflow)" if weekly.get("is_paused") else ""
    screen.say("next", f"{WEEKLY} {weekly.get('next_dagrun_run_after') or 'not scheduled'}{paused}")


def _moment(at_ns: int) -> str:
    return f"{clock.utc(at_ns):%Y-%m-%d %H:%M:%S} UTC"
