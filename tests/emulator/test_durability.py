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


def test_what_was_confirmed_is_there_after_a_kill_and_after_the_next(mortal: Cloud) -> None:
    """One emulator for all kinds of state, since each start costs seconds."""
    records = _put_records(mortal)
    _put_objects(mortal)
    key = _sign(mortal)
    mortal.stop(signal.SIGKILL)

    mortal.start()
    (late,) = bodies(mortal, JOURNAL, "journal/late/").items()
    assert gzip.decompress(late[1]) == b"".join(records)
    _objects_are_there(mortal)
    _key_is_there(mortal, key)
    mortal.bucket("gone-by-then")
    mortal.stop(signal.SIGKILL)

    mortal.start()
    assert [gzip.decompress(body) for body in bodies(mortal, "gone-by-then").values()] == [b"kept"]
    assert bodies(mortal, JOURNAL, "journal/late/") == dict([late])  # delivered once, under the same key
    assert bodies(mortal, JOURNAL, "journal/a") == {"journal/a": b"one" * 1000}
    blobs = mortal.home / "aws" / "s3" / "000000000000" / JOURNAL / "blobs"
    assert sum(path.stat().st_size for path in blobs.iterdir()) == 3000 + len(late[1])


def _put_records(cloud: Cloud) -> list[bytes]:
    """Fifty records that nothing has delivered; one more whose bucket is deleted before its delivery."""
    cloud.stream("late", cloud.bucket(JOURNAL), seconds=900)
    cloud.stream("homeless", cloud.bucket("gone-by-then"), seconds=900)
    firehose, records = cloud.client("firehose"), [b"r%d;" % number for number in range(50)]
    for record in records[:40]:
        firehose.put_record(DeliveryStreamName="late", Record={"Data": record})
    firehose.put_record_batch(DeliveryStreamName="late", Records=[{"Data": record} for record in records[40:]])
    firehose.put_record(DeliveryStreamName="homeless", Record={"Data": b"kept"})
    cloud.client("s3").delete_bucket(Bucket="gone-by-then")
    assert bodies(cloud, JOURNAL) == {}
    return records


def _put_objects(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(Bucket=JOURNAL, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=JOURNAL, Key="journal/a", Body=b"one" * 1000)
    s3.put_object(Bucket=JOURNAL, Key="journal/a", Body=b"two" * 1000, Metadata={"seq": "2"})
    s3.put_object(Bucket=JOURNAL, Key="journal/b", Body=b"one" * 1000)
    s3.copy_object(Bucket=JOURNAL, Key="journal/c", CopySource={"Bucket": JOURNAL, "Key": "journal/a"})
    s3.delete_object(Bucket=JOURNAL, Key="journal/b")


def _objects_are_there(cloud: Cloud) -> None:
    """Versions, delete markers, metadata and settings survived; what is deleted now takes its bytes off the disk."""
    s3 = cloud.client("s3")
    assert bodies(cloud, JOURNAL, "journal/a") == {"journal/a": b"two" * 1000}
    assert bodies(cloud, JOURNAL, "journal/c") == {"journal/c": b"two" * 1000}
    assert bodies(cloud, JOURNAL, "journal/b") == {}
    assert s3.head_object(Bucket=JOURNAL, Key="journal/a")["Metadata"] == {"seq": "2"}
    assert s3.get_bucket_versioning(Bucket=JOURNAL)["Status"] == "Enabled"
    (marker,) = s3.list_object_versions(Bucket=JOURNAL, Prefix="journal/b")["DeleteMarkers"]
    s3.delete_object(Bucket=JOURNAL, Key="journal/b", VersionId=marker["VersionId"])
    assert bodies(cloud, JOURNAL, "journal/b") == {"journal/b": b"one" * 1000}
    versions = s3.list_object_versions(Bucket=JOURNAL)["Versions"]
    first = next(one for one in versions if one["Key"] == "journal/a" and not one["IsLatest"])
    assert s3.get_object(Bucket=JOURNAL, Key="journal/a", VersionId=first["VersionId"])["Body"].read() == b"one" * 1000
    doomed = [one for one in versions if one["Key"].count("/") == 1 and one is not first]
    listed = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in doomed]
    s3.delete_objects(Bucket=JOURNAL, Delete={"Objects": listed})


SIGNING = {
    "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}},
    "Alias": {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/sign", "TargetKeyId": {"Ref": "Key"}}},
}
SAID = {"KeyId": "alias/sign", "Message": b"said", "SigningAlgorithm": "ECDSA_SHA_256"}


def _sign(cloud: Cloud) -> tuple[bytes, bytes]:
    """The public key of a stack, and a signature by it."""
    cloud.build("signing", SIGNING)
    kms = cloud.client("kms")
    return kms.get_public_key(KeyId="alias/sign")["PublicKey"], kms.sign(**SAID)["Signature"]


def _key_is_there(cloud: Cloud, key: tuple[bytes, bytes]) -> None:
    """The stack that is built again has the key that it had, until it is deleted."""
    public, signature = key
    cloud.build("signing", SIGNING)
    kms = cloud.client("kms")
    assert kms.get_public_key(KeyId="alias/sign")["PublicKey"] == public
    assert kms.verify(**SAID, Signature=signature)["SignatureValid"]
    (kept,) = (cloud.home / "aws" / "kms").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    cloud.client("cloudformation").delete_stack(StackName="signing")
    eventually(lambda: not kept.exists())


def test_what_cannot_be_written_is_not_confirmed(cloud: Cloud) -> None:
    folder = cloud.home / "aws" / "firehose"
    known = set(folder.glob("*.batch"))
    bucket = cloud.bucket("firehose-full")
    cloud.stream("full", bucket, seconds=4)
    firehose = cloud.client("firehose")
    firehose.put_record(DeliveryStreamName="full", Record={"Data": b"good"})
    (page,) = set(folder.glob("*.batch")) - known
    page.rename(page.with_suffix(".away"))  # stands in for a full disk: the write fails
    with pytest.raises(firehose.exceptions.ServiceUnavailableException, match="put it again"):
        firehose.put_record(DeliveryStreamName="full", Record={"Data": b"lost"})
    page.with_suffix(".away").rename(page)
    firehose.put_record(DeliveryStreamName="full", Record={"Data": b"again"})
    ((_, body),) = eventually(lambda: bodies(cloud, bucket)).items()
    assert gzip.decompress(body) == b"goodagain"
    eventually(lambda: not page.exists())


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
