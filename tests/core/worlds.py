"""A complete, healthy drill as raw evidence, small and by hand, for tests to damage."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import msgspec

from drill.core.events import Event
from drill.core.evidence import Evidence
from drill.core.phases import PHASES, REAL_ONLY
from drill.core.plan import Plan, make_plan

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
NONCE = "ab" * 32
NONCE_SHA = hashlib.sha256(NONCE.encode()).hexdigest()
LISTING = ("AAPL", "ADBE", "MSFT")
TESTS = ("ZZT1", "ZZT2", "ZZT3")
DRILL = "drill-20261120-abcdef"


def plan(*, listing: tuple[str, ...] = LISTING, **params: Any) -> Plan:
    """The plan of the healthy drill, or one with other parameters."""
    return make_plan(
        params,
        drill_id=DRILL,
        trigger="manual",
        requester="operator",
        listing=listing,
        test_symbols=TESTS,
        primary_region="us-east-1",
        dr_region="us-west-2",
        nonce_sha256=NONCE_SHA,
    )


def check(symbol: str, *, passed: bool = True, evaluated: bool = True, name: str = "seq is gapless") -> dict[str, Any]:
    """One evaluated expectation on one symbol."""
    return {
        "suite": "journal",
        "expectation": name,
        "level": "invariant",
        "symbol": symbol,
        "scope": not symbol.startswith("ZZT"),
        "rows": 10,
        "evaluated": evaluated,
        "passed": passed,
        "unexpected": 0 if passed else 1,
        "first": None,
        "note": "",
    }


def _events() -> list[Event]:
    events = []
    timed = [step for step in PHASES if step not in REAL_ONLY]
    for step in PHASES:
        # In a drill the approvals end at once, between the loss and the declaration.
        place = timed.index("declare" if step in REAL_ONLY else step)
        begin = T0 - 30 * SECOND + place * 3 * SECOND - (2 * SECOND if step in REAL_ONLY else 0)
        for name, at in (("begin", begin), ("end", begin + 2 * SECOND)):
            events.append(
                Event(drill=DRILL, step=step, name=name, at_ns=str(at), mono_ns="0", by="test", attempt=1, data={})
            )
    return events


def _performance(epoch: int) -> dict[str, Any]:
    windows = [{"start_ns": str(T0), "offered": 100, "acknowledged": 100}]
    return {
        "epoch": epoch, "offered": 100, "acknowledged": 100, "p50_us": 150_000, "p99_us": 280_000, "max_us": 290_000,
        "n": 100, "windows": windows,
    }  # fmt: skip


def _acked(epoch: int, start_ns: int) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "captures": "captures/",
        "acknowledged": 30,
        "fills": 0,
        "refused": 0,
        "last_ack_ns": str(start_ns + 10),
        "first_ack_by_member": {"1": str(start_ns + 1)},
        "unanswered": [],
        "performance": _performance(epoch),
    }


def documents() -> dict[str, Any]:
    """Raw documents of a drill in which everything went well and the control was caught."""
    recovered = {
        symbol: {
            "symbol": symbol, "status": "recovered", "seq": 10, "commands": 10, "damages": [],
            "started_ns": str(T0 + 40 * SECOND), "finished_ns": str(T0 + 41 * SECOND),
        }
        for symbol in (*LISTING, *TESTS)
    }  # fmt: skip
    recovered["ZZT2"]["status"] = "damaged"
    checks = [check(symbol, passed=symbol != "ZZT2") for symbol in (*LISTING, *TESTS)]
    canary = {
        symbol: {
            stage: str(T0 + 60 * SECOND + place)
            for place, stage in enumerate(("sent_ns", "acked_ns", "matched_ns", "printed_ns"))
        }
        for symbol in LISTING
    }
    healthy = plan()
    return {
        "registration": {
            "plan": msgspec.to_builtins(healthy),
            "plan_sha256": healthy.sha256(),
            "registered_ns": str(T0 - 30 * SECOND),
            "window_ns": str(T0 - 20 * SECOND),
            "versions": {},
        },
        "preflight": {"checks": [], "rate": 20},
        "word-loss": {"committed_ns": str(T0), "actual_ns": str(T0 + 5), "tasks": ["t1"]},
        "word-monitor": {"state": "down", "at_ns": str(T0 + 2 * SECOND), "first_missed_ns": str(T0 + SECOND)},
        "stacks": {"started_ns": str(T0 + 5 * SECOND), "completed_ns": str(T0 + 9 * SECOND), "stacks": []},
        "engines": {"at_ns": str(T0 + 12 * SECOND), "engines": [{"address": "127.0.0.2", "offset_ns": "1000"}]},
        "isolation": {"attempts": [{"action": "s3:PutObject", "resource": "x", "denied": True}]},
        "fence": {"at_ns": str(T0 + 6 * SECOND)},
        "acked-primary": _acked(1, T0 - 100),
        "acked-seqs": {
            "acked": {symbol: {"1": [[seq, T0 - 100 + seq, 1, 1000] for seq in range(1, 11)]} for symbol in LISTING}
        },
        "drain": {"delivered": 3},
        "word-sabotage": {"applied": 1},
        "recovered": {"symbols": recovered, "at_ns": str(T0 + 41 * SECOND)},
        "validation": {
            "declared": 6,
            "evaluated": 6,
            "checks": checks,
            "contiguous": dict.fromkeys((*LISTING, *TESTS), 10),
            "finished_ns": {symbol: str(T0 + 50 * SECOND) for symbol in (*LISTING, *TESTS)},
            "acknowledged": 30,
            "lost": 0,
            "unacknowledged": [],
        },
        "cutover": {"at_ns": str(T0 + 52 * SECOND)},
        "members": {"at_ns": str(T0 + 55 * SECOND)},
        "word-canary": {"symbols": canary},
        "acked-dr": _acked(2, T0 + 54 * SECOND),
        "restarts": {"tasks": []},
        "objectives": {"declared": 3, "checks": [check(symbol, name="recovery time") for symbol in LISTING]},
        "teardown": {"stacks": []},
        "word-reveal": {"nonce": NONCE, "control": {"kind": "delete", "symbol": "ZZT2"}},
        "inventory": {
            "at_ns": str(T0 + 70 * SECOND),
            "before": {"ec2": 10},
            "after": {"ec2": 10},
            "orphans": [],
            "asked": 5,
            "services": 2,
        },
    }


def healthy() -> Evidence:
    """Evidence of a drill that passes."""
    return Evidence(documents=copy.deepcopy(documents()), events=tuple(_events()))


def changed(**changes: Any) -> Evidence:
    """The healthy drill with documents replaced (name with `_` for `-`); None removes one."""
    return altered(healthy(), changes)


def altered(evidence: Evidence, changes: dict[str, Any]) -> Evidence:
    """This evidence, whose documents are its own, with some of them replaced or removed."""
    for name, document in changes.items():
        key = name.replace("_", "-")
        if document is None:
            del evidence.documents[key]
        else:
            evidence.documents[key] = document
    return evidence


def replaced(evidence: Evidence, events: list[Event]) -> Evidence:
    """The same documents with other events."""
    return Evidence(documents=evidence.documents, events=tuple(events))
