"""What a failback waits for: the primary cleared and built anew, the DR site frozen and drained, the doors open."""

from __future__ import annotations

from drill import clock
from drill.aws import control, fleet, routing, sites
from drill.docket import Docket
from drill.site_settings import PRIMARY, primary_site
from drill.triggers.drain import drain_of
from drill.triggers.state import State
from templates.settings import Settings as SiteSettings
from templates.settings import stream_name


def home_site(docket: Docket) -> SiteSettings:
    """The primary as it will be: the whole listing, in the epoch after the DR site's."""
    return primary_site(docket.settings, epoch=docket.plan().home_epoch)


def epoch_drained(docket: Docket, *, epoch: int, symbols: list[str], since_ns: str) -> State:
    """Every stream of these symbols in this epoch has delivered all that it had confirmed before `since_ns`."""
    streams = [stream_name(symbol, epoch) for symbol in symbols]
    drain = drain_of(docket, streams, since_ns)
    text = f"{len(streams) - len(drain.pending)}/{len(streams)} streams of epoch {epoch} delivered"
    return State(done=drain.done, text=text, found={"at_ns": str(clock.now_ns())})


def home_cleared(docket: Docket) -> State:
    """What is left of the lost primary and carries its epoch is gone; looking deletes what may go next."""
    settings = docket.settings
    places = (settings.primary_region, settings.dr_region)
    standing = sites.retreat(docket.home, PRIMARY, places, families=sites.OF_AN_EPOCH)
    if standing.failed and standing.failures:
        return State(done=True, text="failed", found={"failed": sites.why(standing)})
    return State(done=standing.gone, text=f"{len(standing.states)} stacks of the lost primary left")


def home_up(docket: Docket) -> State:
    """Every stack of the new primary is complete and every engine task answers, empty; looking starts what is ready."""
    site = home_site(docket)
    standing = sites.advance(docket.home, site)
    if standing.failed:
        return State(done=True, text="failed", found={"failed": sites.why(standing)})
    complete = sum(state.complete for state in standing.states)
    if not standing.complete:
        return State(done=False, text=f"{complete}/{len(standing.states)} stacks of the primary complete")
    up = _engines(docket, site, "empty")
    text = f"{up}/{len(site.tasks)} engine tasks of the primary answer"
    return State(done=up == len(site.tasks), text=text, found={"at_ns": str(clock.now_ns())})


def site_frozen(docket: Docket, *, epoch: int, symbols: list[str]) -> State:
    """Every symbol that the DR site opened has stopped and said where."""
    found = control.frozen(docket.home, docket.settings.journal_bucket, epoch, region=docket.settings.dr_region)
    text = f"{len(found)}/{len(symbols)} symbols frozen"
    return State(done=set(symbols) <= set(found), text=text, found={"at_ns": str(clock.now_ns()), "symbols": found})


def home_open(docket: Docket, *, changes: list[str]) -> State:
    """Every engine task of the primary says that it is open, and every name server knows the new targets."""
    site = home_site(docket)
    up, known = _engines(docket, site, "open"), routing.in_sync(docket.home, changes)
    text = f"{up}/{len(site.tasks)} engine tasks of the primary open"
    return State(done=known and up == len(site.tasks), text=text, found={"at_ns": str(clock.now_ns())})


def _engines(docket: Docket, site: SiteSettings, state: str) -> int:
    """How many engine tasks of this epoch answer that they are in this state."""
    tasks = fleet.engines(docket.sessions(site.region), site.site, site.region)
    answers = fleet.probe_all(task.address for task in tasks).values()
    return sum(
        isinstance(one, fleet.EngineStatus) and one.state == state and one.epoch == site.epoch for one in answers
    )
