"""What a drill waits for. Each condition looks once at the world, may be asked again, and says how far things are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from drill import clock
from drill.aws import control, fleet, routing, sites, stacks
from drill.core.plan import Plan
from drill.docket import Docket
from drill.settings import Settings
from drill.site_settings import dr_site
from drill.triggers.drain import drain_of
from drill.triggers.home_conditions import epoch_drained, home_cleared, home_open, home_up, site_frozen
from drill.triggers.state import State
from templates.settings import Settings as SiteSettings
from templates.settings import engine_service, stream_name


def word_said(docket: Docket, *, word: str) -> State:
    """A witness said `words/<drill>/<word>.json`."""
    said = docket.word(f"{docket.drill}/{word}.json")
    return State(done=said is not None, text=f"waiting for the word {word}", found=said or {})


def site_lost(docket: Docket, *, since_ns: str) -> State:
    """The monitor lost the exchange after `since_ns`, and the injector said what it did."""
    loss = docket.word(f"{docket.drill}/loss.json")
    # A false alarm before the loss detects nothing.
    from_ns = max(int(since_ns), int((loss or {}).get("actual_ns", 0)))
    down = [
        word
        for key, word in docket.words("monitor/").items()
        if not key.endswith("latest.json") and word.get("state") == "down" and int(word["at_ns"]) > from_ns
    ]
    text = "the exchange trades; the moment of loss is secret" if loss is None else "lost; waiting for the monitor"
    failed = loss is not None and "error" in loss
    return State(
        done=failed or bool(down and loss), text=text, found={"monitor": down[0] if down else None, "loss": loss}
    )


def monitor_down(docket: Docket, *, since_ns: str) -> State:
    """The monitor says now that the exchange is gone, whenever it went."""
    latest = docket.word("monitor/latest.json") or {}
    words = [word for key, word in docket.words("monitor/").items() if not key.endswith("latest.json")]
    state = latest.get("state", "nothing")
    down = state == "down" and int(latest["at_ns"]) >= int(since_ns) and bool(words) and words[-1]["state"] == "down"
    return State(done=down, text=f"the monitor says {state}", found={"monitor": words[-1] if words else None})


def point_marked(docket: Docket, *, symbols: list[str]) -> State:
    """Every engine of production wrote down each symbol's recovery point."""
    plan, settings = docket.plan(), docket.settings
    points = control.marked(
        docket.home, settings.journal_bucket, plan.from_epoch, drill=plan.drill_id, region=settings.dr_region
    )
    here = {symbol: points[symbol] for symbol in symbols if symbol in points}
    text = f"production trades on; {len(here)}/{len(symbols)} symbols marked"
    return State(done=len(here) == len(symbols), text=text, found={"symbols": here, "at_ns": str(clock.now_ns())})


def role_stands(docket: Docket) -> State:
    """The DR engines' role is there; nothing of the site writes yet."""
    site = dr_site(docket.settings, docket.plan())
    session = docket.sessions(site.region)
    [stores] = [ref for ref in sites.site_refs(site) if ref.name == f"aex-{site.site}-stores"]
    [state] = stacks.progress(session, [stores]).values()
    if state.failed:
        return State(done=True, text="failed", found={"failed": f"stack {stores.name}: {state.status}"})
    return State(done=state.complete, text=f"stack {stores.name} is not complete")


def site_up(docket: Docket) -> State:
    """Every stack of the DR site is complete and every engine task answers at its status port, empty.

    Looking starts what is ready to be started: all state is in CloudFormation. A failed stack ends the wait.
    """
    site = dr_site(docket.settings, docket.plan())
    session = docket.sessions(site.region)
    standing = sites.advance(session, site)
    if standing.failed:
        return State(done=True, text="failed", found={"failed": sites.why(standing)})
    complete = sum(state.complete for state in standing.states)
    if not standing.complete:
        return State(done=False, text=f"{complete}/{len(standing.states)} stacks complete")
    tasks = fleet.engines(session, site.site, site.region)
    statuses = [one for one in fleet.probe_all(task.address for task in tasks).values() if _is_status(one)]
    up = {status.address for status in statuses if status.state == "empty"}
    silent = {engine_service(number) for number in range(len(site.tasks))}
    silent -= {task.service for task in tasks if task.address in up}
    text = f"{len(site.tasks) - len(silent)}/{len(site.tasks)} engine tasks answer"
    text += f"; silent: {', '.join(sorted(silent)[:5])}" if silent and up else ""
    found = {"at_ns": str(clock.now_ns()), "engines": [_as_document(status) for status in statuses]}
    return State(done=not silent, text=text, found=found)


def _is_status(answer: fleet.EngineStatus | fleet.ProbeError) -> TypeGuard[fleet.EngineStatus]:
    return isinstance(answer, fleet.EngineStatus)


def _engines(docket: Docket, site: SiteSettings) -> list[fleet.EngineStatus]:
    """The answers of those engine tasks that answer."""
    addresses = [task.address for task in fleet.engines(docket.sessions(site.region), site.site, site.region)]
    answers = fleet.probe_all(addresses).values()
    return [answer for answer in answers if isinstance(answer, fleet.EngineStatus)]


def _as_document(status: fleet.EngineStatus) -> dict[str, Any]:
    return {
        "address": status.address,
        "build": status.build,
        "state": status.state,
        "epoch": status.epoch,
        "symbols": len(status.symbols),
        "offset_ns": str(status.offset_ns),
    }


def journal_drained(docket: Docket, *, since_ns: str) -> State:
    """Every stream of the old epoch has delivered all that it had confirmed before `since_ns`."""
    plan = docket.plan()
    streams = [stream_name(symbol, plan.from_epoch) for symbol in (*plan.symbols, *plan.test_symbols)]
    drain = drain_of(docket, streams, since_ns)
    delivered = len(streams) - len(drain.pending)
    found = {"at_ns": str(clock.now_ns()), "streams": len(streams), "silent": list(drain.silent), "since_ns": since_ns}
    return State(done=drain.done, text=f"{delivered}/{len(streams)} streams delivered", found=found)


def symbols_recovered(docket: Docket, *, epoch: int, symbols: list[str]) -> State:
    """Every symbol's engine wrote down how its recovery ended, well or badly."""
    bucket, region = docket.settings.journal_bucket, docket.settings.dr_region
    root = docket.plan().root
    finished = control.finished(docket.home, bucket, epoch, root=root, region=region) & set(symbols)
    text = f"{len(finished)}/{len(symbols)} symbols rehydrated"
    if len(finished) < len(symbols):
        return State(done=False, text=text)
    results = control.recovered(docket.home, bucket, epoch, root=root, region=region)
    here = {symbol: results[symbol] for symbol in symbols}
    return State(done=True, text=text, found={"symbols": here, "at_ns": str(clock.now_ns())})


def site_open(docket: Docket, *, changes: list[str]) -> State:
    """Every engine task of the DR site says that it is open, and every name server knows the new targets."""
    site = dr_site(docket.settings, docket.plan())
    up = sum(status.state == "open" for status in _engines(docket, site))
    known = routing.in_sync(docket.home, changes)
    found = {"at_ns": str(clock.now_ns()), "changes": changes, "engines": up}
    return State(done=known and up == len(site.tasks), text=f"{up}/{len(site.tasks)} engine tasks open", found=found)


def members_back(docket: Docket, *, epoch: int, members: int, word: str = "members/latest.json") -> State:
    """Every session of at least `members` broker-dealers is back at the new epoch, and orders are acknowledged.

    `word` is where those members count themselves: an exercise has its own.
    """
    latest = docket.word(word) or {}
    there = latest.get("by_epoch", {}).get(str(epoch), {})
    sessions, wanted = int(there.get("sessions", 0)), int(latest.get("wanted_sessions", 0))
    acked = int(there.get("acked", 0))
    done = sessions >= wanted >= members and acked > 0
    return State(done=done, text=f"{sessions}/{wanted} sessions back", found={"at_ns": str(clock.now_ns()), **latest})


def elapsed(docket: Docket, *, until_ns: str, what: str) -> State:  # noqa: ARG001 - every condition gets the docket
    """The moment `until_ns` has come."""
    left = max(0, int(until_ns) - clock.now_ns())
    return State(done=left == 0, text=f"{what}, {-(-left // 1_000_000_000)} s to go")


def site_gone(docket: Docket) -> State:
    """No stack of the DR site is left; looking deletes what may be deleted next. A stuck deletion ends the wait."""
    plan = docket.plan()
    standing = sites.retreat(docket.sessions(plan.dr_region), plan.site, regions(docket.settings, plan))
    if standing.failures and standing.failed:
        return State(done=True, text="failed", found={"failed": sites.why(standing)})
    return State(done=standing.gone, text=f"{len(standing.states)} stacks left")


def regions(settings: Settings, plan: Plan) -> list[str]:
    """Where a DR site may have stacks."""
    return sorted({plan.dr_region, settings.dr_region})


CONDITIONS: dict[str, Callable[..., State]] = {
    condition.__name__: condition
    for condition in (
        word_said,
        site_lost,
        monitor_down,
        point_marked,
        role_stands,
        site_up,
        journal_drained,
        symbols_recovered,
        site_open,
        members_back,
        elapsed,
        site_gone,
        epoch_drained,
        home_cleared,
        home_up,
        site_frozen,
        home_open,
    )
}
