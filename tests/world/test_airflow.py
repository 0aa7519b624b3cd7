"""One real Airflow: it boots, an operator's run ends well, an auditor's is forbidden, a paused DAG's waits."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from emulator.admission import free_port
from emulator.airflow import USERS, Airflow
from emulator.plan import Settings, environment
from emulator.processes import MARK

DAGS = """
from airflow.sdk import DAG, CronTriggerTimetable, task

def build(dag_id, schedule, paused):
    with DAG(dag_id, schedule=schedule, is_paused_upon_creation=paused) as dag:
        @task
        def speak():
            return "spoken"
        speak()
    return dag

on_demand = build("on_demand", None, False)
weekly = build("weekly", CronTriggerTimetable("0 6 * * 6", timezone="UTC", run_immediately=False), True)
"""

BOOT = """
import sys
from pathlib import Path
from emulator.airflow import Airflow
from emulator.plan import Plan, Settings, _airflow, environment
from emulator.world import run_world

var, root, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
airflow = Airflow(var / "airflow", root, port)
settings = Settings(var, True, port, 1, 2, "", 5, 5, 5, 1)
plan = Plan(var, tuple(_airflow(airflow)), environment(settings, airflow), furnish=airflow.furnish)
sys.exit(run_world(plan, [sys.executable, *sys.argv[4:]]))
"""

VISIT = """
import json, os, sys, time, urllib.error, urllib.request

def call(path, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + token} if token else {})
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["AEX_AIRFLOW_URL"] + path, content, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None

passwords = json.load(open(os.environ["AEX_AIRFLOW_PASSWORDS"]))
token = {who: call("/auth/token", None, {"username": who, "password": word})[1]["access_token"]
         for who, word in passwords.items()}
deadline = time.monotonic() + 30
while call("/api/v2/dags/weekly", token["operator"])[0] != 200 and time.monotonic() < deadline:
    time.sleep(0.2)
order = {"dag_run_id": "r1", "logical_date": None, "conf": {}}
seen = {
    "nobody": call("/api/v2/dags/on_demand/dagRuns", None, order)[0],
    "auditor": call("/api/v2/dags/on_demand/dagRuns", token["auditor"], order)[0],
    "weekly": call("/api/v2/dags/weekly/dagRuns", token["operator"], order)[0],
    "operator": call("/api/v2/dags/on_demand/dagRuns", token["operator"], order)[0],
}
state = lambda dag: call(f"/api/v2/dags/{dag}/dagRuns/r1", token["auditor"])[1]["state"]
while state("on_demand") not in {"success", "failed"} and time.monotonic() < deadline:
    time.sleep(0.2)
seen |= {"states": [state("on_demand"), state("weekly")]}
seen["runs"] = call("/api/v2/dags/weekly/dagRuns", token["auditor"])[1]["total_entries"]
print(json.dumps(seen))
"""


def test_settings_keep_to_the_loopback_and_out_of_the_callers_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AWS_PROFILE", "production")
    airflow = Airflow(tmp_path / "airflow", tmp_path, 18080)
    words = airflow.furnish()
    assert words == {"AEX_AIRFLOW_PASSWORD": json.loads(airflow.passwords.read_text())["operator"]}
    names = environment(Settings(tmp_path, True, 18080, 1, 2, "", 5, 5, 5, 1), airflow)
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in names
    assert "AWS_PROFILE" not in names
    assert json.loads(names["AIRFLOW_CONN_AEX_AWS"])["extra"]["endpoint_url"] == names["AWS_ENDPOINT_URL"]
    assert airflow.settings()["api"]["host"] == "127.0.0.1"
    assert names["AEX_AIRFLOW_URL"] == airflow.url
    for name in ("airflow.cfg", "passwords.json"):
        assert stat.S_IMODE((airflow.home / name).stat().st_mode) == 0o600
    assert set(json.loads(airflow.passwords.read_text())) == set(USERS)


def test_passwords_and_secrets_outlive_a_boot_and_are_private(tmp_path: Path) -> None:
    airflow = Airflow(tmp_path, tmp_path, 18080)
    airflow.furnish()
    words, settings = airflow.passwords.read_text(), (tmp_path / "airflow.cfg").read_text()
    airflow.furnish()
    assert airflow.passwords.read_text() == words
    assert (tmp_path / "airflow.cfg").read_text() == settings
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_runs_that_a_killed_world_left_are_failed_and_finished_ones_kept(tmp_path: Path) -> None:
    airflow = Airflow(tmp_path, tmp_path, 18080)
    assert airflow.close_runs() == 0
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as connection, connection:
        connection.execute("CREATE TABLE dag_run (state TEXT)")
        connection.execute("CREATE TABLE task_instance (state TEXT, trigger_id INTEGER)")
        connection.executemany("INSERT INTO dag_run VALUES (?)", [("running",), ("queued",), ("success",)])
        connection.executemany("INSERT INTO task_instance VALUES (?, ?)", [("deferred", 1), ("success", None)])
    assert airflow.close_runs() == 2
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as connection:
        assert connection.execute("SELECT state FROM dag_run").fetchall() == [("failed",), ("failed",), ("success",)]
        assert connection.execute("SELECT * FROM task_instance").fetchall() == [("failed", None), ("success", None)]


@pytest.mark.world
def test_airflow_boots_runs_on_demand_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "plugins").mkdir()
    (tmp_path / "dags" / "two.py").write_text(textwrap.dedent(DAGS))
    argv = [sys.executable, "-c", BOOT, str(tmp_path / "var"), str(tmp_path), str(free_port()), "-c", VISIT]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "nobody": 401,
        "auditor": 403,
        "weekly": 200,
        "operator": 200,
        "states": ["success", "queued"],  # a paused DAG's run waits, whoever asked for it
        "runs": 1,  # the timetable has not fired
    }
    assert "nothing left" in ran.stderr
    assert "had to be killed" not in ran.stderr
    mark = (tmp_path / "var" / "run" / "world" / "mark").read_text().strip()
    assert [
        found for found in psutil.process_iter(["environ"]) if (found.info["environ"] or {}).get(MARK) == mark
    ] == []
    passwords = json.loads((tmp_path / "var" / "airflow" / "passwords.json").read_text())
    logs = "".join(path.read_text() for path in (tmp_path / "var" / "airflow" / "logs").rglob("*.log"))
    assert [user for user, word in passwords.items() if word in logs] == []
    assert os.access(tmp_path / "var" / "airflow" / "airflow.db", os.R_OK)
