"""Notices under a real scheduler: the deadline alert fires, the watch runs, and people are told each thing once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from emulator.admission import free_port

ROOT = Path(__file__).resolve().parents[2]

SLOW = """
from airflow.sdk import DAG, task
from drill.deadline import objective_alert

with DAG("slow", schedule=None, is_paused_upon_creation=True, deadline=objective_alert(3)):  # so its runs wait
    @task
    def speak():
        return "never"
    speak()
"""

BOOT = """
import sys
from pathlib import Path
from emulator.airflow import Airflow
from emulator.plan import Plan, Settings, _airflow, _aws, environment
from emulator.world import run_world

var, root = Path(sys.argv[1]), Path(sys.argv[2])
airflow_port, aws_port, dns_port = map(int, sys.argv[3:6])
airflow = Airflow(var / "airflow", root, airflow_port)
settings = Settings(var, True, airflow_port, aws_port, dns_port, "", 5, 5, 5, 1)
plan = Plan(var, (_aws(settings), *_airflow(airflow)), environment(settings, airflow), furnish=airflow.furnish)
sys.exit(run_world(plan, [sys.executable, *sys.argv[6:]]))
"""

VISIT = """
import json, os, time
import boto3
from drill import clock
from drill.airflow_api import AirflowApi
from drill.aws import evidence_store
from drill.aws.topic import NAME
from drill.docket import Docket
from drill.settings import Settings
from tests.core import worlds

LATE = "drill-20261121-140000-abcdef"
settings, west = Settings(), boto3.Session(region_name="us-west-2")
s3, sns, sqs = (west.client(name) for name in ("s3", "sns", "sqs"))
place = {"LocationConstraint": "us-west-2"}
s3.create_bucket(Bucket=settings.evidence_bucket, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
s3.create_bucket(Bucket=settings.journal_bucket, CreateBucketConfiguration=place)
evidence_store.require_lock(west, settings.evidence_bucket)
topic = sns.create_topic(Name=NAME)["TopicArn"]
url = sqs.create_queue(QueueName="people")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [may]})})
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

docket = Docket(LATE, settings, lambda region: west)
began_ns = clock.now_ns() - 600 * worlds.SECOND
registration = worlds.documents()["registration"]
registration["plan"]["rto_objective_s"] = 60
docket.file("registration", {**registration, "registered_ns": str(began_ns)})
docket.event("build", "begin", queued="")
s3.put_object(Bucket=settings.evidence_bucket, Key="notices/since.json", Body=b'{"at_ns": "0"}')

api, told = AirflowApi(settings), []
def until(ready, seconds=60):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, told
        time.sleep(0.3)
def people():
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        told.append(json.loads(message["Body"])["Subject"])
    return told
def call(method, path, **body):
    return api._client.request(method, "/api/v2/dags/" + path, **body)
until(lambda: call("GET", "slow").status_code == call("GET", "dr_watch").status_code == 200)
call("POST", "slow/dagRuns", json={"dag_run_id": LATE, "logical_date": None, "conf": {}}).raise_for_status()
until(people)
docket.put("outcome.json", json.dumps({"outcome": "ABORTED", "sentence": "Not shown.", "manifest_sha256": ""}).encode())
paused = call("GET", "dr_watch").json()["is_paused"]
call("PATCH", "dr_watch", json={"is_paused": False}).raise_for_status()
for run in ("one", "two"):
    call("POST", "dr_watch/dagRuns", json={"dag_run_id": run, "logical_date": None, "conf": {}}).raise_for_status()
    until(lambda: call("GET", "dr_watch/dagRuns/" + run).json()["state"] in {"success", "failed"})
states = [call("GET", "dr_watch/dagRuns/" + run).json()["state"] for run in ("one", "two")]
people()
print(json.dumps({"told": told, "states": states, "paused": paused}))
"""


@pytest.mark.world
def test_an_objective_that_passes_is_told_at_once_and_the_watch_tells_the_rest_once(tmp_path: Path) -> None:
    for folder in ("dags", "plugins"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dags" / "slow.py").write_text(textwrap.dedent(SLOW))
    shutil.copy(ROOT / "dags" / "dr_watch.py", tmp_path / "dags")
    ports = [str(free_port()) for _ in range(3)]
    argv = [sys.executable, "-c", BOOT, str(tmp_path / "var"), str(tmp_path), *ports, "-c", VISIT]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["states"] == ["success", "success"]
    assert seen["paused"] is True  # a world that lives for one drill has nobody to tell
    missed = [subject for subject in seen["told"] if "MISSED" in subject]
    subjects = [subject for subject in seen["told"] if subject not in missed]
    assert subjects[0].startswith("AEX drill late, runs for 10 min")
    assert sorted(subjects[1:]) == [
        "AEX drill ABORTED: drill-20261121-140000-abcdef, RTO not achieved, unknown orders lost",
        "AEX drill teardown not run: drill-20261121-140000-abcdef",
    ]
    assert len(missed) <= 1  # by the day of the week on which this runs
