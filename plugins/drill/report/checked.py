"""What was proven: symbol by symbol, suite by suite, and whether the checks could have failed."""

from __future__ import annotations

import typing
from typing import Any, Literal

from drill.core import homecoming
from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.verdict import Verdict

SUITES = {
    "journal": "itself: chain, checksums and ranges of the stored frames",
    "books": "checkpoints that the primary wrote while it traded, at the same seq",
    "trades": "fills that members captured from their own sockets, and the tape itself",
    "recovery_point": "acknowledgements that members captured from their own sockets",
    "homecoming": "the state in which the DR site stopped, as its own engines wrote it down",
    "objectives": "the registered objectives",
}
LEVELS = typing.get_args(r.Level)  # weakest first


def symbols(evidence: Evidence, verdict: Verdict) -> tuple[r.SymbolRow, ...]:
    """A row per symbol in scope."""
    plan = evidence.plan
    home = plan is not None and plan.homecoming
    recovered = (evidence.get("recovered-home" if home else "recovered") or {"symbols": {}})["symbols"]
    checks = _all(evidence)
    by_symbol: dict[str, list[dict[str, Any]]] = {}
    for check in checks:
        by_symbol.setdefault(check["symbol"], []).append(check)
    lost = verdict.recovery_point.lost_by_symbol if verdict.recovery_point else {}
    return tuple(
        _symbol(symbol, recovered.get(symbol), by_symbol.get(symbol, []), verdict, lost)
        for symbol in (plan.symbols if plan else ())
    )


def _all(evidence: Evidence) -> list[dict[str, Any]]:
    """Every check that was declared; of a way home that each symbol came to the state that the DR site had left."""
    if evidence.plan is not None and evidence.plan.homecoming:
        return [_came_home(symbol, held=held) for symbol, held in sorted(homecoming.proven(evidence).items())]
    return [
        check for name in ("validation", "objectives") for check in (evidence.get(name) or {"checks": ()})["checks"]
    ]


def _came_home(symbol: str, *, held: bool) -> dict[str, Any]:
    return {
        "suite": "homecoming",
        "expectation": "seq and digest are those at which the DR site stopped",
        "level": "L2",
        "symbol": symbol,
        "evaluated": True,
        "passed": held,
        "unexpected": int(not held),
        "first": None,
    }


def _symbol(
    symbol: str, row: dict[str, Any] | None, checks: list[dict[str, Any]], verdict: Verdict, lost: dict[str, int]
) -> r.SymbolRow:
    at = verdict.marks
    status: Literal["recovered", "damaged", "dead", "not reached"] = "not reached"
    if row is not None:
        status = "recovered" if row["status"] == "recovered" else "damaged"
    failed = [check for check in checks if check["evaluated"] and not check["passed"]]
    damages = (row or {}).get("damages", ())
    first = _place(damages[0]) if damages else str(failed[0]["first"]) if failed else ""
    suites = sorted({check["suite"] for check in checks}, key=list(SUITES).index)
    return r.SymbolRow(
        symbol=symbol,
        status=status,
        loaded_at_ns=at.t6_loaded.get(symbol),
        replayed_at_ns=at.t7_replayed.get(symbol),
        validated_at_ns=at.t8_validated.get(symbol),
        first_order_at_ns=at.t9_first_order.get(symbol),
        seq=int(row["seq"]) if row else None,
        commands=int(row["commands"]) if row else None,
        digest=row.get("digest") if row else None,
        orders_lost=lost.get(symbol, 0) if verdict.recovery_point else None,
        checks=tuple(_cell(suite, checks) for suite in suites),
        checks_failed=tuple(check["expectation"] for check in failed),
        failures=tuple(
            r.Failure(
                suite=_words(check["suite"]),
                check=check["expectation"],
                text=f"{check['unexpected']} unexpected rows, the first: {check['first'] or 'not recorded'}",
            )
            for check in failed
        ),
        first_difference=first,
    )


def _place(damage: dict[str, Any]) -> str:
    where = f"{damage.get('object') or 'no object'} offset {damage.get('offset')}"
    return f"{damage['kind']}: expected {damage['expected']}, found {damage['found']} ({where})"


def _cell(suite: str, checks: list[dict[str, Any]]) -> r.CheckCell:
    own = [check for check in checks if check["suite"] == suite]
    return r.CheckCell(
        suite=_words(suite),
        declared=len(own),
        evaluated=sum(check["evaluated"] for check in own),
        failed=sum(check["evaluated"] and not check["passed"] for check in own),
        names=tuple(check["expectation"] for check in own),
        not_evaluated=tuple(check["expectation"] for check in own if not check["evaluated"]),
    )


def _words(suite: str) -> str:
    return suite.replace("_", " ")


def suites(evidence: Evidence) -> tuple[r.Suite, ...]:
    """The suites over the scope, test symbols left out."""
    plan = evidence.plan
    checks = _all(evidence)
    scope = set(plan.symbols) if plan else set()
    own = [check for check in checks if check["symbol"] in scope]
    return tuple(
        _suite(name, [check for check in own if check["suite"] == name])
        for name in SUITES
        if any(check["suite"] == name for check in own)
    )


def _suite(name: str, checks: list[dict[str, Any]]) -> r.Suite:
    expectations = []
    for expectation in dict.fromkeys(check["expectation"] for check in checks):
        own = [check for check in checks if check["expectation"] == expectation]
        red = [check for check in own if check["evaluated"] and not check["passed"]]
        expectations.append(
            r.Expectation(
                name=expectation,
                declared=len(own),
                evaluated=sum(check["evaluated"] for check in own),
                failed=len(red),
                example=f"{red[0]['symbol']}: {red[0]['first']}" if red else "",
                level=own[0]["level"],
            )
        )
    return r.Suite(
        name=_words(name),
        level=max((check["level"] for check in checks), key=LEVELS.index),
        compared_with=SUITES[name],
        declared=sum(one.declared for one in expectations),
        evaluated=sum(one.evaluated for one in expectations),
        failed=sum(one.failed for one in expectations),
        expectations=tuple(expectations),
    )


def control(evidence: Evidence, verdict: Verdict) -> r.Control:
    """What the saboteur revealed and which checks had seen it."""
    reveal, validation = evidence.get("word-reveal"), evidence.get("validation")
    if evidence.plan is not None and evidence.plan.real:
        return r.Control(status="not run", note="a real event has none: nothing is sabotaged")
    if verdict.control == "not_run" or not reveal:
        return r.Control(status="not run", note="the drill ended before validation, or nothing was revealed")
    control = reveal["control"]
    red = [
        check
        for check in validation["checks"]
        if check["symbol"] == control["symbol"] and check["evaluated"] and not check["passed"]
    ]
    finished, started = validation["finished_ns"].get(control["symbol"]), validation.get("started_ns")
    return r.Control(
        status="caught" if verdict.control == "caught" else "missed",
        kind=control["kind"],
        symbol=control["symbol"],
        caught_by=tuple(check["expectation"] for check in red),
        caught_after_ns=int(finished) - int(started) if finished and started and red else None,
        restored=control.get("restored_ns") is not None,
    )
