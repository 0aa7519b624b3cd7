"""The compose file and the image: the commands of the world's plan, nothing secret, nothing open, nothing floating."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.airflow import Airflow
from emulator.plan import Settings, environment, exchange_plan

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VAR = Path("/var/lib/aex")
AS_COMPOSED = Settings(VAR, True, 8080, 4566, 5354, "", 100, 100, 1000, 1)
ONCE = {"migrate", "deploy"}
SILENT = {"agent", "exercise"}  # they wait for orders and answer nobody
EXACT = re.compile(r"[a-z0-9./-]+:\d+(\.\d+)+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?")
NEEDED = re.compile(r"\$\{([A-Z_]+)(?::\?[^}]*)?\}")
CHOSEN = re.compile(r"\$\{[A-Z_]+:-([^}]*)\}")


def filled(value: Any) -> Any:
    """A value as compose fills it in: defaults where there are some, else the variable's name."""
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    return NEEDED.sub(r"<\1>", CHOSEN.sub(r"\1", value)) if isinstance(value, str) else value


DOCUMENT = filled(yaml.safe_load(COMPOSE.read_text()))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
OURS = sorted(set(SERVICES) - {"postgres"})


def planned() -> dict[str, list[str]]:
    """Service name -> command, from the one place that names what makes up a world."""
    steps = exchange_plan(AS_COMPOSED).steps
    commands = {command.name: ["python", *command.argv[1:]] for step in steps for command in step.commands}
    names = {name: name.removeprefix("airflow-").removeprefix("witness-") for name in commands}
    return {names[name]: argv for name, argv in commands.items() if name != "airflow-migrate"}


def test_the_services_are_the_worlds_commands_and_no_others() -> None:
    assert {name: SERVICES[name]["command"] for name in OURS if name != "migrate"} == planned()
    assert (ROOT / "docker" / "migrate").read_text().endswith("exec python -m airflow db migrate\n")


def test_the_environment_is_the_worlds_too() -> None:
    airflow = Airflow(VAR / "airflow", ROOT, 8080)
    world = environment(AS_COMPOSED, airflow)
    ours = {name: value for name, value in world.items() if name.startswith(("AEX_", "AWS_")) and name in _set()}
    composed = SERVICES["aws"]["environment"]
    secret = {"AEX_AIRFLOW_PASSWORD", "AEX_AIRFLOW_PASSWORDS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {name: value for name, value in composed.items() if name in ours and name not in secret} == {
        name: value for name, value in ours.items() if name not in secret
    }


def _set() -> set[str]:
    """Variables that the plan sets itself, whatever the tests' own environment has."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AEX_")}
    return {name for name in environment(AS_COMPOSED, Airflow(VAR / "airflow", ROOT, 8080)) if name not in bare}


def test_airflow_has_the_worlds_settings_but_for_the_database_and_the_secrets() -> None:
    composed = SERVICES["scheduler"]["environment"]
    differs = {"sql_alchemy_conn", "host", "secret_key", "jwt_secret", "fernet_key", "dags_folder", "plugins_folder"}
    for section, options in Airflow(VAR / "airflow", ROOT, 8080).settings().items():
        for option, value in options.items():
            name = f"AIRFLOW__{section}__{option}".upper()
            if option not in differs and section != "dag_processor" and name in composed:
                assert composed[name] == value, name
    assert composed["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")
    assert composed["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in {"root", "0", "0:0"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not service.get("privileged")
    assert all(":" in mount and not mount.startswith(("/", ".")) for mount in service["volumes"])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE - SILENT))
def test_what_stays_up_says_whether_it_is_healthy_and_is_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_images_are_exact_and_one_is_ours() -> None:
    images = {service["image"] for service in SERVICES.values()} | set(
        re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    )
    assert [image for image in images if not EXACT.fullmatch(image)] == []
    assert len(images) == 3


def test_only_airflows_page_is_published_and_on_the_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8080:8080"]
    assert {SERVICES[name].get("network_mode") for name in OURS} == {None, "service:aws"}
    assert SERVICES["aws"].get("network_mode") is None


def test_no_secret_is_in_the_files_and_each_is_made_by_the_script(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    shutil.copy(ROOT / "docker" / "secrets", tmp_path / "docker")
    subprocess.run([tmp_path / "docker" / "secrets"], check=True, capture_output=True, timeout=30)
    made = tmp_path / ".env"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in made.read_text().splitlines() if "=" in line and line[0] != "#")
    assert set(NEEDED.findall(COMPOSE.read_text())) == set(values)
    text = COMPOSE.read_text() + DOCKERFILE
    assert [name for name, value in values.items() if value in text] == []
    before = made.read_bytes()
    subprocess.run([tmp_path / "docker" / "secrets"], check=True, capture_output=True, timeout=30)
    assert made.read_bytes() == before
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_image_runs_as_nobody_special_and_builds_by_the_script_alone() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "RUN /opt/aex/docker/install /opt/aex" in DOCKERFILE
    assert "--require-hashes" in (ROOT / "docker" / "install").read_text()
    assert ".env" not in (ROOT / ".dockerignore").read_text()
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")
