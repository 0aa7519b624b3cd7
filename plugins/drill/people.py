"""People, as the fault catalogue plays them: each signs in to Airflow and answers what it asks, as in its pages."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from drill.airflow_api import AirflowApi
from drill.settings import Settings

APPROVERS = ("admin", "deputy")
"""Who answers the first and the second approval; neither asked for the failover."""


class UnknownPersonError(LookupError):
    """Nobody can sign in under this name; the message says where the passwords are looked for."""


class Passwords(BaseSettings):
    """Where the passwords of others lie; no setting of a drill, so none that its registration would show."""

    model_config = SettingsConfigDict(env_prefix="AEX_", frozen=True)

    airflow_passwords: str = Field(default="", description="JSON file: user of Airflow -> password")


class Person:
    """One user of Airflow. Raises UnknownPersonError where no password is known."""

    def __init__(self, name: str, settings: Settings) -> None:
        place = Passwords().airflow_passwords
        known = json.loads(Path(place).read_text()) if place and Path(place).exists() else {}
        if name not in known:
            where = f"{place!r} does not have it" if place else "AEX_AIRFLOW_PASSWORDS names no file of passwords"
            raise UnknownPersonError(f"nobody can answer as {name!r}: {where}; F24 needs {' and '.join(APPROVERS)}")
        self.name = name
        self._api = AirflowApi(settings.model_copy(update={"airflow_user": name, "airflow_password": known[name]}))

    def answers(self, drill: str, step: str, choice: str) -> bool:
        """Answer the required action of a step; False while it is not asked yet."""
        if not any(one["task_instance"]["task_id"] == step for one in self._api.questions(drill)):
            return False
        self._api.answer(drill, step, choice)
        return True
