"""`python -m drill deploy`: the account's stacks, the exchange at its primary site, and its public names."""

from __future__ import annotations

import sys
import time

from drill import clock
from drill.aws import control, evidence_store, fence, fleet, inventory, routing, sites
from drill.aws.sessions import default_session
from drill.settings import Settings
from drill.site_settings import PRIMARY, primary_site

OPEN_S = 120
POLL_S = 0.25


class DeployError(RuntimeError):
    """The exchange did not come up; the message says which part, and what to look at."""


def deploy(settings: Settings) -> None:
    """Create or complete everything; may be repeated. Raises sites.SiteError or DeployError."""
    session = default_session(settings.dr_region)
    site = primary_site(settings)
    told = ""

    def say(standing: sites.Standing) -> None:
        nonlocal told
        text = f"deploy: {sum(state.complete for state in standing.states)}/{len(standing.states)} stacks complete"
        if text != told:
            told = text
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress of a command line

    # Asked before anything trades: it is a burst of calls to every service that there is.
    services = inventory.offered(session, settings.dr_region)
    sites.deploy(session, site, say, account=True)
    evidence_store.require_lock(session, settings.evidence_bucket, region=settings.dr_region)
    away = default_session(settings.anchor_region)
    evidence_store.require_lock(away, settings.anchor_bucket, region=settings.anchor_region)
    epoch = fence.Epoch(epoch=site.epoch, site=PRIMARY, environment=site.environment, at_ns=clock.now_ns())
    fence.take_epoch(session, settings.journal_bucket, settings.dr_region, epoch)
    zone = routing.zone_id(session, site.zone)
    routing.cut_over(session, zone, routing.wanted_targets(site), ttl_s=settings.ttl_s)
    control.offer(session, settings.journal_bucket, services, settings.dr_region)
    _wait_open(settings, len(site.tasks))
    print(f"deploy: {len(site.symbols)} symbols trade at {PRIMARY} in {len(site.tasks)} tasks", file=sys.stderr)  # noqa: T201


def _wait_open(settings: Settings, wanted: int) -> None:
    session = default_session(settings.primary_region)
    deadline = time.monotonic() + OPEN_S
    up = 0
    while time.monotonic() < deadline:
        engines = fleet.engines(session, PRIMARY, settings.primary_region)
        answers = fleet.probe_all(task.address for task in engines).values()
        up = sum(isinstance(answer, fleet.EngineStatus) and answer.state == "open" for answer in answers)
        if up == wanted:
            return
        time.sleep(POLL_S)
    msg = f"deploy: {up} of {wanted} engine tasks are open after {OPEN_S} s; their logs say why (var/run/tasks here)"
    raise DeployError(msg)
