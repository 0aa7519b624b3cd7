"""What outlives every drill: evidence, the witnesses' bucket, the signing key, the roles of who testifies."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, iam, kms, s3

from templates.buckets import QUARTER_DAYS, add_bucket, classes
from templates.drill_role import drill_statements
from templates.frame import account_tags, blank, offer, output
from templates.policies import objects, only_prefix, role, statement, trust_account
from templates.settings import Settings

JOURNAL = "arn:${AWS::Partition}:s3:::aex-journal-${AWS::AccountId}"
# Sacrificial symbols (method.md §5): the saboteur reaches these prefixes and nothing else.
SACRIFICIAL = "journal/epoch=*/symbol=ZZT*/*"


def evidence(settings: Settings) -> Template:
    """Evidence and witness buckets, signing key, roles of the drill and of its adversaries."""
    template = blank("evidence: buckets, signing key and roles that no drill deletes")
    add_bucket(
        template,
        settings,
        "EvidenceBucket",
        "aex-evidence",
        ObjectLockEnabled=True,
        ObjectLockConfiguration=s3.ObjectLockConfiguration(ObjectLockEnabled="Enabled"),
        LoggingConfiguration=s3.LoggingConfiguration(
            DestinationBucketName=Ref("AccessLogBucket"), LogFilePrefix="evidence/"
        ),
        # The chain is in no class: it is never swept.
        LifecycleConfiguration=classes(
            ("records", "drills/", settings.record_retention_days), ("templates", "templates/", QUARTER_DAYS)
        ),
    )
    _access_log(template, settings)
    # A mailbox: the last word of members and monitor is written again each second. What matters goes to the evidence.
    add_bucket(template, settings, "WitnessBucket", "aex-witness", versioned=False)
    _signing_key(template)
    for made in _roles():
        template.add_resource(made)
    offer(template, "EvidenceBucket", "WitnessBucket", "SigningKey.Arn")
    offer(template, "DrillRole.Arn", "SaboteurRole.Arn", "FaultInjectorRole.Arn", "WitnessRole.Arn")
    offer(template, "RecordsRole.Arn")
    output(template, "SigningKeyAlias", "alias/aex-evidence")
    return template


def _access_log(template: Template, settings: Settings) -> None:
    """Who read the evidence: S3 writes a line per request. Kept as long as the records; nobody else may write there."""
    deliver = statement(
        "LogDelivery",
        ["s3:PutObject"],
        [Sub("${AccessLogBucket.Arn}/evidence/*")],
        condition={"StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")}},
        principal={"Service": "logging.s3.amazonaws.com"},
    )
    kept = classes(("reads", "evidence/", settings.record_retention_days))
    add_bucket(
        template,
        settings,
        "AccessLogBucket",
        "aex-evidence-reads",
        allow=[deliver],
        LifecycleConfiguration=kept,
    )


def _signing_key(template: Template) -> None:
    template.add_resource(
        kms.Key(
            "SigningKey",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Description="Signs the evidence of drills",
            KeySpec="ECC_NIST_P256",
            KeyUsage="SIGN_VERIFY",
            KeyPolicy={
                "Version": "2012-10-17",
                "Statement": [
                    statement(
                        "AccountDecides",
                        ["kms:*"],
                        ["*"],
                        principal={"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
                    )
                ],
            },
            Tags=account_tags(),
        )
    )
    template.add_resource(
        kms.Alias(
            "SigningKeyAlias",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            AliasName="alias/aex-evidence",
            TargetKeyId=GetAtt("SigningKey", "Arn"),
        )
    )


def _roles() -> list[iam.Role]:
    return [
        _role("DrillRole", "aex-drill", drill_statements(), [Sub(_VIEW_ONLY)]),
        _role("SaboteurRole", "aex-saboteur", _saboteur()),
        _role("FaultInjectorRole", "aex-fault-injector", _fault_injector()),
        _role("WitnessRole", "aex-witness", _witness()),
        _role("RecordsRole", "aex-records", _records()),
    ]


# The inventory proves that *nothing* was left behind, so it lists services that this code does not know.
_VIEW_ONLY = "arn:${AWS::Partition}:iam::aws:policy/job-function/ViewOnlyAccess"


def _role(title: str, name: str, statements: list[dict[str, Any]], managed: list[Any] | None = None) -> iam.Role:
    more = {"ManagedPolicyArns": managed} if managed else {}
    made = role(title, name, trust_account(), statements, account_tags(), **more)
    made.DeletionPolicy = made.UpdateReplacePolicy = "Retain"
    return made


_VERSIONED_ACCESS = [
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
]
_LISTING = ["s3:ListBucket", "s3:ListBucketVersions"]


def _saboteur() -> list[dict[str, Any]]:
    listed = only_prefix("journal/epoch=*/symbol=ZZT*")
    return [
        statement("SacrificialObjects", _VERSIONED_ACCESS, objects(JOURNAL, SACRIFICIAL)),
        statement("SacrificialListing", _LISTING, [Sub(JOURNAL)], condition=listed),
    ]


def _fault_injector() -> list[dict[str, Any]]:
    ecs = "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}"
    return [
        statement("JournalObjects", _VERSIONED_ACCESS, objects(JOURNAL, "journal/*", "snapshots/*")),
        statement("JournalListing", _LISTING, [Sub(JOURNAL)], condition=only_prefix("journal/*", "snapshots/*")),
        # Captures that were handed over: what a member's disk may do to them (F22).
        statement("Captures", ["s3:GetObject", "s3:PutObject"], objects("${WitnessBucket.Arn}", "captures/*")),
        statement("CaptureListing", _LISTING, [GetAtt("WitnessBucket", "Arn")], condition=only_prefix("captures/*")),
        # An orphan (F15), and a right too many (F20): on DR sites alone, whose names begin so.
        statement(
            "Orphans",
            ["logs:CreateLogGroup", "logs:DeleteLogGroup"],
            [Sub("arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/aex/dr-*")],
        ),
        statement(
            "TooMuchRight",
            ["iam:DeleteRolePolicy", "iam:PutRolePolicy"],
            [Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aex-dr-*-engine")],
        ),
        statement("StopTasks", ["ecs:StopTask", "ecs:DescribeTasks"], [Sub(f"{ecs}:task/aex-*/*")]),
        statement("EmptyServices", ["ecs:UpdateService", "ecs:DescribeServices"], [Sub(f"{ecs}:service/aex-*/*")]),
        # A task listing is addressed to container instances, which Fargate does not have: the cluster is a condition.
        statement(
            "ListTasks",
            ["ecs:ListTasks", "ecs:ListServices"],
            ["*"],
            condition={"ArnLike": {"ecs:cluster": Sub(f"{ecs}:cluster/aex-*")}},
        ),
    ]


def _records() -> list[dict[str, Any]]:
    """Who amends, signs off and holds: a person's role. The drill cannot lift a hold, this role cannot build a site."""
    bucket = "${EvidenceBucket.Arn}"
    anchor = "arn:${AWS::Partition}:s3:::aex-evidence-anchor-${AWS::AccountId}"
    hold = ["s3:GetObjectLegalHold", "s3:PutObjectLegalHold"]
    read = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"]
    write = ["s3:PutObject", "s3:PutObjectRetention"]
    return [
        statement("Read", read, [*objects(bucket, "drills/*", "chain/*"), *objects(anchor, "heads/*")]),
        statement("Append", write, [*objects(bucket, "chain/*"), *objects(anchor, "heads/*")]),
        statement("Hold", hold, objects(bucket, "drills/*")),
        statement("List", _LISTING, [GetAtt("EvidenceBucket", "Arn"), Sub(anchor)]),
        statement("Sign", ["kms:GetPublicKey", "kms:Sign"], [GetAtt("SigningKey", "Arn")]),
    ]


def _witness() -> list[dict[str, Any]]:
    bucket = "${WitnessBucket.Arn}"
    return [
        statement("WitnessObjects", ["s3:GetObject", "s3:PutObject"], objects(bucket, "*")),
        statement("WitnessListing", ["s3:ListBucket"], [GetAtt("WitnessBucket", "Arn")]),
    ]
