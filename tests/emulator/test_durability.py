"""What was confirmed is there again after a kill -9 of the emulator: streams' records, and objects of every bucket."""

from __future__ import annotations

import gzip
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.spool import Address, Spool, SpoolError
from tests.emulator.conftest import Cloud, eventually

JOURNAL = "aex-journal-000000000000"
ADDRESS = Address(account="0" * 12, region="us-west-2", stream="S", bucket=JOURNAL, key="journal/x.gz", gzip=True)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Cloud]:
    """An emulator of this test's own, to be killed."""
    cloud = Cloud(tmp_path).start()
    yield cloud
    cloud.stop()


def bodies(cloud: Cloud, bucket: str, prefix: str = "") -> dict[str, bytes]:
    s3 = cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed}


def test_a_confirmed_record_is_delivered_by_the_next_emulator_and_once(mortal: Cloud) -> None:
    bucket = mortal.bucket(JOURNAL)
    mortal.stream("late", bucket, seconds=900)
    firehose = mortal.client("firehose")
    records = [b"r%d;" % number for number in range(50)]
    for record in records[:40]:
        firehose.put_record(DeliveryStreamName="late", Record={"Data": record})
    firehose.put_record_batch(DeliveryStreamName="late", Records=[{"Data": record} for record in records[40:]])
    assert bodies(mortal, bucket) == {}
    mortal.stop(signal.SIGKILL)

    mortal.start()
    ((key, body),) = bodies(mortal, bucket).items()
    assert key.startswith("journal/late/")
    assert gzip.decompress(body) == b"".join(records)
    mortal.stop(signal.SIGKILL)
    mortal.start()
    assert bodies(mortal, bucket) == {key: body}


def test_a_batch_whose_bucket_is_gone_waits_on_disk_for_it(mortal: Cloud) -> None:
    mortal.stream("homeless", mortal.bucket("gone-by-then"), seconds=900)
    mortal.client("firehose").put_record(DeliveryStreamName="homeless", Record={"Data": b"kept"})
    mortal.client("s3").delete_bucket(Bucket="gone-by-then")
    mortal.stop(signal.SIGKILL)
    mortal.start()
    mortal.bucket("gone-by-then")
    mortal.stop(signal.SIGKILL)
    mortal.start()
    assert [gzip.decompress(body) for body in bodies(mortal, "gone-by-then").values()] == [b"kept"]


def test_objects_versions_and_settings_of_every_bucket_survive_and_deleted_bytes_leave_the_disk(mortal: Cloud) -> None:
    bucket = mortal.bucket(JOURNAL)
    s3 = mortal.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="journal/a", Body=b"one" * 1000)["VersionId"]
    s3.put_object(Bucket=bucket, Key="journal/a", Body=b"two" * 1000, Metadata={"seq": "2"})
    s3.put_object(Bucket=bucket, Key="journal/b", Body=b"one" * 1000)
    s3.copy_object(Bucket=bucket, Key="journal/c", CopySource={"Bucket": bucket, "Key": "journal/a"})
    hidden = s3.delete_object(Bucket=bucket, Key="journal/b")["VersionId"]
    mortal.stop(signal.SIGKILL)

    mortal.start()
    s3 = mortal.client("s3")
    assert bodies(mortal, bucket) == {"journal/a": b"two" * 1000, "journal/c": b"two" * 1000}
    assert s3.head_object(Bucket=bucket, Key="journal/a")["Metadata"] == {"seq": "2"}
    assert s3.get_object(Bucket=bucket, Key="journal/a", VersionId=first)["Body"].read() == b"one" * 1000
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    s3.delete_object(Bucket=bucket, Key="journal/b", VersionId=hidden)
    assert bodies(mortal, bucket)["journal/b"] == b"one" * 1000

    blobs = mortal.home / "aws" / "s3" / "000000000000" / bucket / "blobs"
    assert sum(path.stat().st_size for path in blobs.iterdir()) == 6000
    found = s3.list_object_versions(Bucket=bucket)
    every = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found["Versions"]]
    keep = {"Key": "journal/a", "VersionId": first}
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [one for one in every if one != keep]})
    assert bodies(mortal, bucket) == {"journal/a": b"one" * 1000}
    mortal.stop(signal.SIGKILL)
    mortal.start()
    assert bodies(mortal, bucket) == {"journal/a": b"one" * 1000}
    assert sum(path.stat().st_size for path in blobs.iterdir()) == 3000


def test_what_cannot_be_written_is_not_confirmed(mortal: Cloud) -> None:
    mortal.stream("full", mortal.bucket(JOURNAL), seconds=900)
    firehose = mortal.client("firehose")
    firehose.put_record(DeliveryStreamName="full", Record={"Data": b"good"})
    (page,) = (mortal.home / "aws" / "firehose").glob("*.batch")
    page.rename(page.with_suffix(".away"))  # stands in for a full disk: the write fails
    with pytest.raises(firehose.exceptions.ServiceUnavailableException, match="put it again"):
        firehose.put_record(DeliveryStreamName="full", Record={"Data": b"lost"})
    page.with_suffix(".away").rename(page)
    firehose.put_record(DeliveryStreamName="full", Record={"Data": b"again"})
    mortal.stop()
    mortal.start()
    assert [gzip.decompress(body) for body in bodies(mortal, JOURNAL).values()] == [b"goodagain"]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.data())
def test_a_page_cut_anywhere_gives_back_exactly_the_whole_records_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], data: st.DataObject
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    page = spool.open("one", ADDRESS)
    ends = [page.size]
    for record in records:
        page.append(record)
        ends.append(page.size)
    cut = data.draw(st.integers(ends[0], ends[-1]))
    with page.path.open("r+b") as file:
        file.truncate(cut)
    whole = sum(end <= cut for end in ends[1:])
    assert [left.records for left in spool.left()] == ([records[:whole]] if whole else [])
    assert page.path.exists() == bool(whole)


def test_a_write_that_fails_leaves_the_records_before_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    page = spool.open("one", ADDRESS)
    page.append(b"first")
    page.path.chmod(0o400)
    page.path.rename(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match=r"6 bytes is not on disk in .*one\.batch.*make room"):
        page.append(b"second")
    (tmp_path / "elsewhere").rename(page.path)
    page.path.chmod(0o600)
    page.append(b"third")
    (left,) = spool.left()
    assert (left.address, left.records) == (ADDRESS, [b"first", b"third"])


def test_health_counts_what_waits(mortal: Cloud) -> None:
    mortal.stream("short", mortal.bucket(JOURNAL), seconds=1)
    mortal.client("firehose").put_record(DeliveryStreamName="short", Record={"Data": b"x"})
    eventually(lambda: mortal.get("/_aex/health")["records_waiting"] == 0)
    assert list((mortal.home / "aws" / "firehose").iterdir()) == []
