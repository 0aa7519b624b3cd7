"""`python -m engine match`, sentence by sentence of its interface (engine/order_flow.py, docs/operations.md)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import FlowError
from engine.flow_books import match_flow
from engine.messages import Reason
from engine.order_flow import MAX_LINE_BYTES, REASONS
from tests.benchmarks.match_flow import flow as benchmark_flow

ROOT = Path(__file__).resolve().parents[2]
BIG = 1 << 63


class Pieces:
    """A stream that gives what it was given, one piece a read: a pipe at its worst."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def read(self, _: int = -1, /) -> bytes:
        return next(self._pieces, b"")


def answers(*lines: str | dict[str, Any], book: bool = False) -> list[Any]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    written: list[bytes] = []
    match_flow(Pieces([text.encode()]), written.append, with_book=book)
    return [json.loads(line) for line in b"".join(written).splitlines()]


def new(order_id: Any, side: str, qty: int, price: int | None = None, **more: Any) -> dict[str, Any]:
    price_key = {} if price is None else {"price": price}
    return {"action": "new", "order_id": order_id, "side": side, "qty": qty, **price_key, **more}


def states(*lines: Any) -> list[tuple[str, int]]:
    return [(answer["status"], answer["open"]) for answer in answers(*lines)]


ASKS = (new(1, "S", 10, 101), new(2, "S", 20, 101), new(3, "S", 30, 103))


# What a command looks like.


def test_the_documented_commands_are_understood() -> None:
    got = answers(
        '{"seq":1,"ts_ns":34200030000000,"action":"new","order_id":17,"side":"B","type":"limit","price":5853300,"qty":18,"tif":"GTC"}',
        '{"seq":2,"action":"new","order_id":"S12","side":"S","type":"market","qty":5}',
        '{"seq":3,"action":"new","order_id":18,"side":"B","price":5853200,"qty":5,"tif":"IOC"}',
        '{"seq":4,"action":"replace","order_id":17,"price":5853400,"qty":20}',
        '{"seq":5,"action":"reduce","order_id":17,"qty":3}',
        '{"seq":6,"action":"cancel","order_id":17}',
    )
    assert got == [
        {"seq": 1, "status": "open", "open": 18, "trades": []},
        {"seq": 2, "status": "filled", "open": 0, "trades": [[17, "S12", 5853300, 5]]},
        {"seq": 3, "status": "cancelled", "open": 0, "trades": []},
        {"seq": 4, "status": "open", "open": 20, "trades": []},
        {"seq": 5, "status": "open", "open": 17, "trades": []},
        {"seq": 6, "status": "cancelled", "open": 0, "trades": []},
    ]


def test_unknown_keys_are_ignored() -> None:
    assert states({**new(1, "B", 1, 100), "trades": [[1, 2, 3, 4]], "top": {"bid": 1.5}}) == [("open", 1)]


def test_type_is_limit_and_tif_is_gtc_unless_said() -> None:
    assert answers(new(1, "B", 1, 100), new(2, "S", 3, 100)) == answers(
        new(1, "B", 1, 100, type="limit", tif="GTC"), new(2, "S", 3, 100, type="limit", tif="GTC")
    )


def test_an_order_id_is_given_back_as_it_came_and_text_is_another_id_than_its_number() -> None:
    *_, traded, book = answers(new(17, "S", 1, 101), new("17", "S", 2, 101), new("ü\n", "B", 2, 101), book=True)
    assert traded["trades"] == [[17, "ü\n", 101, 1], ["17", "ü\n", 101, 1]]
    assert book["orders"] == {"bids": [], "asks": [["17", 101, 1]]}


def test_seq_time_and_member_are_optional_and_absent_seq_is_the_number_of_the_line() -> None:
    lines = (
        new(1, "B", 1, 100),
        {"action": "noop"},
        {**new(2, "B", 1, 100, member="M7", ts_ns=5), "seq": 77},
        new(3, "B", 1, 100),
    )
    assert [answer["seq"] for answer in answers(*lines)] == [1, 77, 4]


def test_a_key_that_is_null_counts_as_absent() -> None:
    lines = (
        new(1, "B", 5, 100, tif=None, type=None, post_only=None, seq=None, member=None),
        {"action": "replace", "order_id": 1, "qty": 4, "price": None},
    )
    assert states(*lines) == [("open", 5), ("open", 4)]


# What the engine does.


def test_replace_sets_the_open_quantity_and_an_absent_price_is_unchanged() -> None:
    *_, answer, book = answers(*ASKS, new(9, "B", 4, 101), {"action": "replace", "order_id": 1, "qty": 3}, book=True)
    assert (answer["status"], answer["open"]) == ("open", 3)
    assert book["orders"]["asks"] == [[1, 101, 3], [2, 101, 20], [3, 103, 30]]


@pytest.mark.parametrize(
    ("change", "queue"),
    [
        ({"qty": 10}, [1, 2, 3]),
        ({"qty": 9, "price": 101}, [1, 2, 3]),
        ({"qty": 11}, [2, 1, 3]),
        ({"qty": 9, "price": 102}, [2, 1, 3]),
        ({"qty": 10, "price": 103}, [2, 3, 1]),
    ],
)
def test_the_same_price_and_not_more_keeps_priority_and_anything_else_loses_it(change: Any, queue: Any) -> None:
    *_, book = answers(*ASKS, {"action": "replace", "order_id": 1, **change}, book=True)
    assert [order for order, _, _ in book["orders"]["asks"]] == queue


def test_a_replaced_order_may_trade_at_once_at_the_resting_price() -> None:
    *_, answer = answers(
        *ASKS, new(4, "B", 15, 99), {"seq": 9, "action": "replace", "order_id": 4, "price": 102, "qty": 15}
    )
    assert answer == {"seq": 9, "status": "filled", "open": 0, "trades": [[1, 4, 101, 10], [2, 4, 101, 5]]}


def test_reduce_takes_off_and_keeps_priority_and_at_or_below_zero_cancels() -> None:
    *_, a, b, c, book = answers(
        *ASKS,
        {"action": "reduce", "order_id": 1, "qty": 4},
        {"action": "reduce", "order_id": 2, "qty": 20},
        {"action": "reduce", "order_id": 3, "qty": 31},
        book=True,
    )
    assert [(answer["status"], answer["open"]) for answer in (a, b, c)] == [
        ("open", 6),
        ("cancelled", 0),
        ("cancelled", 0),
    ]
    assert book["orders"]["asks"] == [[1, 101, 6]]


def test_post_only_that_would_trade_is_rejected_and_otherwise_rests() -> None:
    *_, hit, rested = answers(*ASKS, new(4, "B", 1, 101, post_only=True), new(5, "B", 1, 100, post_only=True))
    assert hit == {"seq": 4, "status": "rejected", "open": 0, "trades": [], "reason": "would_trade"}
    assert (rested["status"], rested["open"]) == ("open", 1)


def test_fok_that_cannot_fill_wholly_trades_nothing() -> None:
    *_, short, whole = answers(*ASKS, new(4, "B", 31, 102, tif="FOK"), new(5, "B", 30, 102, tif="FOK"))
    assert (short["status"], short["open"], short["trades"]) == ("cancelled", 0, [])
    assert (whole["status"], whole["trades"]) == ("filled", [[1, 5, 101, 10], [2, 5, 101, 20]])


@pytest.mark.parametrize("order", [new(4, "B", 70, 103, tif="IOC"), new(4, "B", 70, type="market")])
def test_the_rest_of_an_ioc_or_market_order_is_cancelled(order: Any) -> None:
    *_, answer, book = answers(*ASKS, order, book=True)
    assert (answer["status"], answer["open"]) == ("cancelled", 0)
    assert answer["trades"] == [[1, 4, 101, 10], [2, 4, 101, 20], [3, 4, 103, 30]]
    assert book["book"] == {"bids": [], "asks": []}


def test_day_orders_rest() -> None:
    assert states(new(1, "B", 1, 100, tif="DAY")) == [("open", 1)]


def test_no_self_trade_prevention() -> None:
    *_, answer = answers(new(1, "S", 1, 100, member=7), new(2, "B", 1, 100, member=7))
    assert answer["trades"] == [[1, 2, 100, 1]]


# Answers.


def test_one_line_for_each_command_in_order_and_noop_gets_none() -> None:
    got = answers(
        {"seq": 9, "action": "noop"},
        {"seq": 7, "action": "cancel", "order_id": 1},
        {"seq": 3, "action": "cancel", "order_id": 1},
    )
    assert got == [
        {"seq": seq, "status": "rejected", "open": 0, "trades": [], "reason": "unknown_order"} for seq in (7, 3)
    ]


def test_the_book_comes_last_best_price_first_and_time_priority_within() -> None:
    *_, book = answers(*ASKS, new(4, "B", 1, 99), new(5, "B", 2, 100), new(6, "B", 3, 100), book=True)
    assert book == {
        "book": {"bids": [[100, 5, 2], [99, 1, 1]], "asks": [[101, 30, 2], [103, 30, 1]]},
        "orders": {
            "bids": [[5, 100, 2], [6, 100, 3], [4, 99, 1]],
            "asks": [[1, 101, 10], [2, 101, 20], [3, 103, 30]],
        },
    }


def test_the_book_of_no_commands_is_empty() -> None:
    assert answers("", book=True) == [{"book": {"bids": [], "asks": []}, "orders": {"bids": [], "asks": []}}]


def test_without_book_there_is_no_last_line() -> None:
    assert len(answers(*ASKS)) == len(ASKS)


def test_the_list_of_reasons_is_closed_and_documented() -> None:
    documented = (ROOT / "docs" / "operations.md").read_text()
    assert sorted(REASONS) == sorted(set(Reason) - {Reason.NONE})
    assert [reason for reason in REASONS.values() if f"`{reason}`" not in documented] == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (new(4, "B", 0, 100), "bad_quantity"),
        (new(4, "B", -5, 100), "bad_quantity"),
        (new(4, "B", 0, type="market"), "bad_quantity"),
        (new(4, "B", 5, 0), "bad_price"),
        (new(4, "B", 5, -BIG), "bad_price"),
        (new(1, "B", 5, 100), "duplicate_order"),
        ({"action": "cancel", "order_id": "1"}, "unknown_order"),
        ({"action": "reduce", "order_id": 9, "qty": 1}, "unknown_order"),
        ({"action": "reduce", "order_id": 1, "qty": 0}, "bad_quantity"),
        ({"action": "replace", "order_id": 9, "qty": 1}, "unknown_order"),
        ({"action": "replace", "order_id": 1, "qty": -1}, "bad_quantity"),
        ({"action": "replace", "order_id": 1, "qty": 1, "price": 0}, "bad_price"),
        ({"action": "replace", "order_id": 1, "qty": 1, "price": -1}, "bad_price"),
    ],
)
def test_a_well_formed_command_that_cannot_be_done_is_rejected_and_changes_nothing(command: Any, reason: str) -> None:
    *_, before = answers(*ASKS, book=True)
    *_, answer, after = answers(*ASKS, command, book=True)
    assert answer == {"seq": 4, "status": "rejected", "open": 0, "trades": [], "reason": reason}
    assert after == before


def test_an_order_id_that_is_gone_may_be_used_again() -> None:
    cancel = {"action": "cancel", "order_id": 1}
    lines = (
        new(1, "B", 1, 100),
        cancel,
        new(1, "B", 2, 100),
        new(2, "S", 2, 100),
        new(1, "S", 3, 100),
        new(3, "B", 9, 100, tif="IOC"),
        new(1, "B", 4, 100),
    )
    assert states(*lines) == [
        ("open", 1),
        ("cancelled", 0),
        ("open", 2),
        ("filled", 0),
        ("open", 3),
        ("cancelled", 0),
        ("open", 4),
    ]


# Several symbols.


def test_several_symbols_do_not_meet_answers_stay_in_order_and_the_book_has_one_entry_each() -> None:
    got = answers(
        new(1, "S", 1, 100, symbol="AAL"),
        new(1, "B", 2, 100, symbol="MSFT"),
        new(2, "B", 1, 100, symbol="AAL"),
        {"action": "cancel", "order_id": 9, "symbol": "AAL"},
        book=True,
    )
    assert [answer["status"] for answer in got[:-1]] == ["open", "open", "filled", "rejected"]
    empty: dict[str, Any] = {"bids": [], "asks": []}
    assert got[-1] == {
        "AAL": {"book": empty, "orders": empty},
        "MSFT": {"book": {"bids": [[100, 2, 1]], "asks": []}, "orders": {"bids": [[1, 100, 2]], "asks": []}},
    }


def test_one_symbol_that_is_named_gives_the_plain_book() -> None:
    assert list(answers(new(1, "S", 1, 100, symbol="AAL"), book=True)[-1]) == ["book", "orders"]


# Lines that are no command.

BAD = {
    "bad JSON": ('{"action":"new"', "-", "JSON object"),
    "an empty line": ("", "-", "JSON object"),
    "two objects": ('{"action":"noop"}{"action":"noop"}', "-", "JSON object"),
    "no object": ("[1]", "-", "JSON object"),
    "no UTF-8": ('{"action":"cancel","order_id":"\udcff"}', "-", "JSON object"),
    "nested without end": ('{"action":"noop","x":' + "[" * 100_000, "-", "JSON object"),
    "a number of ten thousand digits": ('{"action":"cancel","order_id":1' + "0" * 10_000 + "}", "order_id", "integer"),
    "no action": ({"order_id": 1}, "action", "new, cancel, reduce, replace or noop"),
    "an unknown action": ({"action": "amend"}, "action", "new, cancel, reduce, replace or noop"),
    "an action of another type": ({"action": 5}, "action", "new, cancel, reduce, replace or noop"),
    "an unknown side": (new(1, "X", 1, 100), "side", "B or S"),
    "an unknown type": (new(1, "B", 1, 100, type="stop"), "type", "limit or market"),
    "an unknown tif": (new(1, "B", 1, 100, tif="GTD"), "tif", "GTC, DAY, IOC or FOK"),
    "post_only as a number": (new(1, "B", 1, 100, post_only=1), "post_only", "true or false"),
    "a fractional price": (new(1, "B", 1, 100.5), "price", "integer"),  # type: ignore[arg-type]
    "a fractional quantity": (new(1, "B", 1.0, 100), "qty", "integer"),  # type: ignore[arg-type]
    "a quantity as text": (new(1, "B", "1", 100), "qty", "integer"),  # type: ignore[arg-type]
    "a fractional order id": (new(1.5, "B", 1, 100), "order_id", "string or an integer"),
    "a price over 64 bits": (new(1, "B", 1, BIG), "price", "integer"),
    "a quantity over 64 bits": (new(1, "B", -BIG - 1, 1), "qty", "integer"),
    "a seq over 64 bits": (new(1, "B", 1, 1, seq=1 << 64), "seq", "integer"),
    "a fractional time": (new(1, "B", 1, 1, ts_ns=0.5), "ts_ns", "integer"),
    "a symbol as a number": (new(1, "B", 1, 1, symbol=5), "symbol", "string"),
    "new without order_id": ({"action": "new", "side": "B", "qty": 1, "price": 1}, "order_id", "integer"),
    "new without side": ({"action": "new", "order_id": 1, "qty": 1, "price": 1}, "side", "B or S"),
    "new without qty": ({"action": "new", "order_id": 1, "side": "B", "price": 1}, "qty", "integer"),
    "a limit order without price": (new(1, "B", 1), "price", "integer"),
    "a market order without qty": ({"action": "new", "order_id": 1, "side": "B", "type": "market"}, "qty", "integer"),
    "cancel without order_id": ({"action": "cancel"}, "order_id", "integer"),
    "reduce without qty": ({"action": "reduce", "order_id": 1}, "qty", "integer"),
    "replace without qty": ({"action": "replace", "order_id": 1, "price": 1}, "qty", "integer"),
}


@pytest.mark.parametrize(("line", "key", "expected"), BAD.values(), ids=BAD)
def test_a_line_that_is_no_command_ends_the_run_after_the_answers_before_it(line: Any, key: str, expected: str) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    raw = f"{json.dumps(new(1, 'B', 1, 1))}\n{text}\n{json.dumps(new(2, 'B', 1, 1))}\n".encode(errors="surrogateescape")
    written: list[bytes] = []
    with pytest.raises(FlowError) as caught:
        match_flow(Pieces([raw]), written.append, with_book=True)
    assert (caught.value.line, caught.value.key) == (2, key)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    assert f"line 2, key {key}: expected " in said
    assert expected in said
    assert [json.loads(one)["seq"] for one in b"".join(written).splitlines()] == [1]


def test_a_line_without_end_is_no_command() -> None:
    endless = (b"x" * (64 << 10) for _ in range(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(FlowError, match=rf"line 2, key -: expected a line of at most {MAX_LINE_BYTES} bytes"):
            match_flow(
                Pieces([b'{"action":"noop"}\n', *(next(endless),), *(next(endless) for _ in range(20))]), lambda _: None
            )
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_LINE_BYTES
    finally:
        tracemalloc.stop()


# The command line itself.


def run(*words: str, flow: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "engine", "match", *words], input=flow, capture_output=True, cwd=ROOT, check=False
    )


def test_file_dash_and_nothing_read_the_same(tmp_path: Path) -> None:
    flow = "\n".join(json.dumps(line) for line in ASKS).encode()
    (tmp_path / "flow.jsonl").write_bytes(flow)
    ended = [run("--book", str(tmp_path / "flow.jsonl")), run("--book", "-", flow=flow), run("--book", flow=flow)]
    assert [one.returncode for one in ended] == [0, 0, 0]
    assert ended[0].stdout == ended[1].stdout == ended[2].stdout
    assert ended[0].stdout.count(b"\n") == 4


def test_the_exit_status_is_2_and_standard_error_has_one_line() -> None:
    ended = run(flow=b'{"action":"noop"}\n{"action":"cancel","order_id":1}\n{"action":"new","order_id":1.5}\n')
    assert (ended.returncode, ended.stdout.count(b"\n"), ended.stderr.count(b"\n")) == (2, 1, 1)
    assert b"line 3, key order_id: expected a string or an integer" in ended.stderr
    assert b"found 1.5" in ended.stderr


def test_a_file_that_is_not_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    ended = run(str(tmp_path / "none"))
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"\n")) == (2, b"", 1)


def test_each_line_is_answered_before_the_next_one_comes() -> None:
    command = [sys.executable, "-m", "engine", "match"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as matcher:
        assert matcher.stdin is not None
        assert matcher.stdout is not None
        for seq in (1, 2, 3):
            matcher.stdin.write(json.dumps({**new(seq, "B", 1, 100), "seq": seq}).encode() + b"\n")
            matcher.stdin.flush()
            assert json.loads(matcher.stdout.readline())["seq"] == seq
        matcher.stdin.close()
    assert matcher.returncode == 0


def test_a_reader_that_leaves_ends_the_run_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [sys.executable, "-m", "engine", "match"], stdin=subprocess.PIPE, stdout=write, stderr=subprocess.PIPE, cwd=ROOT
    ) as matcher:
        os.close(write)
        _, error = matcher.communicate(b'{"action":"cancel","order_id":1}\n')
    assert (matcher.returncode, error) == (141, b"")


# Any stream, in memory bounded by the book.


@given(data=st.data())
def test_the_cut_of_the_stream_means_nothing(data: st.DataObject) -> None:
    whole = b"".join(benchmark_flow(30))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    bounds = [0, *cuts, len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(bounds)]
    at_once: list[bytes] = []
    in_pieces: list[bytes] = []
    match_flow(Pieces([whole]), at_once.append, with_book=True)
    match_flow(Pieces(pieces), in_pieces.append, with_book=True)
    assert b"".join(in_pieces) == b"".join(at_once)


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_answers_or_a_flow_error(raw: bytes) -> None:
    with contextlib.suppress(FlowError):
        match_flow(Pieces([raw]), lambda _: None)


def with_names(line: bytes) -> bytes:
    """The same line with an order id that is text."""
    head, _, tail = line.partition(b'"order_id":')
    digits = tail.split(b",")[0].rstrip(b"}\n")
    return head + b'"order_id":"customer-' + digits + b'"' + tail[len(digits) :]


def peak(count: int) -> int:
    lines = [with_names(line) for line in benchmark_flow(count)]
    pieces = [b"".join(lines[start : start + 200]) for start in range(0, count, 200)]
    tracemalloc.start()
    try:
        match_flow(Pieces(pieces), lambda _: None)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_the_book_not_by_the_stream_and_ids_of_orders_that_are_gone_are_forgotten() -> None:
    short, long = peak(30_000), peak(90_000)  # at most 2,311 orders rest in the one, 2,711 in the other
    assert long < 1.25 * short
