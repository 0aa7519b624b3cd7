"""What the templates need to know. Nothing here names an account: bucket names get it from `AWS::AccountId`."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Stack, role, cluster and log group names are made of it; Cloud Map needs a DNS label.
FIVE_YEARS_DAYS = 1827  # 17 CFR 242.1005, 240.17a-1
SITE_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,23}")
# A stream name must tell epoch 1 (`matching-engine-ZZT1`) from later ones (`matching-engine-ZZT1-e2`): no hyphen.
SYMBOL_PATTERN = re.compile(r"[A-Z][A-Z0-9.]{0,7}")
ZONE = "aex.example."
# Beside journal/, control/ and recovered/: whatever an exercise writes is below this, and nowhere else.
EXERCISES = "drills/"
EXERCISE_ROOT = re.compile(rf"{EXERCISES}[a-z0-9-]+/")
EXERCISE_LABEL = "drill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One site of the exchange and the account-wide stacks beside it.

    Units are in the names; `recover` is the journal prefix a rehydrating site reads, empty for one that starts at
    genesis. `resolver` is `host:port` of the name server the tasks ask, empty for the system's. `require_tls` refuses
    plain HTTP at the buckets; only an endpoint that speaks no TLS (the embedded one) needs it off.

    An exercise (environment DRILL) has everything of its own, named after its site: `root` is where in the journal
    bucket its control records, results and journals lie, `zone` the hosted zone of its names.

    Raises:
        ValueError: a value that would make an impossible name, or a site without work.
    """

    symbols: tuple[str, ...]
    site: str = "primary"
    epoch: int = 1
    environment: str = "LIVE"
    drill_id: str = "none"
    region: str = "us-east-1"
    journal_region: str = "us-west-2"
    anchor_region: str = "us-east-1"
    symbols_per_task: int = 52
    commit_ms: int = 250
    checkpoint_every: int = 1000
    root: str = ""
    snapshot_every: int = 50_000
    snapshot_every_seconds: int = 30
    day_seconds: int = 86_400
    recover: str = ""
    buffer_seconds: int = 5
    buffer_mib: int = 1
    image: str = "aex-exchange:0.1.0"
    cpu_units: int = 1024
    memory_mib: int = 2048
    python: str = "python"
    resolver: str = ""
    vpc_cidr: str = "10.1.0.0/16"
    member_cidr: str = "10.0.0.0/8"
    zone: str = ZONE
    require_tls: bool = True
    log_retention_days: int = 30
    journal_retention_days: int = 2555
    record_retention_days: int = 2555
    freshness_alarm_seconds: int = 60

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ValueError("symbols: a site lists at least one")
        bad = [symbol for symbol in self.symbols if not SYMBOL_PATTERN.fullmatch(symbol)]
        if bad or len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols: {bad or 'listed twice'}; expected distinct names like {SYMBOL_PATTERN.pattern}")
        if not SITE_PATTERN.fullmatch(self.site):
            raise ValueError(f"site: {self.site!r} does not match {SITE_PATTERN.pattern}")
        if self.environment not in {"LIVE", "DRILL"}:
            raise ValueError(f"environment: {self.environment!r} is neither LIVE nor DRILL")
        if self.epoch < 1 or self.symbols_per_task < 1:
            raise ValueError(f"epoch {self.epoch} and symbols_per_task {self.symbols_per_task} start at 1")
        if self.record_retention_days < FIVE_YEARS_DAYS:
            raise ValueError(f"record_retention_days: {self.record_retention_days}, records are kept for five years")
        if self.anchor_region == self.journal_region:
            raise ValueError(f"anchor_region: {self.anchor_region} is the evidence's own; an anchor lies in another")
        if self.recover and not self.recover.endswith("/"):
            raise ValueError(f"recover: {self.recover!r} is a prefix of the journal bucket and ends with '/'")
        if bool(self.root) != (self.environment == "DRILL") or (self.root and not EXERCISE_ROOT.fullmatch(self.root)):
            expected = "an exercise has one like drills/<id>/, a LIVE site has none"
            raise ValueError(f"root: {self.root!r} in environment {self.environment}; {expected}")

    @property
    def stream_suffix(self) -> str:
        """Empty in epoch 1, `-e<epoch>` later: a fence by stream name needs different names per epoch.

        An exercise's streams end with its site: no LIVE role may put to them, and its role to no others.
        """
        if self.environment == "DRILL":
            return f"-{self.site}"
        return "" if self.epoch == 1 else f"-e{self.epoch}"

    @property
    def domain(self) -> str:
        """Under which the site's public names are: the zone itself, in an exercise a label of its own below it."""
        zone = self.zone.rstrip(".")
        return f"{self.site}.{zone}" if self.environment == "DRILL" else zone

    def stream(self, symbol: str) -> str:
        """Delivery stream of one symbol at this site."""
        return f"matching-engine-{symbol}{self.stream_suffix}"

    @property
    def tasks(self) -> tuple[tuple[str, ...], ...]:
        """The symbols of each engine task, in listing order."""
        size = self.symbols_per_task
        return tuple(self.symbols[at : at + size] for at in range(0, len(self.symbols), size))

    @property
    def namespace(self) -> str:
        """Cloud Map private DNS namespace of the site."""
        return f"{self.site}.aex.internal"

    @property
    def engines(self) -> tuple[str, ...]:
        """DNS name of each engine task, in the order of `tasks`."""
        return tuple(f"{engine_service(number)}.{self.namespace}" for number in range(len(self.tasks)))

    @property
    def crosses_regions(self) -> bool:
        """Whether the site's tasks reach streams and buckets of another region (then they need a NAT gateway)."""
        return self.region != self.journal_region


def engine_service(number: int) -> str:
    """Cloud Map and ECS service name of engine task `number` (from 0)."""
    return f"engines-{number:02d}"


def stream_name(symbol: str, epoch: int) -> str:
    """Delivery stream of one symbol in one epoch."""
    return f"matching-engine-{symbol}" + ("" if epoch == 1 else f"-e{epoch}")


def cluster_name(site: str, part: str) -> str:
    """ECS cluster; `part` is `MarketData`, `MatchingEngine` or `Customer`."""
    return f"aex-{site}-{part}"


def engine_role_name(site: str) -> str:
    """Task role of a site's engines: what the fence denies."""
    return f"aex-{site}-engine"
