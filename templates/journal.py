"""The journal's home: the bucket, and the role that delivers into it."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Sub, Template, logs

from templates.buckets import QUARTER_DAYS, add_bucket, classes
from templates.frame import account_tags, blank, offer, output
from templates.policies import objects, role, statement, trust_service
from templates.settings import EXERCISES, Settings


def journal(settings: Settings) -> Template:
    """Journal bucket, delivery role, and the log of deliveries that failed."""
    template = blank("journal: the bucket every delivery stream writes to")
    days = settings.journal_retention_days
    # What a recovery still needs is known to `python -m drill retention` alone (ADR 19); these rules end what is older
    # than anything that it keeps. What an exercise wrote was copied into the evidence when it happened.
    kept = classes(
        *((name, f"{name}/", days) for name in ("journal", "snapshots", "recovered")),
        ("exercises", EXERCISES, QUARTER_DAYS),
    )
    add_bucket(template, settings, "JournalBucket", "aex-journal", LifecycleConfiguration=kept)
    template.add_resource(
        logs.LogGroup(
            "DeliveryLog",
            LogGroupName="/aex/delivery",
            RetentionInDays=settings.log_retention_days,
            Tags=account_tags(),
        )
    )
    template.add_resource(
        logs.LogStream("DeliveryLogStream", LogGroupName=Ref("DeliveryLog"), LogStreamName="S3Delivery")
    )
    bucket = "${JournalBucket.Arn}"
    listing = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    writing = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    statements = [
        statement("Bucket", listing, [GetAtt("JournalBucket", "Arn")]),
        statement("Deliver", writing, objects(bucket, "journal/*", "errors/*", f"{EXERCISES}*")),
        statement("Failures", ["logs:PutLogEvents"], [Sub("${DeliveryLog.Arn}")]),
    ]
    trust = trust_service("firehose.amazonaws.com")
    template.add_resource(role("DeliveryRole", "aex-delivery", trust, statements, account_tags()))
    offer(template, "JournalBucket", "DeliveryRole.Arn", "DeliveryLog")
    output(template, "JournalBucketArn", GetAtt("JournalBucket", "Arn"))
    return template
