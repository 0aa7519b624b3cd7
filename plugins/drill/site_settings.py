"""From a plan and the platform's settings to the templates' settings: the primary, and the DR site of one drill."""

from __future__ import annotations

from drill.core.plan import Plan
from drill.settings import Settings
from templates.settings import EXERCISE_LABEL, ZONE
from templates.settings import Settings as SiteSettings

PRIMARY = "primary"
PRIMARY_CLUSTERS = tuple(f"aex-{PRIMARY}-{part}" for part in ("MatchingEngine", "MarketData", "Customer"))
"""What is lost with the primary site."""
ENVIRONMENTS = {"LIVE": 1, "DRILL": 2}


JOURNALS = "journal/"


def primary_site(settings: Settings, *, epoch: int = 1) -> SiteSettings:
    """The exchange at its primary site: from genesis in epoch 1, later from the journals of the epochs before."""
    return SiteSettings(
        symbols=(*settings.listing, *settings.test_symbols),
        site=PRIMARY,
        epoch=epoch,
        recover=JOURNALS if epoch > 1 else "",
        region=settings.primary_region,
        journal_region=settings.dr_region,
        anchor_region=settings.anchor_region,
        symbols_per_task=settings.symbols_per_task,
        commit_ms=settings.commit_ms,
        checkpoint_every=settings.checkpoint_every,
        snapshot_every=settings.snapshot_every,
        snapshot_every_seconds=settings.snapshot_every_s,
        day_seconds=settings.day_s,
        buffer_seconds=settings.buffer_s,
        python=settings.python,
        resolver=settings.resolver,
    )


def dr_site(settings: Settings, plan: Plan) -> SiteSettings:
    """The DR site of one drill: the next epoch, rehydrating from the journals up to today's.

    LIVE after a loss. In a planned exercise DRILL: names below the exercises' zone, control records, results, streams
    and journals of its own.
    """
    return SiteSettings(
        symbols=(*plan.symbols, *plan.test_symbols),
        site=plan.site,
        environment=plan.environment,
        root=plan.root,
        zone=f"{EXERCISE_LABEL}.{ZONE}" if plan.planned else ZONE,
        epoch=plan.epoch,
        drill_id=plan.drill_id,
        region=plan.dr_region,
        journal_region=settings.dr_region,
        anchor_region=settings.anchor_region,
        symbols_per_task=settings.symbols_per_task,
        commit_ms=settings.commit_ms,
        checkpoint_every=settings.checkpoint_every,
        snapshot_every=settings.snapshot_every,
        snapshot_every_seconds=settings.snapshot_every_s,
        day_seconds=settings.day_s,
        buffer_seconds=settings.buffer_s,
        recover=JOURNALS,
        vpc_cidr="10.2.0.0/16",
        python=settings.python,
        resolver=settings.resolver,
    )
