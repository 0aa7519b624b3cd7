"""Starting, stopping and dying: what survives, what goes along."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import ROOT, WEST, Cloud, eventually

BUCKET = "aex-evidence-000000000000"
EVIDENCE = {
    "Bucket": {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "Properties": {
            "BucketName": BUCKET,
            "VersioningConfiguration": {"Status": "Enabled"},
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
            },
        },
    }
}


def history(cloud: Cloud) -> object:
    found = cloud.client("s3").list_object_versions(Bucket=BUCKET)
    kept = [(entry["Key"], entry["VersionId"], entry["IsLatest"], entry["ETag"]) for entry in found.get("Versions", [])]
    return kept, [(entry["Key"], entry["VersionId"], entry["IsLatest"]) for entry in found.get("DeleteMarkers", [])]


def assert_locked(cloud: Cloud, version: str) -> None:
    s3 = cloud.client("s3")
    with pytest.raises(ClientError) as refused:
        s3.delete_object(Bucket=BUCKET, Key="runs/a.json", VersionId=version)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert s3.get_object(Bucket=BUCKET, Key="runs/a.json", VersionId=version)["Body"].read() == b"one"


def test_evidence_survives_kill_9_and_restart_and_no_stack_does(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path).start()
    try:
        cloud.build("evidence", EVIDENCE)
        s3 = cloud.client("s3")
        version = s3.put_object(Bucket=BUCKET, Key="runs/a.json", Body=b"one", Metadata={"run": "a"})["VersionId"]
        s3.put_object(Bucket=BUCKET, Key="runs/a.json", Body=b"two")
        s3.put_object(Bucket=BUCKET, Key="runs/b.json", Body=b"b", Tagging="kind=report")
        s3.delete_object(Bucket=BUCKET, Key="runs/b.json")
        s3.put_object_legal_hold(Bucket=BUCKET, Key="runs/a.json", VersionId=version, LegalHold={"Status": "ON"})
        before = history(cloud)
        assert cloud.stop(signal.SIGKILL) == -signal.SIGKILL

        cloud.start()
        s3 = cloud.client("s3")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]
        assert history(cloud) == before
        assert s3.get_object(Bucket=BUCKET, Key="runs/a.json")["Body"].read() == b"two"
        assert s3.head_object(Bucket=BUCKET, Key="runs/a.json", VersionId=version)["Metadata"] == {"run": "a"}
        assert_locked(cloud, version)
        cloud.build("evidence", EVIDENCE)
        assert history(cloud) == before
        assert_locked(cloud, version)
        s3.put_object(Bucket=BUCKET, Key="runs/c.json", Body=b"c")
        after = history(cloud)
        assert cloud.stop() == 0

        cloud.start()
        assert history(cloud) == after
        assert_locked(cloud, version)
        with pytest.raises(ClientError, match="does not exist"):
            cloud.client("cloudformation").describe_stacks(StackName="evidence")
    finally:
        cloud.stop()


def test_sigterm_lets_tasks_put_their_last_record_and_delivers_it(tmp_path: Path) -> None:
    last_words = (
        "import boto3,signal,sys\n"
        "firehose = boto3.client('firehose')\n"
        "def stop(*_):\n"
        "    firehose.put_record(DeliveryStreamName='last', Record={'Data': b'bye'})\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "firehose.put_record(DeliveryStreamName='last', Record={'Data': b'hello '})\n"
        "print('up')\n"
        "while True: signal.pause()\n"
    )
    cloud = Cloud(tmp_path).start()
    try:
        bucket = cloud.bucket("last-words")
        cloud.stream("last", bucket, seconds=900)
        role = cloud.role("last", {"Effect": "Allow", "Action": "firehose:PutRecord", "Resource": "*"})
        ecs = cloud.client("ecs")
        ecs.create_cluster(clusterName="last")
        ecs.register_task_definition(
            family="last",
            taskRoleArn=role,
            containerDefinitions=[{"name": "last", "image": "x", "command": ["python", "-c", last_words]}],
        )
        ecs.create_service(cluster="last", serviceName="last", taskDefinition="last", desiredCount=1)
        logs = cloud.home / "run" / "tasks"
        eventually(lambda: any(path.read_text() for path in logs.glob("*.log")))
    finally:
        assert cloud.stop() == 0
    cloud.start()
    try:
        s3 = cloud.client("s3")
        (entry,) = s3.list_objects_v2(Bucket="last-words")["Contents"]
        assert gzip.decompress(s3.get_object(Bucket="last-words", Key=entry["Key"])["Body"].read()) == b"hello bye"
    finally:
        cloud.stop()


def test_tasks_die_with_a_killed_emulator_and_their_pid_files_are_swept(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path).start()
    try:
        ecs = cloud.client("ecs", WEST)
        ecs.create_cluster(clusterName="orphans")
        command = ["python", "-c", "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
        ecs.register_task_definition(
            family="orphan", containerDefinitions=[{"name": "main", "image": "x", "command": command}]
        )
        ecs.create_service(cluster="orphans", serviceName="orphan", taskDefinition="orphan", desiredCount=2)
        folder = cloud.home / "run" / "tasks"
        eventually(lambda: len(list(folder.glob("*.pid"))) == 2)
        pids = [int(path.read_text().split()[0]) for path in folder.glob("*.pid")]
        cloud.stop(signal.SIGKILL)
        eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))
        stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        (folder / "stray.pid").write_text(f"{stray.pid} {psutil.Process(stray.pid).create_time()}\n")
        (folder / "reused.pid").write_text(f"{os.getpid()} 1.0\n")
        cloud.start()
        assert stray.wait(5) == -signal.SIGKILL
        assert list(folder.glob("*.pid")) == []
    finally:
        cloud.stop()


@pytest.mark.parametrize("taken", ["--port", "--dns-port"])
def test_a_taken_port_is_one_clear_line_and_status_2(cloud: Cloud, tmp_path: Path, taken: str) -> None:
    ports = {"--port": str(Cloud(tmp_path).port), "--dns-port": str(Cloud(tmp_path).dns_port)}
    ports[taken] = str(cloud.port if taken == "--port" else cloud.dns_port)
    command = [
        sys.executable,
        "-m",
        "emulator",
        "serve",
        "--state",
        str(tmp_path / "aws"),
        "--run",
        str(tmp_path / "run"),
    ]
    for option, value in ports.items():
        command += [option, value]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"emulator: 127.0.0.1:{ports[taken]}")
    assert "another emulator" in line


def test_only_the_loopback_is_bound(cloud: Cloud) -> None:
    assert cloud.process is not None
    bound = psutil.Process(cloud.process.pid).net_connections()
    listening = {entry.laddr.ip for entry in bound if not entry.raddr}
    assert listening == {"127.0.0.1"}
