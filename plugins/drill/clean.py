"""`python -m drill clean`: remove what a drill that died left behind. Evidence and primary stay."""

from __future__ import annotations

from drill.aws import control, drill_lock, fence, sites
from drill.aws.sessions import default_session
from drill.aws.sites import SiteError
from drill.docket import Docket
from drill.settings import Settings
from drill.site_settings import PRIMARY
from drill.triggers.conditions import regions


def clean(settings: Settings, drill: str | None) -> str:
    """Delete the stacks of `drill` (default: the lock's holder), stop its injectors, lift its fence, free the lock.

    Says what was done. Raises NotRegistered for a drill that was never registered and holds no lock, SiteError
    where the site is the one at which the exchange trades since a real failover.
    """
    home = default_session(settings.dr_region)
    lock = (home, settings.journal_bucket, settings.dr_region)
    held = drill_lock.standing(*lock)
    holder = None if held is None else held.lease.drill
    wanted = drill or holder
    if wanted is None:
        return "nothing to clean: no drill holds the lock"
    docket = Docket(wanted, settings, default_session)
    if holder == wanted and docket.document("registration") is None:
        drill_lock.release(*lock, wanted)
        return f"drill {wanted}: was never registered, so nothing was built; lock free"
    plan = docket.plan()
    newest = fence.current(home, settings.journal_bucket, settings.dr_region)
    if plan.failover and newest.site == plan.site and control.opened(home, settings.journal_bucket, plan.epoch):
        msg = (
            f"drill {wanted}: a real failover, and the exchange trades at {plan.site}; go home first (DAG dr_failback)"
        )
        raise SiteError(msg)
    docket.order("restore")
    docket.order("close")
    removed = sites.remove(default_session(plan.dr_region), plan.site, regions(settings, plan))
    control.withdraw(home, settings.journal_bucket, plan.epoch, region=settings.dr_region)
    if holder in {wanted, None}:  # another drill that runs keeps its fence
        fence.lift(home, PRIMARY)
    drill_lock.release(*lock, wanted)
    return f"drill {wanted}: {len(removed.states)} stacks left, fence lifted, lock free"
