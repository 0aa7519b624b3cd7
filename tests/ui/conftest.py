"""The pages over an account in memory, seen by somebody who may read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.drill import airflow_home  # noqa: F401 - before anything of Airflow

# isort: split
from fastapi import HTTPException
from fastapi.testclient import TestClient

from drill import clock
from drill.settings import Settings
from drill.ui import access
from drill.ui.app import build
from drill.ui.shelf import Shelf
from tests.drill.memory_account import MemoryAccount
from tests.ui.seeded import seed

ACCOUNT = Settings(account="111122223333")


def forbidden() -> None:
    raise HTTPException(403, "Forbidden")


@pytest.fixture(scope="module")
def account() -> MemoryAccount:
    made = MemoryAccount()
    seed(ACCOUNT, made.session, now_ns=clock.now_ns())
    return made


@pytest.fixture
def visitor(account: MemoryAccount) -> Iterator[TestClient]:
    """An auditor: may read, may not write."""
    app = build(Shelf(lambda: ACCOUNT, account.session))
    app.dependency_overrides = {access.reader.dependency: lambda: None, access.writer.dependency: forbidden}
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client
