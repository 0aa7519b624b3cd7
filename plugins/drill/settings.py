"""Settings of the platform: one class, read from the environment (`AEX_...`), printed by `python -m drill settings`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from drill.core.channel import channels
from engine.listing import SYMBOLS, TEST_SYMBOLS


class Settings(BaseSettings):
    """Where the exchange lives and how large it is. The same names on AWS and on the embedded one."""

    model_config = SettingsConfigDict(env_prefix="AEX_", frozen=True)

    account: str = Field(default="000000000000", description="AWS account of the exchange")
    primary_region: str = "us-east-1"
    dr_region: str = Field(default="us-west-2", description="journal, evidence, names and DR site")
    symbols: str = Field(default="", description="what the exchange lists, by commas; empty: all 100")
    symbols_per_task: int = Field(default=52, ge=1, description="engine objects in one ECS task")
    commit_ms: int = Field(default=250, ge=10, description="group commit interval")
    checkpoint_every: int = Field(default=1000, ge=1, description="commands between checkpoints of a symbol")
    snapshot_every: int = Field(default=50_000, ge=1, description="most commands between two snapshots of a symbol")
    snapshot_every_s: int = Field(default=30, ge=1, description="most seconds between two snapshots of a symbol")
    day_s: int = Field(default=86_400, ge=1, description="a trading day; 86400 closes at 16:00 in New York")
    clock_margin_s: int = Field(default=240, ge=1, description="retention: how far the store's clock may be off ours")
    journal_days: int = Field(default=2555, ge=1, description="closed trading days whose journal is kept")
    rehydrate: Literal["snapshot", "genesis", "both"] = Field(
        default="both", description="how a drill recovers, unless it says otherwise"
    )
    failback: bool = Field(default=False, description="whether a loss drill goes home, unless it says otherwise")
    requester_approves: bool = Field(
        default=False, description="policy: whether who asks for a real failover may be one of its two approvers"
    )
    buffer_s: int = Field(default=5, ge=0, le=900, description="Firehose buffer interval")
    build_s: int = Field(default=1800, ge=1, description="how long a drill waits for its DR site to stand")
    metric_period_s: int = Field(default=60, ge=1, description="period of Firehose's metrics that the endpoint offers")
    ttl_s: int = Field(default=5, ge=0, description="time to live of the exchange's names")
    resolver: str = Field(default="", description="host:port of the name server; empty: the system's")
    python: str = Field(default="python", description="interpreter in the task definitions' command")
    lock_mode: str = Field(default="GOVERNANCE", description="Object Lock mode of evidence: COMPLIANCE in production")
    lock_minutes: int = Field(default=60, ge=1, description="Object Lock retention of evidence")
    signing_key: str = Field(default="alias/aex-evidence", description="KMS key, or file: and a PEM file's path")
    anchor_region: str = Field(default="us-east-1", description="where the chain's heads are anchored: another region")
    tsa_url: str = Field(default="", description="RFC 3161 authority that time-stamps the chain's heads; empty: none")
    airflow_url: str = "http://127.0.0.1:8080"
    airflow_user: str = "operator"
    airflow_password: str = Field(default="", repr=False)
    notify: str = Field(
        default="sns", description="channels of notices, by commas: sns, smtp:<address>, http:<connection>; or none"
    )
    quiet_s: int = Field(default=180, ge=1, description="a drill without an outcome that is silent for so long is dead")
    reports: str = Field(default="var/reports", description="where `drill run` files its copy of each report")

    @field_validator("notify")
    @classmethod
    def _channels(cls, value: str) -> str:
        channels(value)  # raises BadChannel, a ValueError, which names what was expected
        return value

    @property
    def listing(self) -> tuple[str, ...]:
        """Symbols that the exchange lists, without test symbols, in alphabetical order."""
        return tuple(sorted(self.symbols.replace(",", " ").split())) or SYMBOLS

    @property
    def test_symbols(self) -> tuple[str, ...]:
        """Sacrificial symbols of the negative control."""
        return TEST_SYMBOLS

    @property
    def journal_bucket(self) -> str:
        """Bucket of the journal and of its control records."""
        return f"aex-journal-{self.account}"

    @property
    def evidence_bucket(self) -> str:
        """Bucket of the evidence (versioned, Object Lock)."""
        return f"aex-evidence-{self.account}"

    @property
    def anchor_bucket(self) -> str:
        """Bucket of the chain's anchored heads, in `anchor_region`."""
        return f"aex-evidence-anchor-{self.account}"

    @property
    def witness_bucket(self) -> str:
        """Bucket through which drills and witnesses talk."""
        return f"aex-witness-{self.account}"
