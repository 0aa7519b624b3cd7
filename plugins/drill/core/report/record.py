"""The record: one typed tree of three parts, and its one form as bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
import rfc8785
from msgspec import Struct

from drill.core.report.clause import NIST, doc
from drill.core.report.close import Close
from drill.core.report.plan import Plan
from drill.core.report.result import Result

SCHEMA_VERSION: Literal[2] = 2
LONG = ("_ns", "_cents")  # strings in JSON


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one drill."""

    schema_version: Annotated[Literal[2], doc("version of this layout")] = SCHEMA_VERSION
    plan: Annotated[Plan, doc("decided before", NIST)]
    result: Annotated[Result, doc("observed", NIST)]
    close: Annotated[Close, doc("what follows", NIST)]

    @property
    def symbols_ok(self) -> int:
        """Symbols in scope that took a first order after every declared check had passed (T9s)."""
        return sum(row.first_order_at_ns is not None and not row.checks_failed for row in self.result.symbols)

    def check(self) -> None:
        """Raise AssertionError where the report contradicts itself."""
        rows = [row.symbol for row in self.result.symbols]
        assert len(set(rows)) == len(rows), "a symbol stands twice"
        assert set(rows) <= set(self.plan.scope.symbols), "a row for a symbol outside scope"
        for phase in self.result.phases:
            if phase.start_ns is None or phase.end_ns is None:
                continue
            parts = phase.work_ns + phase.retry_ns + phase.approval_ns
            assert parts == phase.end_ns - phase.start_ns, f"phase {phase.name}: its parts are not its whole"
        for suite in self.result.suites:
            assert suite.failed <= suite.evaluated, f"suite {suite.name}: more failed than evaluated"
        orphans = bool(self.close.teardown.orphans)
        assert orphans == (self.close.teardown.status == "orphans"), "orphans and teardown status disagree"


def _strings(name: str, value: Any) -> Any:
    """JSON form: nanoseconds and cents become strings of digits, by the field's name."""
    if isinstance(value, Mapping):
        return {key: _strings(key, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strings(name, inner) for inner in value]
    return str(value) if name.endswith(LONG) and isinstance(value, int) else value


def _integers(name: str, value: Any) -> Any:
    """Inverse of `_strings`; anything but a string of digits is refused."""
    if isinstance(value, dict):
        return {key: _integers(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_integers(name, inner) for inner in value]
    if not name.endswith(LONG) or value is None:
        return value
    if not isinstance(value, str) or str(int(value)) != value:
        msg = f"{name}: expected a string of digits, got {value!r}"
        raise msgspec.ValidationError(msg)
    return int(value)


def canonical_bytes(report: Report) -> bytes:
    """The record: canonical JSON (RFC 8785), so equal reports have equal bytes and one SHA-256."""
    record: bytes = rfc8785.dumps(_strings("", msgspec.to_builtins(report)))
    return record


def _from_1(tree: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew no stacks, no lag, no status of a finding and less of earlier drills: all stay at "not known"."""
    return {**tree, "schema_version": 2}


# Each reader lifts a record's tree by one version; records are kept as they were filed and lifted when they are read.
_LIFTS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


def decode(record: bytes) -> Report:
    """The report back from its record, whatever version it was filed in.

    Raises:
        msgspec.ValidationError: the version is unknown, or a field is missing, unknown or of the wrong type.
    """
    tree = msgspec.json.decode(record)
    version: Any = tree.get("schema_version") if isinstance(tree, dict) else None
    while version in _LIFTS:
        tree = _LIFTS[version](tree)
        version = tree["schema_version"]
    if version != SCHEMA_VERSION:
        known = ", ".join(map(str, (*_LIFTS, SCHEMA_VERSION)))
        msg = f"schema_version: expected one of {known}, got {version!r}; a newer record needs a newer program"
        raise msgspec.ValidationError(msg)
    return msgspec.convert(_integers("", tree), Report)
