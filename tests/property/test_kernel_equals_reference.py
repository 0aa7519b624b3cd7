"""The compiled engine against the reference: each command's answer, its fills, and the canonical bytes of the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import replayer
from engine.compiled import CompiledVenue, Room
from engine.errors import StateError
from engine.fill import fill_records
from engine.messages import Command, CommandFlag
from engine.restore import restore
from engine.venue import Venue
from tests.property.flows import flows
from tests.property.storm import Storm

TIGHT = Room(rows=1, pages=1, directory=1, slots=1, fills=1, linger=0)
"""Everything has to grow at once, and the state changes hands at every opportunity."""

rooms = st.sampled_from((TIGHT, TIGHT._replace(linger=3), Room()._replace(linger=0), Room()))
steps = st.sampled_from(((1, 1), (5, 10), (1, 100)))
seeds = st.integers(0, (1 << 32) - 1)


@st.composite
def storms(draw: st.DrawFn, count: int) -> list[Command]:
    spread = draw(st.sampled_from((3, 40, 5000, 400_000)))
    return Storm(draw(seeds), spread=spread, wild=draw(st.sampled_from((0, 5, 40)))).commands(count)


class Reference:
    """The reference engine, its outcomes in the kernel's terms."""

    def __init__(self, tick: int, lot: int) -> None:
        self.venue = Venue("AAPL", tick=tick, lot=lot)

    def apply(self, commands: list[Command]) -> tuple[bytes, list[list[int]]]:
        packed, outcomes = b"", []
        for command in commands:
            outcome = self.venue.apply(self.venue.seq + 1, command)
            packed += fill_records(self.venue.seq, command.flags & CommandFlag.CANARY, outcome.fills)
            outcomes.append([outcome.status, outcome.reason, outcome.open_qty])
        return packed, outcomes


def in_runs(commands: list[Command], sizes: list[int]) -> Iterator[list[Command]]:
    at, turn = 0, 0
    while at < len(commands):
        yield commands[at : at + sizes[turn % len(sizes)]]
        at += sizes[turn % len(sizes)]
        turn += 1


def hold_equal(commands: list[Command], runs: list[int], room: Room, step: tuple[int, int]) -> None:
    reference, kernel = Reference(*step), CompiledVenue(Venue("AAPL", tick=step[0], lot=step[1]), room)
    for run in in_runs(commands, runs):
        outcomes = np.zeros((len(run), 3), np.int64)
        fills = kernel.apply(b"".join(command.pack() for command in run), outcomes)
        expected_fills, expected_outcomes = reference.apply(run)
        assert outcomes.tolist() == expected_outcomes
        assert fills == expected_fills
        assert kernel.canonical_bytes() == reference.venue.canonical_bytes()
    assert (kernel.seq, kernel.digest()) == (reference.venue.seq, reference.venue.digest())
    handed_over = kernel.venue()
    handed_over.check()
    assert handed_over.first_difference(reference.venue) is None


@given(flow=flows(), room=rooms)
def test_both_engines_agree_after_every_command_of_a_small_flow(flow: list[Command], room: Room) -> None:
    hold_equal(flow, [1], room, (1, 1))


@given(flow=storms(150), room=rooms, step=steps)
def test_both_engines_agree_after_every_command_of_a_storm(
    flow: list[Command], room: Room, step: tuple[int, int]
) -> None:
    hold_equal(flow, [1], room, step)


@given(flow=storms(1500), runs=st.lists(st.sampled_from((1, 7, 100, 1000)), min_size=1), room=rooms, step=steps)
def test_both_engines_agree_on_runs(flow: list[Command], runs: list[int], room: Room, step: tuple[int, int]) -> None:
    hold_equal(flow, runs, room, step)


@given(flow=storms(400), at=st.integers(0, 400), room=rooms)
def test_a_state_goes_on_in_the_other_engine(flow: list[Command], at: int, room: Room) -> None:
    reference = Reference(1, 1)
    reference.apply(flow[:at])
    kernel = CompiledVenue(restore(reference.venue.canonical_bytes()), room)
    fills = kernel.apply(b"".join(command.pack() for command in flow[at:]))
    assert fills == reference.apply(flow[at:])[0]
    assert kernel.digest() == reference.venue.digest()


def test_without_a_compiler_the_reference_engine_replays_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    replayer.fallback.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "engine.compiled", None)
        assert "ModuleNotFoundError" in replayer.fallback() or "ImportError" in replayer.fallback()
    replayer.fallback.cache_clear()
    assert replayer.fallback() == ""


@given(flow=storms(600), more=st.integers(0, 200), room=rooms, step=steps)
def test_a_state_s_bytes_are_taken_in_as_they_are(
    flow: list[Command], more: int, room: Room, step: tuple[int, int]
) -> None:
    reference = Reference(*step)
    reference.apply(flow[more:])
    canonical = reference.venue.canonical_bytes()
    kernel = CompiledVenue.of(canonical, room)
    assert kernel.canonical_bytes() == canonical
    tail = Storm(more, spread=40, wild=5).commands(more)
    assert kernel.apply(b"".join(command.pack() for command in tail)) == reference.apply(tail)[0]
    assert kernel.canonical_bytes() == reference.venue.canonical_bytes()


def refusal(read: Callable[[bytes], object], raw: bytes) -> str:
    try:
        read(raw)
    except StateError as error:
        return str(error)
    return ""


@given(flow=storms(80), at=st.integers(0, 1 << 20), change=st.integers(1, 255), cut=st.booleans())
def test_bytes_that_no_venue_has_are_refused_as_the_reference_refuses_them(
    flow: list[Command], at: int, change: int, cut: bool
) -> None:
    reference = Reference(1, 1)
    reference.apply(flow)
    raw = bytearray(reference.venue.canonical_bytes())
    at %= len(raw)
    if cut:
        del raw[at:]
    else:
        raw[at] = (raw[at] + change) % 256
    refusals = [refusal(read, bytes(raw)) for read in (restore, CompiledVenue.of)]
    assert refusals[0] == refusals[1]
    if not refusals[0]:
        kernel = CompiledVenue.of(bytes(raw))
        assert kernel.canonical_bytes() == bytes(raw)
        assert kernel.venue().first_difference(restore(bytes(raw))) is None
