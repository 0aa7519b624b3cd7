from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import Cloud, allow, policy


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_a_role_writes_its_own_prefix_and_no_other(cloud: Cloud) -> None:
    bucket = cloud.bucket("identity-prefix")
    role = cloud.role("writer", allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/recovered/*"))
    s3 = cloud.client("s3", role=cloud.assume(role))
    s3.put_object(Bucket=bucket, Key="recovered/a", Body=b"a")
    for refuse in (
        lambda: s3.put_object(Bucket=bucket, Key="journal/a", Body=b"a"),
        lambda: s3.get_object(Bucket=bucket, Key="recovered/a"),
        lambda: s3.delete_object(Bucket=bucket, Key="recovered/a"),
    ):
        with pytest.raises(ClientError) as refused:
            refuse()
        assert code(refused) == "AccessDenied"


def test_a_role_cannot_widen_itself(cloud: Cloud) -> None:
    role = cloud.role("narrow", allow("s3:GetObject"))
    iam = cloud.client("iam", role=cloud.assume(role))
    with pytest.raises(ClientError) as refused:
        iam.put_role_policy(RoleName="narrow", PolicyName="more", PolicyDocument="{}")
    assert code(refused) == "AccessDenied"


def test_a_role_assumes_only_roles_that_trust_it(cloud: Cloud) -> None:
    session = cloud.assume(cloud.role("outsider", allow("sts:AssumeRole")))
    iam = cloud.client("iam")
    principal = {"Service": "ecs-tasks.amazonaws.com"}
    trust = policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName="engines-only", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with pytest.raises(ClientError) as refused:
        cloud.client("sts", role=session).assume_role(RoleArn=arn, RoleSessionName="outsider")
    assert code(refused) == "AccessDenied"


@pytest.mark.parametrize(("key", "secret"), [("aex-operator", "guess"), ("test", "test"), ("123456789012", "test")])
def test_only_the_operators_key_pair_is_root(cloud: Cloud, key: str, secret: str) -> None:
    forged = cloud.client("s3", role={"AccessKeyId": key, "SecretAccessKey": secret})
    with pytest.raises(ClientError):
        forged.list_buckets()


def test_a_conditional_put_wins_once(cloud: Cloud) -> None:
    bucket = cloud.bucket("identity-once")
    s3 = cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="control/epoch=2.json", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="control/epoch=2.json", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=bucket, Key="control/epoch=2.json")["Body"].read() == b"first"


def test_versions_and_delete_markers_can_be_undone(cloud: Cloud) -> None:
    bucket = cloud.bucket("identity-versions")
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second")["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"first"
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == second
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
