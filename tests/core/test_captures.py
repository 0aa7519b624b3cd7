"""Captures are read with core's own decoder; what was refused without a seq is no acknowledgement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core import captures
from drill.core.recovery_point import KINDS, recovery_point

SYMBOLS = {1: "AAPL", 2: "ADBE"}
S = 1_000_000_000


def record(
    kind, *, number=1, epoch=1, seq=0, command=7, time_ns=S, sent_ns=0, reason=0, repeated=0,
    status=captures.OPEN, price=100, qty=1, what=captures.NEW,
):  # fmt: skip
    return captures.RECORD.pack(
        kind, status, reason, repeated, number, 0, epoch, 0, seq, command, time_ns, price, qty, what, 0, 0, 0, sent_ns
    )


def test_acknowledged_refused_and_unanswered_are_told_apart():
    data = b"".join(
        [
            record(captures.SENT, command=1, time_ns=S),
            record(captures.ACK, command=1, seq=5, time_ns=2 * S, sent_ns=S),
            record(captures.SENT, command=2, time_ns=S),
            record(captures.ACK, command=2, seq=0, time_ns=2 * S, sent_ns=S, reason=captures.HALTED),
            record(captures.SENT, command=3, time_ns=3 * S),
            record(captures.FILL, command=1, seq=5),
            record(captures.ACK, command=9, seq=6, time_ns=2 * S, epoch=2),
            record(captures.ACK, command=10, seq=6, time_ns=2 * S, number=99),
        ]
    )
    read = captures.read({4: data}, 1, SYMBOLS)
    assert read.acked == {"AAPL": {4: [(5, 2 * S, 1, 100)]}}
    assert (read.acknowledged, read.refused, read.fills) == (1, 1, 1)
    assert read.sent_unanswered == [(4, "AAPL", 3, 3 * S)]
    assert read.latencies == [(S, 1_000_000)]


def test_the_answer_to_a_resend_is_an_acknowledgement_of_the_first_seq_and_no_measure_of_speed():
    data = b"".join(
        [
            record(captures.SENT, command=1, time_ns=S),
            record(captures.SENT, command=1, time_ns=4 * S, repeated=1),
            record(captures.ACK, command=1, seq=5, time_ns=5 * S, repeated=1),
        ]
    )
    read = captures.read({4: data}, 1, SYMBOLS)
    assert read.acked == {"AAPL": {4: [(5, 5 * S, 1, 100)]}}
    assert (read.learned, read.sent_unanswered) == ([(4, "AAPL", 1, 5, 1)], [])
    assert (read.latencies, read.sends) == ([], [])


def test_a_command_that_is_answered_twice_is_acknowledged_once_and_lost_once():
    answers = [record(captures.ACK, command=1, seq=5, sent_ns=S), record(captures.ACK, command=1, seq=5, repeated=1)]
    read = captures.read({4: b"".join(answers)}, 1, SYMBOLS)
    assert read.acknowledged == 1
    assert recovery_point(read.acked, {"AAPL": 4}).lost_orders == 1


def test_what_the_next_epoch_answers_again_is_not_of_its_own_journal():
    rows = [
        record(captures.SENT, command=1, epoch=1),
        record(captures.SENT, command=2, epoch=1),
        record(captures.SENT, command=1, epoch=2, repeated=1),
        record(captures.SENT, command=2, epoch=2, repeated=1),
        record(captures.ACK, command=1, epoch=2, seq=5, repeated=1),
        record(captures.ACK, command=2, epoch=2, seq=9, time_ns=2 * S, repeated=1),
    ]
    lost, successor = (captures.read({4: b"".join(rows)}, epoch, SYMBOLS, {"AAPL": 8}) for epoch in (1, 2))
    assert (lost.acked, len(lost.sent_unanswered)) == ({}, 2)
    assert successor.acked == {"AAPL": {4: [(9, 2 * S, 1, 100)]}}
    assert [seq for *_, seq, _ in successor.learned] == [5, 9]
    assert successor.sent_unanswered == []


def test_orders_that_the_exchange_cancelled_are_counted():
    assert captures.read({4: record(captures.ENDED, seq=5, reason=19)}, 1, SYMBOLS).ended == 1


def test_a_torn_capture_is_refused_with_the_member():
    with pytest.raises(captures.BadCapture, match="member 4: 63 bytes"):
        captures.read({4: record(captures.SENT)[:-1]}, 1, SYMBOLS)


def test_windows_are_whole_and_leave_out_the_last_second_before_the_loss():
    rows = [record(captures.SENT, command=n, time_ns=S + n * S // 10) for n in range(300)]
    rows += [
        record(captures.ACK, command=n, seq=n + 1, time_ns=S + n * S // 10 + 5, sent_ns=S + n * S // 10)
        for n in range(290)
    ]
    performance = captures.performance(captures.read({1: b"".join(rows)}, 1, SYMBOLS), until_ns=30 * S)
    assert [(window.offered, window.acknowledged) for window in performance.windows] == [(100, 100), (100, 100)]
    assert (performance.offered, performance.acknowledged, performance.n) == (280, 280, 290)


def test_percentiles_are_by_nearest_rank_over_the_run_and_in_each_window():
    """The n-th of 200 commands is answered after n ms: the first window has the quick half."""
    rows = [
        record(captures.ACK, command=n, seq=n + 1, time_ns=S + n * S // 10 + n * 1_000_000, sent_ns=S + n * S // 10)
        for n in range(200)
    ]
    found = captures.performance(captures.read({1: b"".join(rows)}, 1, SYMBOLS), until_ns=22 * S)
    assert (found.p50_us, found.p90_us, found.p99_us, found.max_us) == (99_000, 179_000, 197_000, 199_000)
    assert [window.p99_us for window in found.windows] == [98_000, 198_000]


def test_an_epoch_without_commands_has_no_percentiles():
    performance = captures.performance(captures.read({}, 1, SYMBOLS))
    assert (performance.p99_us, performance.n, performance.windows) == (None, 0, ())


@pytest.mark.parametrize(
    ("changes", "worth"),
    [
        ({"price": 250, "qty": 40}, 10_000),
        ({"price": 0, "qty": 40}, None),  # a market order names no price
        ({"price": 250, "qty": 40, "status": captures.REJECTED}, 0),
        ({"price": 250, "qty": 40, "what": 3}, 0),  # a replace: its order was counted when it was new
    ],
)
def test_a_new_order_is_worth_price_times_quantity(changes, worth):
    read = captures.read({4: record(captures.ACK, seq=5, **changes)}, 1, SYMBOLS)
    assert [row[3] for row in read.acked["AAPL"][4]] == [worth]


def test_lost_means_above_the_contiguous_prefix():
    acked = {"AAPL": {1: [(1, S, 1, 7), (3, 3 * S, 2, 0)], 2: [(2, 2 * S, 1, 9), (4, 4 * S, 3, 0)]}}
    point = recovery_point(acked, {"AAPL": 2})
    assert (point.acknowledged, point.lost_orders, point.members_touched) == (4, 2, 2)
    assert point.lost_by_kind == {"cancel": 1, "replace": 1}
    assert (point.rpo_time_ns, point.worst_symbol) == (2 * S, "AAPL")


def test_a_symbol_that_was_not_recovered_lost_everything():
    assert recovery_point({"AAPL": {1: [(1, S, 1, 7)]}}, {}).lost_orders == 1


def test_captures_that_were_filed_without_worth_leave_the_notional_unknown():
    point = recovery_point({"AAPL": {1: [(1, S, 1)]}}, {})
    assert (point.lost_orders, point.lost_notional_cents, point.lost_unpriced) == (1, None, None)
    nothing = recovery_point({"AAPL": {1: [(1, S, 1)]}}, {"AAPL": 1})
    assert (nothing.lost_notional_cents, nothing.lost_unpriced) == (0, 0)


rows = st.tuples(st.integers(1, 9), st.integers(0, 99), st.sampled_from(sorted(KINDS)), st.none() | st.integers(0, 999))
captured = st.dictionaries(
    st.sampled_from(["AAPL", "ADBE", "ZZT1"]),
    st.dictionaries(st.integers(1, 3), st.lists(rows, max_size=4), max_size=3),
)


@given(captured, st.dictionaries(st.sampled_from(["AAPL", "ADBE"]), st.integers(0, 9)))
def test_every_figure_is_what_a_look_at_each_row_gives(acked, prefix):
    """The naive twin: one flat list, asked once per figure."""
    flat = [(s, m, *row) for s, members in acked.items() for m, held in members.items() for row in held]
    lost = [row for row in flat if row[2] > prefix.get(row[0], 0)]
    point = recovery_point(acked, prefix)
    assert (point.acknowledged, point.lost_orders) == (len(flat), len(lost))
    assert point.members_touched == len({member for _, member, *_ in lost})
    assert sum(point.lost_by_kind.values()) == sum(point.lost_by_symbol.values()) == len(lost)
    assert point.lost_by_symbol == {s: n for s in acked if (n := sum(row[0] == s for row in lost))}
    assert point.lost_notional_cents == sum(row[5] for row in lost if row[5])
    assert point.lost_unpriced == sum(row[5] is None for row in lost)
