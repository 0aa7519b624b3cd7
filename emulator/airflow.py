"""The scheduler of a world: an Airflow of four processes whose home, secrets and database live below `var/airflow`.

Four processes and not `airflow standalone`: standalone answers a SIGTERM by leaving its four children behind, while
each of the four stops cleanly within two seconds, and Linux can be asked to end each with the supervisor.

Every setting is in `airflow.cfg` (mode 0600, for it holds the secrets), written anew at each boot. So whoever sets
AIRFLOW_HOME sees the same Airflow as the scheduler does, and no secret is in an environment.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import sys
import urllib.request
from configparser import RawConfigParser
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulator.processes import Command

USERS: Final = {"admin": "admin", "operator": "op", "deputy": "op", "auditor": "viewer"}
"""User name -> role of the SimpleAuthManager. A viewer reads runs and the audit log and gets 403 on what writes."""

COMPONENTS: Final = ("scheduler", "dag_processor", "triggerer")
"""What `/api/v2/monitor/health` reports besides the database; a component is healthy once it has a recent heartbeat."""


STAND_BACK: Final = 5
"""nice(2) of the scheduler, whose workers inherit it, and of the dag-processor."""


@dataclass(frozen=True, slots=True)
class Airflow:
    """Where one Airflow lives: its home, the repository it serves, and its port on 127.0.0.1."""

    home: Path
    repository: Path
    port: int

    @property
    def url(self) -> str:
        """Address of the API and the pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def passwords(self) -> Path:
        """JSON file (mode 0600) of user name -> password."""
        return self.home / "passwords.json"

    def furnish(self) -> dict[str, str]:
        """Write settings, secrets and passwords; return what the operator's commands need to log in.

        All of them outlive a boot, as the database does, in which some things are encrypted by the secrets.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        known = json.loads(self.passwords.read_text()) if self.passwords.exists() else {}
        if set(known) != set(USERS):
            # Airflow would make up missing passwords itself, and print them into its log.
            write_private(
                self.passwords, json.dumps({user: known.get(user, secrets.token_urlsafe(18)) for user in USERS}) + "\n"
            )
        parser = RawConfigParser()
        parser.read_dict(self.settings())
        draft = self.home / "airflow.cfg.draft"
        write_private(draft, "")
        with draft.open("w") as handle:
            parser.write(handle)
        draft.replace(self.home / "airflow.cfg")
        self.close_runs()
        return {"AEX_AIRFLOW_PASSWORD": json.loads(self.passwords.read_text())["operator"]}

    def close_runs(self) -> int:
        """Fail the runs that an ended world left unfinished; return their number.

        Their exchange ended with their world, and a scheduler would take them up again beside the next drill.
        """
        database = self.home / "airflow.db"
        if not database.exists():
            return 0
        with closing(sqlite3.connect(database)) as connection, connection:
            known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not known.issuperset({"dag_run", "task_instance"}):  # its boot ended before the tables were made
                return 0
            connection.execute(
                "UPDATE task_instance SET state = 'failed', trigger_id = NULL"
                " WHERE state IN ('scheduled', 'queued', 'running', 'deferred', 'restarting', 'up_for_retry')"
            )
            closed = connection.execute("UPDATE dag_run SET state = 'failed' WHERE state IN ('queued', 'running')")
            return closed.rowcount

    def keys(self) -> dict[str, str]:
        """Return Airflow's own secrets, made up at the first boot (mode 0600)."""
        path = self.home / "secrets.json"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            made = {
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "secret_key": secrets.token_hex(64),
                "jwt_secret": secrets.token_hex(64),
            }
            write_private(path, json.dumps(made) + "\n")
        kept: dict[str, str] = json.loads(path.read_text())
        return kept

    def settings(self) -> dict[str, dict[str, str]]:
        """Return section -> option -> value: loopback only, nothing sent home, 0.2 s a step."""
        kept = self.keys()
        return {
            "core": {
                "dags_folder": str(self.repository / "dags"),
                "plugins_folder": str(self.repository / "plugins"),
                "load_examples": "False",
                "executor": "drill.executor.LocalExecutor",
                "parallelism": "8",
                "max_active_tasks_per_dag": "8",
                "fernet_key": kept["fernet_key"],
                # Without it tasks report to port 8080 whatever the port is, and fail without a word.
                "execution_api_server_url": f"{self.url}/execution/",
                "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in USERS.items()),
                "simple_auth_manager_passwords_file": str(self.passwords),
            },
            "database": {
                "sql_alchemy_conn": f"sqlite:///{self.home / 'airflow.db'}",
                "load_default_connections": "False",
            },
            "api": {
                "base_url": self.url,
                "host": "127.0.0.1",  # the default is every address of the machine
                "port": str(self.port),
                "workers": "1",
                "secret_key": kept["secret_key"],
            },
            "api_auth": {"jwt_secret": kept["jwt_secret"]},
            "logging": {"base_log_folder": str(self.home / "logs")},
            "scheduler": {
                "scheduler_idle_sleep_time": "0.1",
                "scheduler_heartbeat_sec": "1",
                # A scheduler that was killed is believed dead after this, and its tasks are given to the next one
                # (defaults: 30, 300, 300 s). A drill in flight goes on within a minute.
                "scheduler_health_check_threshold": "15",
                "orphaned_tasks_check_interval": "15",
                "task_instance_heartbeat_timeout": "45",
            },
            "triggerer": {"job_heartbeat_sec": "1"},
            "workers": {
                # A worker that misses its task's end by a moment sees it only after this many seconds (default 5).
                "min_heartbeat_interval": "1",
                # An API server that is being started again is waited for, for a minute (default: some ten seconds, and
                # the task has lost an attempt).
                "execution_api_retries": "30",
                "execution_api_retry_wait_max": "4",
            },
            "dag_processor": {
                # Files are found and parsed at the start; a world does not change its DAGs, and parsing costs a core.
                "refresh_interval": "300",
                "min_file_process_interval": "600",
                "parsing_processes": "1",
            },
            "usage_data_collection": {"enabled": "False"},
        }

    def migration(self) -> Command:
        """Return the command that creates or upgrades the database; it ends by itself."""
        return Command("airflow-migrate", (sys.executable, "-m", "airflow", "db", "migrate"))

    def components(self) -> tuple[Command, ...]:
        """Return the four long-lived commands, in the order in which they start.

        Task logs are read from disk here, so nobody needs the log servers, which would listen on every address. What
        imports and computes in bursts stands back: elsewhere it has machines of its own, here it shares two cores with
        the exchange, and a burst would show in its latency.
        """
        start = (sys.executable, "-m", "airflow")
        return (
            Command("airflow-api-server", (*start, "api-server")),
            Command("airflow-scheduler", (*start, "scheduler", "--skip-serve-logs"), nice=STAND_BACK),
            Command("airflow-dag-processor", (*start, "dag-processor"), nice=STAND_BACK),
            Command("airflow-triggerer", (*start, "triggerer", "--skip-serve-logs")),
        )

    def healthy(self) -> bool:
        """Say whether API, database, scheduler, dag-processor and triggerer all report themselves healthy."""
        answer = get_json(f"{self.url}/api/v2/monitor/health")
        return answer is not None and all(
            (answer.get(part) or {}).get("status") == "healthy" for part in ("metadatabase", *COMPONENTS)
        )


def get_json(url: str) -> dict[str, dict[str, str]] | None:
    """Return the JSON object at a loopback address, or None while nobody answers there properly."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as answer:
            content = json.load(answer)
    except (OSError, ValueError):  # refused, reset, timed out, an error status, no JSON: not ready yet
        return None
    return content if isinstance(content, dict) else None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        os.fchmod(handle.fileno(), 0o600)
        handle.write(text)
