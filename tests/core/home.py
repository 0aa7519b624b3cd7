"""A complete way home after a real failover as raw evidence, small and by hand, for tests to damage."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from drill.core.events import Event
from drill.core.evidence import Evidence
from drill.core.homecoming import way_home
from drill.core.phases import HOME
from drill.core.plan import Plan
from tests.core import real, worlds

SECOND, BEGAN = worlds.SECOND, worlds.T0 + 600 * worlds.SECOND
FROZEN = BEGAN + 10 * SECOND
ID = "failback-20261120-123456"
SYMBOLS = (*worlds.LISTING, *worlds.TESTS)
STAGES = ("sent_ns", "acked_ns", "matched_ns", "printed_ns")
MOMENTS = {"begun": 0, "built": 9, "drained": 14, "recovered": 18, "open": 20, "members": 22}


def plan() -> Plan:
    """The way home of the failover in tests.core.real, asked for by the deputy."""
    return way_home(real.plan(), drill_id=ID, requester="deputy", rto_objective_s=7200)


def documents() -> dict[str, Any]:
    """Raw documents of a way home on which everything went well."""
    registered = plan()
    row = {"seq": 20, "digest": "aa", "halted": False, "asked_ns": str(FROZEN), "at_ns": str(FROZEN + SECOND)}
    found: dict[str, Any] = {
        "registration": {
            "plan": msgspec.to_builtins(registered),
            "plan_sha256": registered.sha256(),
            "registered_ns": str(BEGAN - 5 * SECOND),
            "versions": {},
        },
        "preflight": {"checks": {}, "rate": 20, "builds": []},
        "frozen": {"at_ns": str(FROZEN + SECOND), "symbols": {symbol: {**row, "symbol": symbol} for symbol in SYMBOLS}},
        "recovered-home": {
            "at_ns": str(BEGAN + 18 * SECOND),
            "symbols": {
                symbol: {
                    "symbol": symbol, "status": "recovered", "seq": 20, "digest": "aa", "commands": 3,
                    "started_ns": str(BEGAN + 15 * SECOND), "finished_ns": str(BEGAN + 17 * SECOND),
                }
                for symbol in SYMBOLS
            },
        },
        "acked-home": {"acknowledged": 30, "highest": dict.fromkeys(worlds.LISTING, 20)},
        "acked-home-seqs": {
            "acked": {key: {"1": [[seq, FROZEN - 30 + seq, 1] for seq in range(11, 21)]} for key in worlds.LISTING},
        },
        "failback": {"from_epoch": 2, "epoch": 3, "site": "primary", "frozen": len(SYMBOLS)},
        "word-canary": {
            "symbols": dict.fromkeys(worlds.LISTING, dict.fromkeys(STAGES, str(BEGAN + 25 * SECOND))),
        },
        "teardown": {"site": "dr-abcdef", "region": "us-west-2"},
        "inventory": {**worlds.documents()["inventory"], "at_ns": str(BEGAN + 60 * SECOND)},
    }  # fmt: skip
    moments = {f"home-{name}": {"at_ns": str(BEGAN + at * SECOND)} for name, at in MOMENTS.items()}
    return copy.deepcopy({**found, **moments})


def events() -> tuple[Event, ...]:
    """Begin and end of every step."""
    return tuple(
        Event(drill=ID, step=step, name=name, at_ns=str(BEGAN + at * SECOND), mono_ns="0", by="t", attempt=1, data={})
        for place, step in enumerate(HOME)
        for name, at in (("begin", place * 10), ("end", place * 10 + 9))
    )


def changed(**changes: Any) -> Evidence:
    """The healthy way home with documents replaced (name with `_` for `-`); None removes one."""
    return worlds.altered(Evidence(documents=documents(), events=events()), changes)
