"""The matching engines: one task, service and name for every `symbols_per_task` symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Sub, Template

from templates.frame import blank
from templates.network import MARKET_DATA, ORDERS, STATUS
from templates.settings import Settings, engine_service
from templates.task import PARAMETERS, Task, add_task


def symbols(settings: Settings, number: int, tasks: Sequence[int]) -> Template:
    """Shard `number` (from 0) with these engine tasks (positions in `settings.tasks`)."""
    parameters = ("JournalBucket", "EngineRoleArn", "EngineLog", "MatchingEngineCluster", "EngineGroupGroupId")
    template = blank(f"{settings.site} engines {number:02d}", *parameters, *PARAMETERS)
    for position in tasks:
        task = Task(
            title=f"Engines{position:02d}",
            name=engine_service(position),
            command=trade_command(settings, settings.tasks[position]),
            ports=(STATUS, ORDERS, MARKET_DATA),
            role="EngineRoleArn",
            log="EngineLog",
            cluster="MatchingEngineCluster",
            group="EngineGroupGroupId",
        )
        add_task(template, settings, task)
    return template


def trade_command(settings: Settings, listed: Sequence[str]) -> list[Any]:
    """`trade ...` as the engine's command line reads it."""
    return [
        "trade",
        *("--site", settings.site),
        *("--environment", settings.environment),
        *("--epoch", str(settings.epoch)),
        *("--symbols", ",".join(listed)),
        *("--stream-suffix", settings.stream_suffix),
        *("--stream-region", settings.journal_region),
        *("--control", Sub(f"s3://${{JournalBucket}}/{settings.root}control/")),
        *_recovery(settings),
        *("--recovered", Sub(f"s3://${{JournalBucket}}/{settings.root}recovered/")),
        *("--snapshots", Sub("s3://${JournalBucket}/snapshots/")),
        *("--snapshot-every", str(settings.snapshot_every)),
        *("--snapshot-every-s", str(settings.snapshot_every_seconds)),
        *("--day-s", str(settings.day_seconds)),
        *("--commit-ms", str(settings.commit_ms)),
        *("--checkpoint-every", str(settings.checkpoint_every)),
    ]


def _recovery(settings: Settings) -> list[Any]:
    if not settings.recover:
        return []
    found = ["--recover", Sub(f"s3://${{JournalBucket}}/{settings.recover}")]
    return [*found, "--lineage", Sub("s3://${JournalBucket}/recovered/")] if settings.root else found
