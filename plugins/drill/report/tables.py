"""The report as tables for a spreadsheet: a row per symbol, a row per phase. Times are integers, absent is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from drill.core.report import Report

SYMBOLS = (
    "symbol", "status", "seq", "commands", "digest", "orders_lost", "checks_declared", "checks_evaluated",
    "checks_failed", "loaded_at_ns", "replayed_at_ns", "validated_at_ns", "first_order_at_ns",
    "impact_to_first_order_ns", "first_difference",
)  # fmt: skip
PHASES = (
    "phase", "status", "counts", "start_ns", "end_ns", "work_ns", "queue_ns", "retry_ns", "approval_ns", "assumed_ns",
    "attempts", "note",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: object) -> object:
    """None as an empty cell; text that a spreadsheet would take for a formula is quoted."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """RFC 4180 with a header row, UTF-8, lines ended by CR LF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def symbols_csv(report: Report) -> bytes:
    """A row per symbol in scope, in the report's order."""
    impact = next((mark.at_ns for mark in report.result.marks if mark.name == "T0"), None)
    return _table(
        SYMBOLS,
        (
            (
                row.symbol, row.status, row.seq, row.commands, row.digest, row.orders_lost,
                *(sum(getattr(cell, name) for cell in row.checks) for name in ("declared", "evaluated", "failed")),
                row.loaded_at_ns, row.replayed_at_ns, row.validated_at_ns, row.first_order_at_ns,
                None if impact is None or row.first_order_at_ns is None else row.first_order_at_ns - impact,
                row.first_difference,
            )
            for row in report.result.symbols
        ),
    )  # fmt: skip


def phases_csv(report: Report) -> bytes:
    """A row per phase in its order, its time split by kind."""
    return _table(
        PHASES,
        (
            (
                one.name, one.status, one.counts, one.start_ns, one.end_ns, one.work_ns, one.queue_ns, one.retry_ns,
                one.approval_ns, one.assumed_ns, one.attempts, one.note,
            )
            for one in report.result.phases
        ),
    )  # fmt: skip
