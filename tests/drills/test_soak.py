"""What counts as growth over many drills."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.drills.soak import MOST, WARM_UP, Sample, growth, leaks


def after(number: int, *, memory: float = 0.0, descriptors: int = 0, processes: int = 0) -> Sample:
    """What stands after so many drills, each of which left so much."""
    return Sample(
        processes=20 + processes * number,
        descriptors=300 + descriptors * number,
        memory_mib=900 + memory * number,
        disk_mib=100 + number,
        evidence_mib=10.0 * number,
    )


def test_what_stays_as_it_was_has_not_grown() -> None:
    samples = [after(number) for number in range(10)]
    assert set(growth(samples)) == set(MOST)
    assert not any(growth(samples).values())
    assert list(leaks(samples)) == []


def test_two_descriptors_or_a_process_a_drill_are_a_leak_and_are_named() -> None:
    assert list(leaks([after(number, descriptors=2) for number in range(8)])) == [
        "descriptors grow by 2.0 a drill, at most 1.0 is noise"
    ]
    assert [said.split()[0] for said in leaks([after(number, processes=1) for number in range(8)])] == ["processes"]


@given(st.floats(3.5, 50), st.integers(6, 30))
def test_memory_that_grows_with_each_drill_is_a_leak_however_many_there_were(memory: float, drills: int) -> None:
    assert any("memory" in said for said in leaks([after(number, memory=memory) for number in range(drills)]))


def test_the_first_drills_fill_caches_and_few_drills_are_no_trend() -> None:
    samples = [after(number, memory=100) for number in range(WARM_UP + 2)]
    assert growth(samples) == {}
    warm = [*samples, *[samples[-1]] * 5]
    assert all(one.memory_mib <= other.memory_mib for one, other in pairwise(warm))
    assert growth(warm)["memory_mib"] < growth([after(number, memory=100) for number in range(9)])["memory_mib"]
