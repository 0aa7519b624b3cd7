"""The people whom the catalogue plays sign in as themselves and answer what is asked, and only that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drill import people
from drill.people import Person, UnknownPersonError
from drill.settings import Settings


class Airflow:
    """What Airflow's API would be asked and told, and by whom."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.told: list[tuple[str, str, str, str]] = []

    def signed_in(self, settings: Settings) -> Any:
        airflow, user = self, f"{settings.airflow_user}:{settings.airflow_password}"

        class Session:
            def questions(self, drill: str) -> list[dict[str, Any]]:
                return [one for one in airflow.asked if one["task_instance"]["dag_run_id"] == drill]

            def answer(self, drill: str, step: str, choice: str) -> None:
                airflow.told.append((user, drill, step, choice))

        return Session()

    def ask(self, step: str) -> None:
        self.asked.append({"task_instance": {"task_id": step, "dag_run_id": "d1"}})


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Airflow:
    made = Airflow()
    monkeypatch.setattr(people, "AirflowApi", made.signed_in)
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"deputy": "secret"}))
    monkeypatch.setenv("AEX_AIRFLOW_PASSWORDS", str(passwords))
    return made


def test_a_person_answers_the_step_that_asks_as_themselves(airflow: Airflow) -> None:
    airflow.ask("first_approval")
    deputy = Person("deputy", Settings())
    assert not deputy.answers("d1", "second_approval", "Reject"), "it has not asked yet"
    assert not deputy.answers("d2", "first_approval", "Reject"), "another run did"
    assert airflow.told == []
    assert deputy.answers("d1", "first_approval", "Reject")
    assert airflow.told == [("deputy:secret", "d1", "first_approval", "Reject")]


@pytest.mark.parametrize("place", ["", "no-such-file"])
def test_who_has_no_password_cannot_answer_and_it_is_said_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("AEX_AIRFLOW_PASSWORDS", place)
    with pytest.raises(UnknownPersonError, match=r"as 'admin'.*F24 needs admin and deputy"):
        Person("admin", Settings())
