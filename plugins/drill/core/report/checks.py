"""What was proven about each symbol, by which check, and whether the checks can fail at all."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from drill.core.report.clause import DORA_12, DORA_24, SCI_1004, At, Count, Length, Level, doc


class CheckCell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One suite on one symbol."""

    suite: Annotated[str, doc("name of the suite")]
    declared: Annotated[Count, doc("checks declared for this symbol", DORA_12)]
    evaluated: Annotated[Count, doc("checks evaluated", DORA_12)]
    failed: Annotated[Count, doc("checks failed", DORA_12)]
    names: Annotated[tuple[str, ...], doc("the declared checks by name; empty: not recorded", DORA_12)] = ()
    not_evaluated: Annotated[tuple[str, ...], doc("declared and not evaluated, by name", DORA_12)] = ()


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check that failed on one symbol."""

    suite: Annotated[str, doc("name of the suite", DORA_12)]
    check: Annotated[str, doc("name of the check", DORA_12)]
    text: Annotated[str, doc("first failing row and how many there are, in words", DORA_12)]


class SymbolRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol: its marks, its recovered prefix and its checks."""

    symbol: Annotated[str, doc("symbol")]
    status: Annotated[
        Literal["recovered", "damaged", "dead", "not reached"], doc("dead: its engine never came up", SCI_1004)
    ]
    loaded_at_ns: Annotated[At | None, doc("T6s snapshot (or genesis) loaded")] = None
    replayed_at_ns: Annotated[At | None, doc("T7s replayed")] = None
    validated_at_ns: Annotated[At | None, doc("T8s every check evaluated and passed", DORA_12)] = None
    first_order_at_ns: Annotated[At | None, doc("T9s canary pair accepted, acknowledged, matched, printed")] = None
    seq: Annotated[int | None, doc("last contiguous recovered seq")] = None
    commands: Annotated[Count | None, doc("commands replayed")] = None
    digest: Annotated[str | None, doc("digest of the recovered book at `seq`, hex")] = None
    orders_lost: Annotated[Count | None, doc("acknowledged commands above `seq`; None: unknown", DORA_12)] = None
    checks: Annotated[tuple[CheckCell, ...], doc("one cell per suite", DORA_12)] = ()
    checks_failed: Annotated[tuple[str, ...], doc("names of the failed checks")] = ()
    failures: Annotated[tuple[Failure, ...], doc("failed checks with what each saw", DORA_12)] = ()
    first_difference: Annotated[str, doc("first differing order or gap, and the side that is wrong")] = ""


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check, counted over all symbols."""

    name: Annotated[str, doc("the check in words", DORA_12)]
    declared: Annotated[Count, doc("symbols for which it was declared")]
    evaluated: Annotated[Count, doc("symbols for which it was evaluated")]
    failed: Annotated[Count, doc("symbols for which it failed")]
    example: Annotated[str, doc("first failing row, in words")] = ""
    level: Annotated[Level | None, doc("what it compares with; None: not recorded", DORA_12)] = None


class Suite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One suite of checks with its level of independence (method.md §3)."""

    name: Annotated[str, doc("suite: journal, books, trades, recovery point, objectives", DORA_12)]
    level: Annotated[Level, doc("the strongest level among its checks", DORA_12)]
    compared_with: Annotated[str, doc("the witness, in words")]
    declared: Annotated[Count, doc("checks declared, over all symbols", DORA_12)]
    evaluated: Annotated[Count, doc("checks evaluated", DORA_12)]
    failed: Annotated[Count, doc("checks failed", DORA_12)]
    expectations: Annotated[tuple[Expectation, ...], doc("the checks one by one")] = ()


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The negative control: one hidden sabotage on a test symbol that validators must catch."""

    status: Annotated[Literal["caught", "missed", "not run"], doc("outcome", DORA_24)]
    kind: Annotated[str, doc("what was done; empty while secret or not run")] = ""
    symbol: Annotated[str, doc("test symbol")] = ""
    caught_by: Annotated[tuple[str, ...], doc("checks that failed because of it")] = ()
    caught_after_ns: Annotated[Length | None, doc("begin of validation until it was caught")] = None
    restored: Annotated[bool | None, doc("true version back in place; None: not run")] = None
    note: Annotated[str, doc("reason where it was not run")] = ""


class Sensitivity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which share of the fault catalogue this version of engine, validators and suites catches."""

    caught: Annotated[Count | None, doc("None: not scored yet", DORA_24)] = None
    injected: Annotated[Count | None, doc("None: not scored yet", DORA_24)] = None
    version: Annotated[str, doc("content hash of what was scored")] = ""
