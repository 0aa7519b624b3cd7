"""A registered drill in memory: the docket, the account under it, and the context that Airflow would give."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.drill import airflow_home  # noqa: F401 - before anything of Airflow

# isort: split
from drill import clock as platform_clock
from drill.aws import drill_lock, fence
from drill.docket import Docket
from drill.operators import gate, step
from drill.settings import Settings
from drill.site_settings import PRIMARY
from tests.core import worlds
from tests.core.signing import private_key
from tests.drill.memory_account import MemoryAccount


@pytest.fixture(autouse=True)
def _no_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AEX_", "AWS_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signing key as an operator without KMS would make it."""
    return private_key(tmp_path_factory.mktemp("keys") / "drill.pem")


@pytest.fixture
def settings(key_file: Path) -> Settings:
    return Settings(symbols=",".join(worlds.LISTING), account="111122223333", signing_key=f"file:{key_file}")


@pytest.fixture
def account() -> MemoryAccount:
    return MemoryAccount()


@pytest.fixture
def fresh(account: MemoryAccount, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Docket:
    """The docket of a drill of which nothing was written yet; operators find it by themselves."""
    for module in (step, gate):
        monkeypatch.setattr(module, "Settings", lambda: settings)
        monkeypatch.setattr(module, "connection_session", account.session)
    take_epoch(monkeypatch, 1, PRIMARY)
    return Docket(worlds.DRILL, settings, account.session)


def take_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, site: str, *, at_ns: int = 0) -> None:
    """The exchange goes on at this site, in this epoch."""
    taken = fence.Epoch(epoch=epoch, site=site, environment="LIVE", at_ns=at_ns)
    monkeypatch.setattr(fence, "current", lambda *_: taken)


@pytest.fixture
def docket(fresh: Docket) -> Docket:
    """The docket of a drill that was registered, and holds the lock."""
    fresh.take_lock()
    fresh.file("registration", worlds.documents()["registration"])
    return fresh


@pytest.fixture
def stranger(account: MemoryAccount, settings: Settings) -> Docket:
    """The docket of another drill in the same account."""
    return Docket("drill-of-somebody-else", settings, account.session)


@pytest.fixture
def holder(fresh: Docket) -> Any:
    """Who holds the drill lock now, or None."""

    def read() -> str | None:
        found = drill_lock.standing(fresh.home, fresh.settings.journal_bucket, "us-west-2")
        return None if found is None else found.lease.drill

    return read


class Clock:
    """The platform's clock, set forward by hand; what is read goes on rising by itself."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def pass_s(self, seconds: int) -> None:
        self.ahead_ns += seconds * worlds.SECOND


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that a test lets pass."""
    wall, made = platform_clock.now_ns, Clock()
    monkeypatch.setattr(platform_clock, "now_ns", lambda: wall() + made.ahead_ns)
    return made


@pytest.fixture
def context() -> dict[str, Any]:
    return {
        "dag_run": SimpleNamespace(run_id=worlds.DRILL, dag_id="dr_drill", triggering_user_name="operator"),
        "ti": SimpleNamespace(try_number=1, queued_dttm=None),
        "params": {},
    }


@pytest.fixture
def events(fresh: Docket) -> Any:
    """Every event of the drill so far as (step, name, attempt), in order of time."""
    return lambda: [(event.step, event.name, event.attempt) for event in fresh.evidence().events]


@pytest.fixture
def ordered(account: MemoryAccount, settings: Settings) -> Any:
    """The body of an order to the witnesses, or None."""

    def read(verb: str, drill: str = worlds.DRILL) -> Any:
        body = account.s3.content(settings.witness_bucket, f"orders/{drill}/{verb}.json")
        return None if body is None else json.loads(body)

    return read
