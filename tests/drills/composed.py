"""The services of docker-compose.yaml as plain processes, with a Postgres of this machine, and a drill among them.

    python -m tests.drills.composed --postgres /usr/lib/postgresql/15/bin -- python -m drill run --window-s 10

For where there is no Docker: commands, environments, health checks and the order of starts are the file's own, the
secrets those of `docker/secrets`. What is not shown are images, volumes, users and namespaces. Paths of the image
become those of this tree. The command runs in the scheduler's environment, as `docker compose exec scheduler` would;
its exit status is this one's. What ends meanwhile is started again where the file says so, the database too: kill one
and see. Everything that was started is ended, last first.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.patience import until

ROOT: Final = Path(__file__).resolve().parents[2]
POSTGRES_PORT: Final = "35432"
SMALL: Final = {"SYMBOLS": "AAPL,ADBE,AMZN,MSFT,NFLX", "MEMBERS": "10", "CUSTOMERS": "20", "RATE": "300"}
PATIENCE_S: Final = 240
MEND_S: Final = 0.5


@dataclass
class Composition:
    """The file's services on this machine; `running` in the order in which they were started."""

    services: Mapping[str, Any]
    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a service after what it depends on has come as far as the file wants."""
        if name in self.running:
            return
        for other, wanted in self.services[name].get("depends_on", {}).items():
            self.start(other)
            self._await(other, wanted["condition"])
        self._launch(name)

    def settle(self) -> None:
        """Every service that has a health check is healthy, every other one runs or has completed."""
        for name, service in self.services.items():
            self.start(name)
            if service["restart"] == "no":
                self._await(name, "service_completed_successfully")
            elif "healthcheck" in service:
                self._await(name, "service_healthy")

    def await_healthy(self, name: str) -> None:
        """Return when its own check says so; SystemExit where it ends or takes too long."""
        self._await(name, "service_healthy")

    def mend(self) -> None:
        """Start again what ended although it is to stay up."""
        for name, process in self.running.items():
            if process.poll() is not None and self.services[name]["restart"] != "no":
                say(f"{name} ended with status {process.returncode} and is started again")
                self._launch(name)

    def stop(self) -> None:
        """End all, the last one first, as Docker does: asked, then made to."""
        for process in reversed(self.running.values()):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def environment(self, name: str) -> dict[str, str]:
        """The service's own, and of ours only what finds programs."""
        own = {key: str(value) for key, value in self.services[name]["environment"].items()}
        return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **own}

    def _launch(self, name: str) -> None:
        service = self.services[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command(service["command"]),
                cwd=ROOT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=service.get("account"),
            )
        say(f"{name} started")

    def _await(self, name: str, condition: str) -> None:
        what = f"composed: {name}: {condition}; see {self.folder}/{name}.log"
        until(lambda: self._fulfils(name, condition), PATIENCE_S, what)

    def _fulfils(self, name: str, condition: str) -> bool:
        status = self.running[name].poll()
        if status or (status == 0 and condition == "service_healthy"):
            raise SystemExit(f"composed: {name} ended with status {status}; see {self.folder}/{name}.log")
        if condition == "service_completed_successfully":
            return status == 0
        test = command(self.services[name]["healthcheck"]["test"][1:])
        done = subprocess.run(test, cwd=ROOT, env=self.environment(name), capture_output=True, check=False)
        return not done.returncode


def say(line: str) -> None:
    """To standard error: the command has standard output for itself."""
    sys.stderr.write(f"composed: {line}\n")


def command(words: list[str]) -> list[str]:
    """The file's command with this environment's Python."""
    return [sys.executable if word == "python" else word for word in words]


def services(values: Mapping[str, str], folder: Path) -> Mapping[str, Any]:
    """The file with its variables, paths and ports replaced."""
    text = (ROOT / "docker-compose.yaml").read_text()
    text = re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: values.get(found[1], found[2] or ""), text)
    text = text.replace("/var/lib/aex", str(folder / "state")).replace("/opt/aex", str(ROOT))
    text = text.replace("@postgres/", f"@127.0.0.1:{POSTGRES_PORT}/")
    found: Mapping[str, Any] = yaml.safe_load(text)["services"]
    return found


def made_secrets(folder: Path) -> dict[str, str]:
    """What docker/secrets makes, made beside a copy of it so that this tree gets no .env."""
    shutil.copytree(ROOT / "docker", folder / "docker")
    subprocess.run([folder / "docker" / "secrets"], check=True, capture_output=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def database(programs: Path, password: str) -> dict[str, Any]:
    """The service `postgres` with a cluster of its own on the loopback; it refuses to be root, who hands it on."""
    account = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    word, cluster = home / "password", home / "data"
    word.write_text(password)
    if account is not None:
        for path in (home, word):
            shutil.chown(path, account)
    made = [str(programs / "initdb"), "-D", str(cluster), "-U", "airflow", "--pwfile", str(word), "-A", "scram-sha-256"]
    subprocess.run(made, check=True, capture_output=True, user=account)
    ready = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", POSTGRES_PORT]
    own = ["-c", f"unix_socket_directories={home}", "-c", "listen_addresses=127.0.0.1", "-p", POSTGRES_PORT]
    return {
        "command": [str(programs / "postgres"), "-D", str(cluster), *own],
        "environment": {"PGPASSWORD": password},
        "healthcheck": {"test": ["CMD", *ready]},
        "restart": "unless-stopped",
        "account": account,
        "home": home,
    }


def create_database(programs: Path, environment: Mapping[str, str]) -> None:
    """The database that the image makes by POSTGRES_DB."""
    asked = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", POSTGRES_PORT, "-U", "airflow", "airflow"]
    subprocess.run(asked, env={**environment}, check=True)


def main() -> int:
    """Start everything, run the command, end everything."""
    parser = argparse.ArgumentParser(prog="composed", description=__doc__)
    parser.add_argument("--postgres", type=Path, required=True, help="the folder of initdb, postgres and pg_isready")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="composed-"))
    values = {**SMALL, **made_secrets(folder)}
    found = {**services(values, folder), "postgres": database(asked.postgres, values["AEX_POSTGRES_PASSWORD"])}
    composition = Composition(found, folder)
    try:
        composition.start("postgres")
        composition.await_healthy("postgres")
        create_database(asked.postgres, found["postgres"]["environment"])
        composition.settle()
        say(f"all services are healthy; logs in {folder}")
        run = subprocess.Popen(command(asked.command), cwd=ROOT, env=composition.environment("scheduler"))
        while True:
            try:
                return run.wait(MEND_S)
            except subprocess.TimeoutExpired:
                composition.mend()
    finally:
        composition.stop()
        shutil.rmtree(found["postgres"]["home"])


if __name__ == "__main__":
    sys.exit(main())
