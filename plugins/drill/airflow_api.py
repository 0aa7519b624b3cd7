"""Airflow's REST API, as far as a drill needs it: log in, trigger, ask how the run is."""

from __future__ import annotations

from typing import Any

import httpx

from drill.settings import Settings

DAG = "dr_drill"
FAILBACK_DAG = "dr_failback"
TIMEOUT_S = 30


class AirflowError(RuntimeError):
    """Airflow could not be reached or refused; the message names the address, the answer and what to do."""


class AirflowApi:
    """A session with one Airflow about runs of one DAG. Every failure is an AirflowError in one line."""

    def __init__(self, settings: Settings, dag: str = DAG) -> None:
        self._dag = dag
        self._client = httpx.Client(base_url=settings.airflow_url, timeout=TIMEOUT_S)
        login = {"username": settings.airflow_user, "password": settings.airflow_password}
        token = self._call("POST", "/auth/token", json=login)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def trigger(self, drill: str, params: dict[str, Any]) -> None:
        """Start a run whose id is the drill's id."""
        body = {"dag_run_id": drill, "logical_date": None, "conf": params}
        self._call("POST", f"/api/v2/dags/{self._dag}/dagRuns", json=body)

    def state(self, drill: str) -> str:
        """queued, running, success or failed."""
        return str(self._call("GET", f"/api/v2/dags/{self._dag}/dagRuns/{drill}")["state"])

    def dag(self, dag: str) -> dict[str, Any]:
        """What Airflow says of a DAG: whether it is paused, when it runs next."""
        return dict(self._call("GET", f"/api/v2/dags/{dag}"))

    def mark_done(self, drill: str, step: str) -> None:
        """Set a step to success although it has not run: what an operator's click does."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{drill}/taskInstances/{step}"
        self._call("PATCH", path, json={"new_state": "success"})

    def questions(self, drill: str) -> list[dict[str, Any]]:
        """The required actions of a run that wait for an answer, each with its task instance and `created_at`."""
        open_ones: dict[str, str | bool] = {"response_received": False, "state": "deferred"}
        found = self._call("GET", f"/api/v2/dags/{self._dag}/dagRuns/{drill}/hitlDetails", params=open_ones)
        return list(found["hitl_details"])

    def answer(self, drill: str, step: str, choice: str) -> None:
        """Answer a step's required action: what a click on one of its options does."""
        path = f"/api/v2/dags/{self._dag}/dagRuns/{drill}/taskInstances/{step}/-1/hitlDetails"
        self._call("PATCH", path, json={"chosen_options": [choice], "params_input": {}})

    def note(self, drill: str, text: str) -> None:
        """The run's note says the verdict."""
        self._call("PATCH", f"/api/v2/dags/{self._dag}/dagRuns/{drill}", json={"note": text})

    def _call(self, method: str, path: str, **request: Any) -> Any:
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            msg = f"Airflow at {self._client.base_url}: {error}; is it up? AEX_AIRFLOW_URL names its address"
            raise AirflowError(msg) from error
        if answer.is_error:
            msg = f"Airflow {method} {path}: {answer.status_code} {answer.text[:300]}"
            raise AirflowError(msg)
        return answer.json()
