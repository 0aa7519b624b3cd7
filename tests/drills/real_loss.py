"""A real loss, played inside a world: the primary is killed, a failover is asked for, two people approve it.

Runs as the world's command (`python -m emulator world -- python -m tests.drills.real_loss`), so that it has the
operator's environment; the exit status is that of `python -m drill run`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from drill.run import EXIT
from engine.storage import open_store
from tests.patience import until

CLUSTERS = [f"aex-primary-{part}" for part in ("MatchingEngine", "MarketData", "Customer")]
ACKNOWLEDGED = 2_000
SAID = "members/latest.json"
APPROVERS = {"first_approval": "admin", "second_approval": "deputy"}
PATIENCE_S = 120


def await_orders() -> None:
    """There must be something to lose: members say how much was acknowledged to them."""
    words = open_store(f"s3://{os.environ['AEX_WITNESS_BUCKET']}/words/")

    def enough() -> bool:
        return words.exists(SAID) and int(json.loads(words.get(SAID))["acked"]) >= ACKNOWLEDGED

    until(enough, PATIENCE_S, f"{ACKNOWLEDGED} commands acknowledged to members")


def kill_primary() -> None:
    """SIGKILL to every process of the primary, and none of them comes back."""
    order = {"clusters": CLUSTERS, "region": "", "hold": True}
    answer = httpx.post(f"{os.environ['AWS_ENDPOINT_URL']}/_aex/kill", json=order, timeout=10)
    answer.raise_for_status()


def release_primary() -> None:
    """The data centre is back, and may be built anew."""
    answer = httpx.post(f"{os.environ['AWS_ENDPOINT_URL']}/_aex/release", json={"clusters": CLUSTERS}, timeout=10)
    answer.raise_for_status()


def signed_in(user: str) -> httpx.Client:
    """A session with Airflow as one of its users."""
    known = json.loads(Path(os.environ["AEX_AIRFLOW_PASSWORDS"]).read_text())
    client = httpx.Client(base_url=os.environ["AEX_AIRFLOW_URL"], timeout=30)
    login = client.post("/auth/token", json={"username": user, "password": known[user]})
    login.raise_for_status()
    client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
    return client


def open_question(client: httpx.Client) -> dict[str, Any]:
    """The one required action that nobody has answered and whose task waits."""

    def asked() -> list[dict[str, Any]]:
        wanted: dict[str, str | bool] = {"response_received": False, "state": "deferred"}
        found = client.get("/api/v2/dags/dr_drill/dagRuns/~/hitlDetails", params=wanted)
        found.raise_for_status()
        return list(found.json()["hitl_details"])

    return until(asked, PATIENCE_S, "a required action")[0]


def answer(user: str, task: str, choice: str = "Approve") -> None:
    """Wait until Airflow asks, and answer in the same moment as this user."""
    client = signed_in(user)
    asked = open_question(client)["task_instance"]
    assert asked["task_id"] == task, asked["task_id"]
    place = f"/api/v2/dags/{asked['dag_id']}/dagRuns/{asked['dag_run_id']}/taskInstances/{task}/-1/hitlDetails"
    client.patch(place, json={"chosen_options": [choice], "params_input": {}}).raise_for_status()


def main() -> int:
    """Lose the primary, fail over, go home; what `drill run` and `drill failback` say goes to standard output."""
    await_orders()
    kill_primary()
    argv = [sys.executable, "-m", "drill", "run", "--purpose", "failover", "--load-s", "15"]
    with subprocess.Popen(argv) as run:
        for task, user in APPROVERS.items():
            answer(user, task)
        status = run.wait()
    if status != EXIT["FAILOVER"]:
        return status
    release_primary()
    return subprocess.run([sys.executable, "-m", "drill", "failback"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
