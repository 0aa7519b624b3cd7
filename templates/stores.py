"""A site's logs and roles: what its tasks may write to and act as.

No key of its own: log groups hold no orders and are encrypted at rest by the service, and a key would outlive the
teardown of a drill by seven days.
"""

from __future__ import annotations

from typing import Any

from troposphere import Sub, Template, logs

from templates.frame import blank, offer, tags
from templates.policies import objects, only_prefix, role, statement, trust_service, trust_tasks
from templates.settings import Settings, engine_role_name

PARTS = ("engine", "marketdata", "customer")


def stores(settings: Settings) -> Template:
    """Log groups, execution role, engine role, edge role."""
    template = blank(f"{settings.site} logs and roles", "JournalBucket")
    for part in PARTS:
        template.add_resource(
            logs.LogGroup(
                log_title(part),
                LogGroupName=f"/aex/{settings.site}/{part}",
                RetentionInDays=settings.log_retention_days,
                Tags=tags(settings),
            )
        )
        offer(template, log_title(part))
    trust = trust_service("ecs-tasks.amazonaws.com")
    name = f"aex-{settings.site}"
    template.add_resource(role("ExecutionRole", f"{name}-execution", trust, _execution(settings), tags(settings)))
    engine = engine_role_name(settings.site)
    template.add_resource(role("EngineRole", engine, trust_tasks(), _engine(settings), tags(settings)))
    # Market data and directory talk to engines only: a role without a single right.
    template.add_resource(role("EdgeRole", f"{name}-edge", trust, [], tags(settings)))
    offer(template, "ExecutionRole.Arn", "EngineRole.Arn", "EdgeRole.Arn")
    return template


def log_title(part: str) -> str:
    """Title of a part's log group, also the parameter other stacks take it by."""
    return f"{part.capitalize()}Log"


def _execution(settings: Settings) -> list[dict[str, Any]]:
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    account = "${AWS::Region}:${AWS::AccountId}"
    return [
        # A registry token belongs to the account, not to a repository.
        statement("RegistryToken", ["ecr:GetAuthorizationToken"], ["*"]),
        statement("Pull", pull, [Sub("arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/aex-*")]),
        statement(
            "Log",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [Sub(f"arn:${{AWS::Partition}}:logs:{account}:log-group:/aex/{settings.site}/*")],
        ),
    ]


def _engine(settings: Settings) -> list[dict[str, Any]]:
    """Method §0: read the journal, the epoch records and what earlier epochs opened, put to its own epoch's streams.

    Below its own epoch's prefixes it writes what it recovered, its snapshots and which symbols it opened. In an
    exercise control records, results and streams are the exercise's own; the market's, and snapshots, it may only read.
    """
    bucket = "arn:${AWS::Partition}:s3:::${JournalBucket}"
    root = settings.root
    market = ("journal/*", "recovered/*", "snapshots/*")
    read = (*market, f"{root}control/*", *([f"{root}recovered/*"] if root else ()))
    written = ("recovered",) if root else ("recovered", "snapshots")
    own = tuple(f"{root}{folder}/epoch={settings.epoch}/*" for folder in written)
    streams = f"arn:${{AWS::Partition}}:firehose:{settings.journal_region}:${{AWS::AccountId}}:deliverystream/"
    put = ["firehose:PutRecord", "firehose:PutRecordBatch"]
    pattern = f"matching-engine-*{settings.stream_suffix}"
    made = [
        statement("ReadJournal", ["s3:GetObject"], objects(bucket, *read)),
        statement("ListJournal", ["s3:ListBucket"], [Sub(bucket)], condition=only_prefix(*read)),
        # Large fills go up in parts; a failed upload must be able to take them back.
        statement("WriteRecovery", ["s3:AbortMultipartUpload", "s3:PutObject"], objects(bucket, *own)),
        statement("Journal", put, [Sub(f"{streams}{pattern}")]),
    ]
    if not settings.stream_suffix:
        # Streams of epoch 1 have no suffix, so their pattern matches all others' too; a symbol has no hyphen.
        later = [Sub(f"{streams}matching-engine-*-*")]
        made.append(statement("NotOtherStreams", put, later, effect="Deny"))
    return made
