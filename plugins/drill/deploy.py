"""`python -m drill deploy`: the account's stacks, the exchange at its primary site, and its public names.

May be repeated at any time. Where the exchange trades, nothing happens. Where it does not, it opens in the next epoch
from its own journal (drill.primary); a drill that was under way then has lost its ground and is asked to stop.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from drill import primary
from drill.aws import control, evidence_store, fence, inventory, routing, sites
from drill.aws.sessions import default_session
from drill.clock import now_ns
from drill.primary import PrimaryError
from drill.settings import Settings
from drill.site_settings import PRIMARY, primary_site
from drill.unfinished import Unfinished

if TYPE_CHECKING:
    from collections.abc import Sequence


class Voice:
    """Says each line of progress once, on standard error."""

    def __init__(self) -> None:
        self._told = ""

    def __call__(self, line: str) -> None:
        """Say it, unless it was said last."""
        if line != self._told:
            self._told = line
            print(f"deploy: {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress of a command line


def deploy(settings: Settings) -> None:
    """Create or complete everything. Raises sites.SiteError, fence.FenceError or PrimaryError."""
    session, say = default_session(settings.dr_region), Voice()
    standing = primary.look(session, settings)
    newest = standing.epoch
    if newest is not None and newest.site != PRIMARY and standing.answers and standing.trades:
        msg = (
            f"the exchange trades at {newest.site} in epoch {newest.epoch}: fail back, or `python -m drill clean` there"
        )
        raise PrimaryError(msg)
    epoch = newest.epoch if newest is not None and standing.trades else primary.next_epoch(standing)
    site = primary_site(settings, epoch=epoch)
    if newest is None:
        # Asked before anything trades: it is a burst of calls to every service that there is.
        services = inventory.offered(session, settings.dr_region)
    elif not standing.trades:
        say(f"epoch {newest.epoch} at {newest.site} does not trade: the primary opens in epoch {epoch}")
        stop_drills(settings, "the exchange was opened again in a new epoch")
        primary.silence(session, settings, epoch, say)
    sites.deploy(session, site, lambda one: say(_progress(one)), account=True)
    evidence_store.require_lock(session, settings.evidence_bucket, region=settings.dr_region)
    away = default_session(settings.anchor_region)
    evidence_store.require_lock(away, settings.anchor_bucket, region=settings.anchor_region)
    taken = fence.Epoch(epoch=epoch, site=PRIMARY, environment=site.environment, at_ns=now_ns())
    fence.take_epoch(session, settings.journal_bucket, settings.dr_region, taken)
    damaged: Sequence[str] = ()
    if epoch > 1 and not standing.trades:
        damaged = primary.recover(session, settings, site, say)
    routing.cut_over(session, routing.zone_id(session, site.zone), routing.wanted_targets(site), ttl_s=settings.ttl_s)
    if newest is None:
        control.offer(session, settings.journal_bucket, services, settings.dr_region)
    primary.open_all(session, settings, site, say)
    if damaged:
        say(f"{len(damaged)} symbols stay closed, for their journal is damaged: {', '.join(damaged)}")
    open_symbols = len(site.symbols) - len(damaged)
    say(f"{open_symbols} symbols trade at {PRIMARY} in {len(site.tasks)} tasks, epoch {epoch}")


def stop_drills(settings: Settings, reason: str) -> list[str]:
    """Ask every drill without an outcome to stop, its witnesses first; returns their ids.

    An injector that arms itself again after a restart would strike at a moment that has long passed.
    """
    stopped = Unfinished(settings).drills()
    for docket in stopped:
        docket.order("close")
        if docket.aborted() is None:
            docket.abort(reason)
    return [docket.drill for docket in stopped]


def _progress(standing: sites.Standing) -> str:
    return f"{sum(state.complete for state in standing.states)}/{len(standing.states)} stacks complete"
