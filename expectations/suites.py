"""The suites: functions that return Great Expectations suites, one per documented frame (frames.py).

Each expectation carries in `meta`: `check` (its id, unique), `suite`, `frame` and `level` (method.md: L2 the primary's
checkpoints, L3 the members' captures; "invariant" holds by itself). Rows due come from the `symbols` frame's
`<frame>_due` column, so that zero rows are told from rows that went missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe

from expectations.layout import VERSION

__all__ = ["objectives", "suites"]

L2, L3, INVARIANT = "L2", "L3", "invariant"


def suites(*, environment: int, epoch: int) -> tuple[Any, ...]:
    """All suites of a recovered exchange; `environment` and `epoch` are the journal's."""
    return (
        journal_objects(),
        journal_frames(environment, epoch),
        journal_commands(),
        books_symbols(),
        books_checkpoints(),
        trades_fills(),
        trades_orders(),
        trades_captured(),
        recovery_symbols(),
        recovery_acks(),
    )


def journal_objects() -> Any:
    """Each object unpacks to its last byte and consists of frames to its last byte."""
    return _suite(
        "journal",
        "objects",
        _equal("object_unpacks", INVARIANT, "gunzipped", "size"),
        _equal("object_decodes", INVARIANT, "decoded", "plain"),
    )


def journal_frames(environment: int, epoch: int) -> Any:
    """Gapless, chained, unaltered, and written for this symbol, site and epoch."""
    return _suite(
        "journal",
        "frames",
        _equal("frame_gapless", INVARIANT, "first_seq", "expected_first_seq"),
        _equal("frame_chain", INVARIANT, "previous_stored", "previous_computed"),
        _equal("frame_checksum", INVARIANT, "crc_stored", "crc_computed"),
        _equal("frame_length", INVARIANT, "payload_stored", "payload_expected"),
        _equal("frame_symbol", INVARIANT, "frame_symbol", "symbol"),
        _among("frame_environment", INVARIANT, "environment", [environment]),
        _among("frame_epoch", INVARIANT, "epoch", [epoch]),
        _among("frame_version", INVARIANT, "version", [VERSION]),
    )


def journal_commands() -> Any:
    """Each seq once, each field within its closed list."""
    return _suite(
        "journal",
        "commands",
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["symbol", "seq"], ignore_row_if="never", meta=_meta("command_seq_once", INVARIANT)
        ),
        _among("command_kind", INVARIANT, "kind", [1, 2, 3, 4, 5, 6, 7, 8]),
        _among("command_side", INVARIANT, "side", [0, 1]),
        _among("command_type", INVARIANT, "type", [0, 1]),
        _among("command_tif", INVARIANT, "tif", [0, 1, 2, 3]),
        _among("command_flags", INVARIANT, "flags", [0, 1, 2, 3]),
        _at_least("command_qty", INVARIANT, "qty", "qty_least"),
    )


def books_symbols() -> Any:
    """The recovery ended well, at the journal's own last contiguous seq, and checkpoints were written all along."""
    return _suite(
        "books",
        "symbols",
        _among("book_recovered", INVARIANT, "recovered_status", ["recovered"]),
        _equal("book_seq", INVARIANT, "recovered_seq", "journal_seq"),
        _at_least("checkpoint_distance", INVARIANT, "checkpoint_distance_most", "checkpoint_distance"),
        _among("checkpoints_readable", INVARIANT, "checkpoints_unread", [0]),
    )


def books_checkpoints() -> Any:
    """At each checkpoint's seq the recovered book equals the book that the primary had while it traded."""
    return _suite(
        "books",
        "checkpoints",
        _equal("book_digest", L2, "recovered_digest", "primary_digest"),
        _equal("book_checkpoint_read", INVARIANT, "engine_read_digest", "primary_digest"),
    )


def trades_fills() -> Any:
    """Each recovered fill: of its own command, two-sided, within both limits, and testified to."""
    return _suite(
        "trades",
        "fills",
        _equal("fill_command", INVARIANT, "taker_id", "command_order_id"),
        _equal("fill_balance", INVARIANT, "buy_qty", "sell_qty"),
        _at_least("fill_buy_limit", INVARIANT, "buy_limit", "price"),
        _at_least("fill_sell_limit", INVARIANT, "price", "sell_limit"),
        _least("fill_witnessed", L3, "witnesses", 1),
    )


def trades_orders() -> Any:
    """No order executes more than its member asked for."""
    return _suite("trades", "orders", _at_least("order_executed", INVARIANT, "ordered_qty", "executed_qty"))


def trades_captured() -> Any:
    """Each fill that a member knows of was recovered as the member knows it."""
    return _suite(
        "trades",
        "captured_fills",
        _equal("captured_fill_order", L3, "recovered_order_id", "order_id"),
        _equal("captured_fill_price", L3, "recovered_price", "price"),
        _equal("captured_fill_qty", L3, "recovered_qty", "qty"),
    )


def recovery_symbols() -> Any:
    """The list of fills is as long as the engine says."""
    return _suite(
        "recovery_point", "symbols", _equal("fills_complete", INVARIANT, "fills_bytes", "fills_bytes_declared")
    )


def recovery_acks() -> Any:
    """Each acknowledged command is in the recovered prefix, and is the command that was acknowledged."""
    return _suite(
        "recovery_point",
        "acks",
        _at_least("ack_recovered", L3, "recovered_seq", "seq"),
        _equal("ack_command", L3, "journal_command_id", "command_id"),
    )


def objectives() -> Any:
    """One row per symbol with `elapsed_ms` and `objective_ms`, given by the caller; frame `objectives`."""
    return _suite("objectives", "objectives", _at_least("objective_met", INVARIANT, "objective_ms", "elapsed_ms"))


def _suite(name: str, frame: str, *expectations: Any) -> Any:
    for expectation in expectations:
        expectation.meta.update(suite=name, frame=frame)
    return gx.ExpectationSuite(f"{name}.{frame}", expectations=list(expectations))


def _meta(check: str, level: str) -> dict[str, str]:
    return {"check": check, "level": level}


def _equal(check: str, level: str, left: str, right: str) -> Any:
    return gxe.ExpectColumnPairValuesToBeEqual(
        column_A=left, column_B=right, ignore_row_if="neither", meta=_meta(check, level)
    )


def _at_least(check: str, level: str, more: str, less: str) -> Any:
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=more, column_B=less, or_equal=True, ignore_row_if="neither", meta=_meta(check, level)
    )


def _among(check: str, level: str, column: str, allowed: Iterable[Any]) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(allowed), meta=_meta(check, level))


def _least(check: str, level: str, column: str, least: int) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=least, meta=_meta(check, level))
