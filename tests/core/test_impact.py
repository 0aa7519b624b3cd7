"""What an exercise does to production: equal windows, nearest rank, and a limit that is compared without rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core import captures
from drill.core.impact import Impact, Interval, impact, slowed, too_much

S = 1_000_000_000
BEGAN = 1_000 * S


def captured(latencies):
    return captures.Captured(
        epoch=1, acked={}, fills=0, refused=0, first_ack_by_member={}, last_ack_ns=None, sent_unanswered=[],
        latencies=latencies, sends=[(at, 1) for at, _ in latencies],
    )  # fmt: skip


def found(before_us, during_us, n=200):
    def interval(p99):
        return Interval(from_ns="0", to_ns="1", n=n if p99 is not None else 0, p99_us=p99)

    return Impact(before=interval(before_us), during=interval(during_us))


def test_the_window_before_is_as_long_as_the_exercise():
    rows = [(BEGAN - 100 * S, 900), (BEGAN - 40 * S, 300), (BEGAN - 1, 310), (BEGAN, 400), (BEGAN + 39 * S, 390)]
    measured = impact(captured([*rows, (BEGAN + 41 * S, 9)]), began_ns=BEGAN, ended_ns=BEGAN + 40 * S)
    assert measured.before == Interval(from_ns=str(BEGAN - 40 * S), to_ns=str(BEGAN), n=2, p99_us=310)
    assert measured.during == Interval(from_ns=str(BEGAN), to_ns=str(BEGAN + 40 * S), n=2, p99_us=400)


def test_a_production_that_traded_for_less_says_for_how_long():
    measured = impact(captured([(BEGAN - 5 * S, 300), (BEGAN, 300)]), began_ns=BEGAN, ended_ns=BEGAN + 40 * S)
    assert measured.before.from_ns == str(BEGAN - 5 * S)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 1000)), max_size=60), st.integers(1, 200))
def test_each_window_is_the_naive_one(rows, lasted):
    latencies = [(BEGAN + (at - 200) * S, latency) for at, latency in rows]
    measured = impact(captured(latencies), began_ns=BEGAN, ended_ns=BEGAN + lasted * S)
    for interval in (measured.before, measured.during):
        inside = sorted(us for at, us in latencies if int(interval.from_ns) <= at < int(interval.to_ns))
        assert interval.n == len(inside)
        below = [us for us in inside if sum(other <= us for other in inside) * 100 >= 99 * len(inside)]
        assert interval.p99_us == (min(below) if inside else None)
    assert int(measured.before.to_ns) - int(measured.before.from_ns) <= lasted * S


@pytest.mark.parametrize(
    ("before_us", "during_us", "percent", "disturbed"),
    [(100_000, 125_000, 125, False), (100_000, 125_001, 125, True), (100_000, 90_000, 125, False), (3, 4, 125, True)],
)
def test_over_the_limit_is_over_the_limit(before_us, during_us, percent, disturbed):
    said = too_much(found(before_us, during_us), percent)
    assert (said is not None) is disturbed
    if said:
        assert "n = 200" in said


@pytest.mark.parametrize("windows", [(None, 1), (1, None), (None, None)])
def test_an_empty_window_is_no_comparison(windows):
    with pytest.raises(ValueError, match="cannot be compared"):
        too_much(found(*windows), 125)


def windows(*p99_ms, n=1000):
    return [{"p99_ns": ms * 1_000_000, "n": n} for ms in p99_ms]


@pytest.mark.parametrize(
    ("before", "during", "stops"),
    [
        (windows(200, 200), windows(250, 250, 250), False),
        (windows(200, 200), windows(251, 251, 251), True),
        (windows(200, 200), windows(900, 900), False),  # too short a look
        (windows(200, 200), windows(200, 200, 320), False),  # one pause of the host
        (windows(), windows(900, 900, 900), False),  # nothing to compare with
        ([{"p99_ns": None, "n": 0}], windows(900, 900, 900), False),
        (windows(200), [*windows(900, n=1), *windows(200, 200, n=1000)], False),  # weighed by n
    ],
)
def test_a_look_on_the_way_stops_what_lasts(before, during, stops):
    said = slowed(before, during, 125)
    assert (said is not None) is stops
    if said:
        assert "n = 3000, 3 windows" in said
