"""What a validation found, as frozen messages; `record` gives plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from expectations.journal import Account

__all__ = ["CheckResult", "Command", "Fill", "SymbolFacts", "Validation", "plain"]

JSON_SAFE = 2**53


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One expectation for one symbol.

    Attributes:
        suite: journal, books, trades, recovery_point or objectives.
        check: id of the expectation, unique over all suites.
        level: L2, L3 or invariant (method.md §3).
        scope: False for test symbols.
        rows: rows of this symbol that Great Expectations saw; `due`: rows that had to be there.
        evaluated: the result exists, raised nothing, and saw each row that was due.
        passed: evaluated and nothing unexpected.
        first: the first unexpected row with its coordinates (and `gap` [a, b] where seqs are missing), else None.
        note: why it was not evaluated, or why no rows were due.
    """

    suite: str
    check: str
    level: str
    symbol: str
    scope: bool
    rows: int
    due: int
    evaluated: bool
    passed: bool
    unexpected: int
    first: Mapping[str, Any] | None
    note: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that members and the recovered exchange do not agree on. `ack_ns` 0: never acknowledged."""

    symbol: str
    seq: int
    command_id: int
    member: int
    kind: int
    side: int
    price: int
    qty: int
    ack_ns: int


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill that a member knows of and the recovered exchange does not."""

    symbol: str
    seq: int
    fill_no: int
    order_id: int
    price: int
    qty: int


@dataclass(frozen=True, slots=True)
class SymbolFacts:
    """What core's own rules need of one symbol, counted without Great Expectations.

    Attributes:
        journal_seq: last contiguous seq of the validator's own journal reading.
        recovered_seq: last seq as the recovering engine reported it; -1: no readable result.
        acked: acknowledgements of this epoch in the captures (within the recovery point).
        max_acked_seq: 0 when nothing was acknowledged.
        last_ack_ns: time of the last acknowledgement; `recovered_ack_ns`: of the last that was recovered; 0: none.
            Their difference is RPO_time.
        lost: acknowledged, and absent from the contiguous recovered prefix or another command there.
        lost_fills: captured, and absent from the recovered fills.
        unacknowledged: recovered, never acknowledged to the member: indeterminate for the member, no loss.
        captured_fills: canary left out; so are `recovered_fills`.
        above_checkpoint: commands above the last checkpoint compared (L2 does not cover them).
        finished_ns: when the last check of this symbol was evaluated (wall clock).
    """

    symbol: str
    scope: bool
    journal_seq: int
    recovered_seq: int
    recovered_status: str
    acked: int
    max_acked_seq: int
    last_ack_ns: int
    recovered_ack_ns: int
    lost: tuple[Command, ...]
    lost_fills: tuple[Fill, ...]
    unacknowledged: tuple[Command, ...]
    captured_fills: int
    recovered_fills: int
    above_checkpoint: int
    journal: Account
    finished_ns: int


@dataclass(frozen=True, slots=True)
class Validation:
    """All results. A validation counts only if `evaluated == declared`: an empty suite is no green one.

    Attributes:
        declared: expectations x symbols, counted from the suites before anything ran.
        errors: what went wrong outside the checks: unreadable captures, exceptions with the symbol they hit.
        members: whose captures were read; `unsequenced`: acknowledgements without a seq, left out.
    """

    declared: int
    results: tuple[CheckResult, ...]
    facts: tuple[SymbolFacts, ...]
    errors: tuple[str, ...]
    members: tuple[int, ...]
    unsequenced: int
    started_ns: int
    finished_ns: int

    @property
    def evaluated(self) -> int:
        """Checks that were evaluated, over all symbols."""
        return sum(result.evaluated for result in self.results)

    @property
    def complete(self) -> bool:
        """Everything that was declared was evaluated, and something was declared."""
        return 0 < self.declared == self.evaluated

    def failed(self, *, scope: bool = True) -> tuple[CheckResult, ...]:
        """Results that did not pass, of the symbols in scope or of the test symbols."""
        return tuple(result for result in self.results if result.scope == scope and not result.passed)

    def passed(self, *, scope: bool = True) -> bool:
        """Complete, and nothing of this scope failed."""
        return self.complete and not self.failed(scope=scope)

    def record(self) -> dict[str, Any]:
        """Plain JSON values; integers of 2**53 and more, and all nanoseconds, as strings (canonical JSON)."""
        content: dict[str, Any] = plain(asdict(self))
        return content | {"evaluated": self.evaluated, "complete": self.complete}


def plain(value: Any, name: str = "") -> Any:
    """JSON values of Python's and numpy's own; NaN becomes None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, name) for part in value]
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN is what differs from itself
        return None
    if isinstance(value, int) and not isinstance(value, bool) and (abs(value) >= JSON_SAFE or name.endswith("_ns")):
        return str(value)
    return value
