"""The delivery streams of one epoch, with an alarm each. They live in the journal's region, whatever the site's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from troposphere import Ref, Template, cloudwatch, firehose

from templates.frame import blank, tags
from templates.settings import Settings


def streams(settings: Settings, number: int, symbols: Sequence[str]) -> Template:
    """Shard `number` (from 0): one delivery stream and one freshness alarm per symbol."""
    parameters = ("JournalBucketArn", "DeliveryRoleArn", "DeliveryLog", "Topic")
    template = blank(f"{settings.site} streams {number:02d}, epoch {settings.epoch}", *parameters)
    for symbol in symbols:
        template.add_resource(_stream(settings, symbol))
        template.add_resource(_alarm(settings, symbol))
    return template


def _title(kind: str, symbol: str) -> str:
    return kind + re.sub(r"[^A-Z0-9]", "x", symbol)


def _stream(settings: Settings, symbol: str) -> firehose.DeliveryStream:
    where, root = f"epoch={settings.epoch}/symbol={symbol}", settings.root
    return firehose.DeliveryStream(
        _title("Stream", symbol),
        DeliveryStreamName=settings.stream(symbol),
        DeliveryStreamType="DirectPut",
        DeliveryStreamEncryptionConfigurationInput=firehose.DeliveryStreamEncryptionConfigurationInput(
            KeyType="AWS_OWNED_CMK"
        ),
        ExtendedS3DestinationConfiguration=firehose.ExtendedS3DestinationConfiguration(
            BucketARN=Ref("JournalBucketArn"),
            RoleARN=Ref("DeliveryRoleArn"),
            Prefix=f"{root}journal/{where}/!{{timestamp:yyyy/MM/dd/HH}}/",
            ErrorOutputPrefix=f"{root}errors/{where}/!{{firehose:error-output-type}}/!{{timestamp:yyyy/MM/dd}}/",
            CompressionFormat="GZIP",
            BufferingHints=firehose.BufferingHints(
                IntervalInSeconds=settings.buffer_seconds, SizeInMBs=settings.buffer_mib
            ),
            CloudWatchLoggingOptions=firehose.CloudWatchLoggingOptions(
                Enabled=True, LogGroupName=Ref("DeliveryLog"), LogStreamName="S3Delivery"
            ),
        ),
        Tags=tags(settings, Symbol=symbol),
    )


def _alarm(settings: Settings, symbol: str) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        _title("Freshness", symbol),
        AlarmName=f"aex-{settings.site}-freshness-{symbol}",
        AlarmDescription=f"The journal of {symbol} is delivered late",
        Namespace="AWS/Firehose",
        MetricName="DeliveryToS3.DataFreshness",
        Dimensions=[cloudwatch.MetricDimension(Name="DeliveryStreamName", Value=settings.stream(symbol))],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=settings.freshness_alarm_seconds,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[Ref("Topic")],
    )
