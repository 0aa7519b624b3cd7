"""The primary site's next epoch: how an exchange that does not trade any more trades again, from its own journal.

An epoch is not given back: a task that the scheduler replaces may not open what another opened in it. So an exchange
whose engines ended, all or one of them, goes on in the next epoch: the tasks of the old one are stopped, its role is
denied, its streams are drained, then the site is built again and recovers from the journals of every epoch before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drill import clock
from drill.aws import control, fence, fleet, journal_lag, sites
from drill.settings import Settings
from drill.site_settings import PRIMARY, primary_site
from templates.settings import Settings as SiteSettings
from templates.settings import stream_name

if TYPE_CHECKING:
    import boto3

DRAIN_S = 1200
RECOVER_S = 1800
OPEN_S = 120
POLL_S = 0.25
Say = Callable[[str], None]


class PrimaryError(RuntimeError):
    """The primary cannot be opened; the message says what stands in the way, and what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The exchange as its engines tell it.

    `epoch` is the newest that was taken (None: none ever was), `answers` are its engine tasks' own, `wanted` is how
    many there should be, `opened` says whether a symbol was ever opened in it.
    """

    epoch: fence.Epoch | None
    answers: tuple[fleet.EngineStatus, ...]
    wanted: int
    opened: bool

    @property
    def symbols(self) -> dict[str, str]:
        """Symbol -> what its engine says of it: open, halted, damaged..."""
        return {name: symbol.state for answer in self.answers for name, symbol in answer.symbols.items()}

    @property
    def trades(self) -> bool:
        """Whether every engine task is there and open, and no symbol was left closed that could be opened.

        A damaged symbol stays closed whatever is done, so it is no reason to begin another epoch.
        """
        whole = len(self.answers) == self.wanted and all(answer.state == "open" for answer in self.answers)
        return whole and "halted" not in self.symbols.values()


def look(session: boto3.Session, settings: Settings) -> Standing:
    """Ask the store for the newest epoch, and its site's engines how they are."""
    taken = fence.epochs(session, settings.journal_bucket, settings.dr_region)
    if not taken:
        return Standing(None, (), 0, opened=False)
    newest = taken[-1]
    at_home = newest.site == PRIMARY
    region = settings.primary_region if at_home else settings.dr_region
    found = fleet.probe_all(task.address for task in fleet.engines(session, newest.site, region)).values()
    answers = tuple(one for one in found if isinstance(one, fleet.EngineStatus) and one.epoch == newest.epoch)
    wanted = len(primary_site(settings, epoch=newest.epoch).tasks) if at_home else max(1, len(answers))
    opened = control.opened(session, settings.journal_bucket, newest.epoch, region=settings.dr_region)
    return Standing(newest, answers, wanted, opened=bool(opened))


def next_epoch(standing: Standing) -> int:
    """The epoch in which the primary may open: one that it has taken and never opened anything in, else a new one."""
    if standing.epoch is None:
        return 1
    unused = standing.epoch.site == PRIMARY and not standing.opened
    return standing.epoch.epoch if unused else standing.epoch.epoch + 1


def silence(session: boto3.Session, settings: Settings, epoch: int, say: Say) -> None:
    """End the old epoch at the primary: no task runs, no put is allowed, everything that was confirmed is delivered.

    `epoch` is the new one. Nothing is left to do where no stack of the site stands.
    """
    places = (settings.primary_region, settings.dr_region)
    standing = {ref.name for ref in sites.standing_refs(session, PRIMARY, places)}
    if any(name.startswith(f"aex-{PRIMARY}-stores") for name in standing):
        fence.deny(session, PRIMARY)
    sites.remove(session, PRIMARY, places, families=sites.TASKS)
    wanted = fence.Epoch(epoch=epoch, site=PRIMARY, environment="LIVE", at_ns=clock.now_ns())
    fence.take_epoch(session, settings.journal_bucket, settings.dr_region, wanted)
    if any(name.startswith(f"aex-{PRIMARY}-streams") for name in standing):
        # The streams that stand are of the primary's own last epoch: a DR site's went with it, and would never answer.
        taken = fence.epochs(session, settings.journal_bucket, settings.dr_region)
        before = max((one.epoch for one in taken if one.site == PRIMARY and one.epoch < epoch), default=epoch)
        _drain(session, settings, before, say)
    sites.remove(session, PRIMARY, places, families=sites.OF_AN_EPOCH)


def _drain(session: boto3.Session, settings: Settings, old: int, say: Say) -> None:
    """Wait until every stream of the old epoch has delivered what it had confirmed: streams go with their records."""
    since_ns, deadline = clock.now_ns(), time.monotonic() + DRAIN_S
    streams = [stream_name(symbol, old) for symbol in (*settings.listing, *settings.test_symbols)]
    while True:
        drain = journal_lag.drained(
            session,
            streams,
            settings.dr_region,
            since_ns=since_ns,
            now_ns=clock.now_ns(),
            buffer_ns=settings.buffer_s * 1_000_000_000,
            period_s=settings.metric_period_s,
        )
        if drain.done:
            return
        if time.monotonic() > deadline:
            msg = f"epoch {old}: {len(drain.pending)} streams have not delivered after {DRAIN_S} s: {drain.pending[:3]}"
            raise PrimaryError(msg)
        say(f"{len(streams) - len(drain.pending)}/{len(streams)} streams delivered")
        time.sleep(POLL_S)


def recover(session: boto3.Session, settings: Settings, site: SiteSettings, say: Say) -> Sequence[str]:
    """Let the built site recover from every epoch before and open; returns the symbols that are damaged, and closed.

    Raises:
        PrimaryError: not every symbol has ended its recovery in time.
    """
    place = (session, settings.journal_bucket, site.epoch)
    deadline = time.monotonic() + RECOVER_S
    finished: set[str] = set()
    while len(finished) < len(site.symbols):
        if time.monotonic() > deadline:
            late = sorted(set(site.symbols) - finished)
            raise PrimaryError(
                f"epoch {site.epoch}: not recovered after {RECOVER_S} s: {late[:3]} and {len(late)} in all"
            )
        # Again and again: the teardown of a drill that died may take away a go-ahead of an epoch that it had in mind.
        control.recover(*place, from_epoch=site.epoch - 1, drill="", region=settings.dr_region)
        finished = control.finished(*place, region=settings.dr_region) & set(site.symbols)
        say(f"{len(finished)}/{len(site.symbols)} symbols recovered")
        time.sleep(POLL_S)
    results = control.recovered(*place, region=settings.dr_region)
    return sorted(symbol for symbol in site.symbols if results[symbol].get("status") != "recovered")


def open_all(session: boto3.Session, settings: Settings, site: SiteSettings, say: Say) -> None:
    """Let the site trade, and wait until every engine task says that it does. Raises PrimaryError after OPEN_S."""
    deadline = time.monotonic() + OPEN_S
    up = 0
    while time.monotonic() < deadline:
        if site.epoch > 1:
            control.open_trading(session, settings.journal_bucket, site.epoch, drill="", region=settings.dr_region)
        engines = fleet.engines(session, PRIMARY, settings.primary_region)
        answers = fleet.probe_all(task.address for task in engines).values()
        up = sum(isinstance(answer, fleet.EngineStatus) and answer.state == "open" for answer in answers)
        say(f"{up}/{len(site.tasks)} engine tasks open")
        if up == len(site.tasks):
            return
        time.sleep(POLL_S)
    msg = f"{up} of {len(site.tasks)} engine tasks are open after {OPEN_S} s; their logs say why (var/run/tasks here)"
    raise PrimaryError(msg)
