"""Journals of several epochs, chained: property first, then each way in which the chain can be broken."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LineageError
from engine.lineage import Link, Opened, opened_key
from engine.messages import Command
from engine.venue import Venue
from tests.engine.epochs import Epochs, traded
from tests.engine.written_journal import SYMBOL, quotes, written
from tests.property.flows import flows


@given(data=st.data(), flow=flows(), step=st.integers(1, 3))
def test_replay_from_genesis_runs_through_every_epoch_and_refuses_each_ones_zombie(
    data: st.DataObject, flow: list[Command], step: int
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(flow)), max_size=3)))
    zombie = quotes(data.draw(st.integers(0, 9)))
    epochs = traded(flow, cuts, zombie=zombie, step=step)
    recovery = epochs.rebuild(1 + len(cuts) * step)
    assert (recovery.status, recovery.seq, recovery.account.damages) == ("recovered", len(flow), [])
    assert recovery.digest == epochs.digests[-1]
    assert recovery.account.refused == epochs.zombies


def test_an_epoch_that_opened_nothing_is_no_link() -> None:
    epochs = traded(quotes(20), [8], step=2)
    assert [link.epoch for link in epochs.lineage(5)] == [1, 3]
    assert epochs.rebuild(5).digest == epochs.digests[-1]
    assert epochs.rebuild(2).digest == epochs.digests[0], "epoch 3 is not read by who recovers epoch 2"


def test_a_symbol_that_nobody_ever_opened_begins_at_genesis() -> None:
    assert Epochs().lineage(4) == (Link(1),)


def test_a_journal_without_a_record_of_its_opening_cannot_be_joined() -> None:
    epochs = traded(quotes(20), [8])
    epochs.recovered.delete(opened_key(2, SYMBOL))
    with pytest.raises(LineageError, match=r"epoch 2 has a journal of AAL and no record"):
        epochs.lineage(2)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        msgspec.json.encode(Opened(2, "s", "0", "t")),
        msgspec.json.encode(Opened(2, "s", "0", "t", (Link(1), Link(3)))),
        msgspec.json.encode(Opened(3, "s", "0", "t", (Link(1), Link(2)))),
        msgspec.json.encode(Opened(2, "s", "0", "t", (Link(2), Link(2)))),
        msgspec.json.encode(Opened(2, "s", "0", "t", (Link(1, 9), Link(2, 8)))),
        msgspec.json.encode(Opened(2, "s", "0", "t", (Link(1), Link(2, 8, "00")))),
        msgspec.json.encode(Opened(2, "s", "0", "t", (Link(1), Link(2, 8, "zz")))),
        msgspec.json.encode(Opened(2, "s", "0", "t", (Link(1), Link(2, -1)))),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(record: bytes) -> None:
    epochs = Epochs()
    epochs.recovered.put(opened_key(2, SYMBOL), record)
    with pytest.raises(LineageError):
        epochs.lineage(2)


def test_an_epoch_that_ends_before_its_successor_began_is_a_gap_and_ends_the_prefix() -> None:
    flow = quotes(40)
    epochs = traded(flow, [20])
    frames, _ = written(flow[:20], checkpoint_every=1)
    epochs.put(1, "frames", frames[:-1])
    recovery = epochs.rebuild(2)
    [damage] = recovery.account.damages
    assert (damage.kind, damage.seq, damage.expected) == ("gap", 17, "seq 17")
    assert (recovery.status, recovery.seq, recovery.account.highest_seq) == ("damaged", 16, 40)
    assert recovery.account.objects == 2, "reading goes on, so that everything is known"


def test_an_epoch_that_does_not_end_in_its_successors_first_link_is_a_broken_chain() -> None:
    epochs = traded(quotes(40), [20])
    epochs.links[1:] = []
    venue = Venue(SYMBOL)
    venue.seq = 20
    epochs.open(2, venue, bytes(31) + b"!")
    recovery = epochs.rebuild(2)
    assert [damage.kind for damage in recovery.account.damages] == ["chain", "chain"]
    assert recovery.seq == 20
