from __future__ import annotations

import random

from witness.gate import BACKOFF_MOST_NS, Gate


def test_a_closed_gate_admits_one_scout_until_it_reports() -> None:
    gate = Gate(random.Random(1))
    assert [gate.admits(0) for _ in range(3)] == [True, False, False]
    gate.succeeded()
    assert all(gate.admits(0) for _ in range(3))


def test_after_a_failure_the_next_scout_waits_a_jittered_time_of_half_a_second_at_most() -> None:
    waits = set()
    for seed in range(50):
        gate = Gate(random.Random(seed))
        gate.failed(1000)
        waits.add(gate._next_ns - 1000)
        assert not gate.admits(1001)
        assert gate.admits(1000 + BACKOFF_MOST_NS)
        assert not gate.admits(1000 + BACKOFF_MOST_NS)
    assert len(waits) > 40
    assert max(waits) <= BACKOFF_MOST_NS
