"""Which stacks there are, where each lives, what it takes from which sibling, and in which order they come.

Flat siblings, no nesting: a nested stack that fails keeps what it made where its parent cannot see it. Each shard is
small enough for an inline template body (51,200 bytes) and far below 500 resources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from troposphere import Template

from templates.anchor import anchor
from templates.compute import CLUSTERS, compute
from templates.edge import edge
from templates.evidence import evidence
from templates.journal import journal
from templates.network import network
from templates.notification import notification
from templates.settings import Settings
from templates.stores import stores
from templates.streams import streams
from templates.symbols import symbols
from templates.zone import zone

# A stream with its alarm renders to about 1.6 kB, a task with service and name to about 2.8 kB (without its symbols).
STREAMS_PER_STACK = 25
TASKS_PER_STACK = 12


@dataclass(frozen=True, slots=True)
class Feed:
    """A parameter of this stack is an output, of the same name, of stack `source` (maybe in another region)."""

    parameter: str
    source: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack: `feeds` imply order, `after` adds order without a value."""

    name: str
    region: str
    template: Template
    feeds: tuple[Feed, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """Names of the stacks that must be complete first."""
        return frozenset(self.after) | {feed.source for feed in self.feeds}

    @property
    def body(self) -> str:
        """The template as sent: compact JSON."""
        return str(self.template.to_json(indent=None, separators=(",", ":"), sort_keys=True))


def account_stacks(settings: Settings) -> list[Stack]:
    """The stacks that outlive every drill, in the journal's region; the anchor of the evidence lies in another."""
    makers: tuple[tuple[str, Callable[[Settings], Template]], ...] = (
        ("aex-evidence", evidence),
        ("aex-journal", journal),
        ("aex-zone", zone),
        ("aex-notification", notification),
    )
    made = [Stack(name, settings.journal_region, make(settings)) for name, make in makers]
    return [*made, Stack("aex-anchor", settings.anchor_region, anchor(settings))]


def site_stacks(settings: Settings) -> list[Stack]:
    """The stacks of one site, each after those it needs."""
    prefix = f"aex-{settings.site}"
    made = [
        Stack(f"{prefix}-network", settings.region, network(settings)),
        Stack(f"{prefix}-stores", settings.region, stores(settings), _feeds({"aex-journal": ["JournalBucket"]})),
        Stack(f"{prefix}-compute", settings.region, compute(settings), _feeds({f"{prefix}-network": ["Vpc"]})),
    ]
    flows = _stream_stacks(settings, prefix)
    # An engine that finds no stream halts: streams first.
    ready = tuple(stack.name for stack in flows)
    return [*made, *flows, *_engine_stacks(settings, prefix, ready), _edge_stack(settings, prefix)]


def site_stack_names(settings: Settings) -> list[tuple[str, str]]:
    """(name, region) of the site's stacks, in order of creation."""
    return [(stack.name, stack.region) for stack in site_stacks(settings)]


def _feeds(sources: dict[str, list[str]]) -> tuple[Feed, ...]:
    return tuple(Feed(parameter, source) for source, parameters in sources.items() for parameter in parameters)


def _stream_stacks(settings: Settings, prefix: str) -> list[Stack]:
    feeds = _feeds(
        {"aex-journal": ["JournalBucketArn", "DeliveryRoleArn", "DeliveryLog"], "aex-notification": ["Topic"]}
    )
    size, listed = STREAMS_PER_STACK, settings.symbols
    shards = [listed[at : at + size] for at in range(0, len(listed), size)]
    return [
        Stack(f"{prefix}-streams-{number:02d}", settings.journal_region, streams(settings, number, shard), feeds)
        for number, shard in enumerate(shards)
    ]


def _engine_stacks(settings: Settings, prefix: str, ready: tuple[str, ...]) -> list[Stack]:
    feeds = _feeds(
        {
            "aex-journal": ["JournalBucket"],
            f"{prefix}-network": ["EngineGroupGroupId", "Private0", "Private1"],
            f"{prefix}-stores": ["EngineLog", "EngineRoleArn", "ExecutionRoleArn"],
            f"{prefix}-compute": ["MatchingEngineCluster", "Namespace"],
        }
    )
    size, total = TASKS_PER_STACK, len(settings.tasks)
    shards = [range(at, min(at + size, total)) for at in range(0, total, size)]
    return [
        Stack(f"{prefix}-symbols-{number:02d}", settings.region, symbols(settings, number, shard), feeds, ready)
        for number, shard in enumerate(shards)
    ]


def _edge_stack(settings: Settings, prefix: str) -> Stack:
    feeds = _feeds(
        {
            f"{prefix}-network": ["EdgeGroupGroupId", "Private0", "Private1"],
            f"{prefix}-stores": ["CustomerLog", "EdgeRoleArn", "ExecutionRoleArn", "MarketdataLog"],
            f"{prefix}-compute": ["Namespace", *(f"{part}Cluster" for part in CLUSTERS if part != "MatchingEngine")],
        }
    )
    return Stack(f"{prefix}-edge", settings.region, edge(settings), feeds)
