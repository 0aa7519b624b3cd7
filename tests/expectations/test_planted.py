"""One bad row per declared expectation: that expectation turns red, with coordinates; nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from expectations.suites import objectives as objectives_suite
from expectations.suites import suites
from expectations.validate import objectives

SYMBOLS = ("AAPL", "MSFT", "ZZT1")
GUILTY = "MSFT"
OTHER_DIGEST = "ab" * 32


def more(column: Any, by: Any = 1) -> Any:
    return lambda row: row[column] + by


PLANTED = {
    # check: (frame, row of the symbol, column, bad value or function of the row, coordinates that must be named)
    "object_unpacks": ("objects", 1, "gunzipped", more("size", -1), ("object",)),
    "object_decodes": ("objects", 1, "decoded", more("plain", -1), ("object",)),
    "frame_gapless": ("frames", 8, "first_seq", more("first_seq", 7), ("object", "offset", "gap")),
    "frame_chain": ("frames", 3, "previous_stored", OTHER_DIGEST, ("object", "offset", "first_seq")),
    "frame_checksum": ("frames", 3, "crc_stored", more("crc_stored", -1), ("object", "offset", "first_seq")),
    "frame_length": ("frames", 3, "payload_stored", 1, ("object", "offset", "first_seq")),
    "frame_symbol": ("frames", 3, "frame_symbol", "AAPL", ("object", "offset", "first_seq")),
    "frame_environment": ("frames", 3, "environment", 2, ("object", "offset", "first_seq")),
    "frame_epoch": ("frames", 3, "epoch", 9, ("object", "offset", "first_seq")),
    "frame_version": ("frames", 3, "version", 2, ("object", "offset", "first_seq")),
    "command_seq_once": ("commands", 20, "seq", more("seq", -1), ("object", "seq")),
    "command_kind": ("commands", 20, "kind", 9, ("object", "seq")),
    "command_side": ("commands", 20, "side", 2, ("object", "seq")),
    "command_type": ("commands", 20, "type", 2, ("object", "seq")),
    "command_tif": ("commands", 20, "tif", 4, ("object", "seq")),
    "command_flags": ("commands", 20, "flags", 4, ("object", "seq")),
    "command_qty": ("commands", 20, "qty", more("qty_least", -1), ("object", "seq", "command_id")),
    "book_recovered": ("symbols", 0, "recovered_status", "damaged", ("recovered_seq",)),
    "book_seq": ("symbols", 0, "recovered_seq", 62, ("journal_seq",)),
    "checkpoint_distance": ("symbols", 0, "checkpoint_distance", 10_000, ("checkpoint_distance_most",)),
    "checkpoints_readable": ("symbols", 0, "checkpoints_unread", 1, ("checkpoints_unread",)),
    "book_digest": ("checkpoints", 1, "recovered_digest", OTHER_DIGEST, ("seq", "primary_digest")),
    "book_checkpoint_read": ("checkpoints", 1, "engine_read_digest", OTHER_DIGEST, ("seq", "primary_digest")),
    "fill_command": ("fills", 2, "command_order_id", 1, ("seq", "fill_no", "taker_id")),
    "fill_balance": ("fills", 2, "buy_qty", more("sell_qty"), ("seq", "fill_no")),
    "fill_buy_limit": ("fills", 2, "buy_limit", more("price", -1), ("seq", "fill_no", "price")),
    "fill_sell_limit": ("fills", 2, "sell_limit", more("price"), ("seq", "fill_no", "price")),
    "fill_witnessed": ("fills", 2, "witnesses", 0, ("seq", "fill_no", "taker_acks")),
    "order_executed": ("orders", 2, "executed_qty", more("ordered_qty"), ("order_id", "seq")),
    "captured_fill_order": ("captured_fills", 2, "recovered_order_id", 0, ("member", "seq", "fill_no", "order_id")),
    "captured_fill_price": ("captured_fills", 2, "recovered_price", -1, ("member", "seq", "fill_no", "price")),
    "captured_fill_qty": ("captured_fills", 2, "recovered_qty", more("qty"), ("member", "seq", "fill_no", "qty")),
    "fills_complete": ("symbols", 0, "fills_bytes", more("fills_bytes_declared", -1), ("fills_bytes_declared",)),
    "ack_recovered": ("acks", 5, "recovered_seq", more("seq", -1), ("member", "seq", "command_id")),
    "ack_command": ("acks", 5, "journal_command_id", 1, ("member", "seq", "command_id")),
}


def declared_checks() -> Any:
    return [e.meta["check"] for suite in suites(environment=1, epoch=1) for e in suite.expectations]


def plant(frames: Any, name: Any, place: Any, column: Any, value: Any) -> Any:
    frame = frames[name].copy()
    row = frame.index[frame["symbol"] == GUILTY][place]
    frame.loc[row, column] = value(frame.loc[row]) if callable(value) else value
    return {**frames, name: frame}


def reading(declared_suites: Any, name: str) -> list[Any]:
    """The suites that look at this frame; all of them for `symbols`, which says how many rows are due to each.

    The others get what they got in the healthy exchange, so they say what they said there.
    """
    return [suite for suite in declared_suites if name in {"symbols", suite.expectations[0].meta["frame"]}]


def test_every_declared_expectation_has_a_planted_case() -> None:
    assert sorted(declared_checks()) == sorted(PLANTED)


def test_check_ids_are_unique() -> None:
    checks = declared_checks() + [e.meta["check"] for e in objectives_suite().expectations]
    assert len(checks) == len(set(checks))


def test_a_healthy_exchange_is_green_and_wholly_evaluated(judge: Any, declared_suites: Any, healthy: Any) -> None:
    results = judge.judge(declared_suites, healthy, SYMBOLS)
    assert len(results) == len(PLANTED) * len(SYMBOLS)
    assert [result for result in results if not (result.passed and result.evaluated and result.rows)] == []


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_row_turns_exactly_its_expectation_red(
    judge: Any, declared_suites: Any, healthy: Any, check: Any
) -> None:
    name, place, column, value, coordinates = PLANTED[check]
    planted = plant(healthy, name, place, column, value)
    results = judge.judge(reading(declared_suites, name), planted, SYMBOLS, test_symbols=("ZZT1",))
    red = [result for result in results if not result.passed]
    assert [(result.check, result.symbol, result.evaluated, result.scope) for result in red] == [
        (check, GUILTY, True, True)
    ]
    assert red[0].unexpected >= 1
    assert red[0].first is not None
    assert red[0].first["symbol"] == GUILTY
    assert set(coordinates) <= set(red[0].first)


def test_a_gap_is_named_by_its_ends(judge: Any, declared_suites: Any, healthy: Any) -> None:
    planted = plant(healthy, "frames", 8, "first_seq", more("first_seq", 7))
    results = judge.judge(reading(declared_suites, "frames"), planted, SYMBOLS)
    gapless = next(result for result in results if not result.passed)
    assert gapless.first is not None
    assert gapless.first["gap"] == [57, 63]


def test_objectives_missed_met_and_never_reached() -> None:
    validation = objectives(
        [
            {"symbol": "AAPL", "elapsed_ms": 1_000, "objective_ms": 7_200_000},
            {"symbol": "MSFT", "elapsed_ms": 7_200_001, "objective_ms": 7_200_000},
            {"symbol": "NFLX", "elapsed_ms": None, "objective_ms": 7_200_000},
        ]
    )
    assert (validation.declared, validation.evaluated) == (3, 3)
    assert [result.passed for result in validation.results] == [True, False, False]


def test_objectives_of_nothing_are_not_complete() -> None:
    assert not objectives([]).complete
