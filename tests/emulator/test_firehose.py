from __future__ import annotations

import gzip
import time

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import Cloud, allow, deny, eventually, now_seconds


def objects(cloud: Cloud, bucket: str, prefix: str = "") -> list[str]:
    listed = cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def content(cloud: Cloud, bucket: str, key: str) -> bytes:
    return bytes(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_records_of_one_interval_become_one_gzip_object_named_as_on_aws(cloud: Cloud) -> None:
    bucket = cloud.bucket("firehose-interval")
    cloud.stream("interval", bucket)
    firehose = cloud.client("firehose")
    ids = {
        firehose.put_record(DeliveryStreamName="interval", Record={"Data": b"r%d;" % n})["RecordId"] for n in range(9)
    }
    assert len(ids) == 9
    assert objects(cloud, bucket) == []
    (key,) = eventually(lambda: objects(cloud, bucket))
    hour = time.strftime("%Y/%m/%d/%H", time.gmtime())
    assert key.startswith(f"journal/interval/{hour}/interval-1-{hour[:10].replace('/', '-')}-")
    assert key.endswith(".gz")
    assert gzip.decompress(content(cloud, bucket, key)) == b"".join(b"r%d;" % n for n in range(9))


def test_a_full_buffer_is_delivered_before_its_interval_and_batches_keep_their_order(cloud: Cloud) -> None:
    bucket = cloud.bucket("firehose-size")
    cloud.stream("size", bucket, seconds=900, gzip=False)
    records = [{"Data": bytes([n]) * 100_000} for n in range(11)]
    answer = cloud.client("firehose").put_record_batch(DeliveryStreamName="size", Records=records)
    assert answer["FailedPutCount"] == 0
    assert len(answer["RequestResponses"]) == 11
    (key,) = eventually(lambda: objects(cloud, bucket))
    assert content(cloud, bucket, key) == b"".join(bytes([n]) * 100_000 for n in range(10))


def test_freshness_is_the_age_of_the_oldest_waiting_record_and_zero_when_none_waits(cloud: Cloud) -> None:
    bucket = cloud.bucket("firehose-fresh")
    cloud.stream("fresh", bucket, seconds=3)
    watch = cloud.client("cloudwatch")

    def ages() -> list[float]:
        query = {
            "Id": "m",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Firehose",
                    "MetricName": "DeliveryToS3.DataFreshness",
                    "Dimensions": [{"Name": "DeliveryStreamName", "Value": "fresh"}],
                },
                "Period": 1,
                "Stat": "Maximum",
            },
            "ReturnData": True,
        }
        now = now_seconds()
        found = watch.get_metric_data(
            MetricDataQueries=[query], StartTime=now - 60, EndTime=now + 1, ScanBy="TimestampAscending"
        )
        return list(found["MetricDataResults"][0]["Values"])

    eventually(lambda: ages() == [0.0] * len(ages()) and ages())
    cloud.client("firehose").put_record(DeliveryStreamName="fresh", Record={"Data": b"x"})
    eventually(lambda: max(ages()) >= 1.0)
    eventually(lambda: objects(cloud, bucket))
    eventually(lambda: ages()[-1] == 0.0)
    assert max(ages()) < 4.5
    statistics = watch.get_metric_statistics(
        Namespace="AWS/Firehose",
        MetricName="DeliveryToS3.DataFreshness",
        Dimensions=[{"Name": "DeliveryStreamName", "Value": "fresh"}],
        StartTime=now_seconds() - 60,
        EndTime=now_seconds() + 1,
        Period=60,
        Statistics=["Maximum"],
    )
    assert max(point["Maximum"] for point in statistics["Datapoints"]) == max(ages())
    assert (
        cloud.client("cloudwatch", "us-east-1").list_metrics(MetricName="DeliveryToS3.DataFreshness")["Metrics"] == []
    )


def test_an_unknown_stream_and_an_oversized_record_are_refused_by_name(cloud: Cloud) -> None:
    firehose = cloud.client("firehose")
    with pytest.raises(firehose.exceptions.ResourceNotFoundException, match="no-such-stream"):
        firehose.put_record(DeliveryStreamName="no-such-stream", Record={"Data": b"x"})
    cloud.stream("limit", cloud.bucket("firehose-limit"))
    with pytest.raises(firehose.exceptions.InvalidArgumentException, match="1,000 KiB"):
        firehose.put_record(DeliveryStreamName="limit", Record={"Data": b"x" * 1_024_001})


def test_an_explicit_deny_fences_a_role_within_a_second(cloud: Cloud) -> None:
    cloud.stream("fenced", cloud.bucket("firehose-fenced"))
    role = cloud.role("engine-fenced", allow("firehose:PutRecord", "firehose:PutRecordBatch"))
    firehose = cloud.client("firehose", role=cloud.assume(role))
    firehose.put_record(DeliveryStreamName="fenced", Record={"Data": b"before"})
    document = '{"Version":"2012-10-17","Statement":[' + str(deny("firehose:PutRecord*")).replace("'", '"') + "]}"
    cloud.client("iam").put_role_policy(RoleName="engine-fenced", PolicyName="fence", PolicyDocument=document)

    def denied() -> bool:
        try:
            firehose.put_record(DeliveryStreamName="fenced", Record={"Data": b"after"})
        except ClientError as refused:
            return bool(refused.response["Error"]["Code"] == "AccessDeniedException")
        return False

    eventually(denied, seconds=1)
    with pytest.raises(ClientError, match="explicit deny"):
        firehose.put_record_batch(DeliveryStreamName="fenced", Records=[{"Data": b"after"}])


@pytest.mark.parametrize("key", ["aex-operator", "test", "000000000000"])
def test_a_wrong_secret_puts_nothing(cloud: Cloud, key: str) -> None:
    cloud.stream(f"forged-{key}", cloud.bucket(f"firehose-forged-{key}"))
    forged = cloud.client("firehose", role={"AccessKeyId": key, "SecretAccessKey": "guess"})
    with pytest.raises(ClientError, match=r"(?i)signature|token"):
        forged.put_record(DeliveryStreamName=f"forged-{key}", Record={"Data": b"forged"})


def test_a_stream_whose_role_may_not_write_keeps_its_records_until_it_may(cloud: Cloud) -> None:
    bucket = cloud.bucket("firehose-role")
    cloud.stream("role", bucket)
    iam = cloud.client("iam")
    iam.delete_role_policy(RoleName="delivery-role", PolicyName="given")
    cloud.client("firehose").put_record(DeliveryStreamName="role", Record={"Data": b"kept"})
    eventually(
        lambda: (
            cloud.get("/_aex/health")["records_waiting"] >= 1
            and b"may not s3:PutObject" in (cloud.home / "emulator.log").read_bytes()
        )
    )
    assert objects(cloud, bucket) == []
    document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}}'
    iam.put_role_policy(RoleName="delivery-role", PolicyName="given", PolicyDocument=document)
    (key,) = eventually(lambda: objects(cloud, bucket))
    assert gzip.decompress(content(cloud, bucket, key)) == b"kept"


def test_a_freshness_alarm_watches_its_own_stream_alone(cloud: Cloud) -> None:
    watch = cloud.client("cloudwatch")
    bucket = cloud.bucket("firehose-alarm")
    late, empty = "alarm-late", "alarm-empty"
    for name in (late, empty):
        cloud.stream(name, bucket, seconds=60)
        watch.put_metric_alarm(
            AlarmName=f"fresh-{name}",
            Namespace="AWS/Firehose",
            MetricName="DeliveryToS3.DataFreshness",
            Dimensions=[{"Name": "DeliveryStreamName", "Value": name}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0.5,
            ComparisonOperator="GreaterThanThreshold",
        )
    cloud.client("firehose").put_record(DeliveryStreamName=late, Record={"Data": b"waits"})

    def states() -> dict[str, str]:
        alarms = watch.describe_alarms(AlarmNamePrefix="fresh-")["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    eventually(lambda: states()[f"fresh-{late}"] == "ALARM" and states()[f"fresh-{empty}"] == "OK", seconds=25)
