"""Journals of several epochs, chained: property first, then each way in which the chain can be broken."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import GENESIS, decode_frame
from engine.errors import LineageError
from engine.lineage import LineageReader, Link, Opened, opened_key, read_lineage
from engine.messages import Command, Environment
from engine.replay import Recovery, rebuild
from engine.storage import MemoryStore
from engine.venue import Venue
from tests.engine.written_journal import SYMBOL, quotes, written
from tests.property.flows import flows


@dataclass
class Epochs:
    """Stores of an exchange that went through several epochs, and what each of them held at its end."""

    journal: MemoryStore = field(default_factory=MemoryStore)
    recovered: MemoryStore = field(default_factory=MemoryStore)
    digests: list[bytes] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    zombies: int = 0

    def put(self, epoch: int, name: str, frames: Sequence[bytes]) -> None:
        key = f"epoch={epoch}/symbol={SYMBOL}/{name}.gz"
        self.journal.put(key, gzip.compress(b"".join(frames), 1, mtime=0))

    def open(self, epoch: int, seq: int, last_frame: bytes) -> None:
        self.links.append(Link(epoch, seq, last_frame.hex()))
        record = Opened(epoch, "a site", "0", "a task", tuple(self.links))
        self.recovered.put(opened_key(epoch, SYMBOL), msgspec.json.encode(record))

    def lineage(self, from_epoch: int) -> tuple[Link, ...]:
        return read_lineage(self.recovered, self.journal, SYMBOL, from_epoch)

    def rebuild(self, from_epoch: int) -> Recovery:
        reader = LineageReader(self.journal, SYMBOL, self.lineage(from_epoch), environment=Environment.LIVE)
        return rebuild(reader, Venue(SYMBOL), now_ns=lambda: 0)


def traded(flow: Sequence[Command], cuts: Sequence[int], *, zombie: Sequence[Command] = (), step: int = 1) -> Epochs:
    """The flow traded over one epoch per cut; each epoch but the last has a zombie that went on writing."""
    epochs, venue, last_frame = Epochs(), Venue(SYMBOL), GENESIS
    for number, (start, end) in enumerate(pairwise((0, *cuts, len(flow)))):
        epoch = 1 + number * step
        epochs.open(epoch, venue.seq, last_frame)
        frames, venue = written(flow[start:end], epoch=epoch, after=(venue, last_frame))
        last_frame = decode_frame(frames[-1]).digest if frames else last_frame
        epochs.digests.append(venue.digest())
        epochs.put(epoch, "frames", frames)
        if zombie and end < len(flow):
            twin = Venue(SYMBOL)
            twin.seq = venue.seq
            late, _ = written(zombie, epoch=epoch, checkpoint_every=1 << 30, after=(twin, last_frame))
            epochs.put(epoch, "zombie", late[::-1])
            epochs.zombies += len(late)
    return epochs


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
    frames, _ = written(flow[:20])
    epochs.put(1, "frames", frames[:-1])
    recovery = epochs.rebuild(2)
    [damage] = recovery.account.damages
    assert (damage.kind, damage.seq, damage.expected) == ("gap", 17, "seq 17")
    assert (recovery.status, recovery.seq, recovery.account.highest_seq) == ("damaged", 16, 40)
    assert recovery.account.objects == 2, "reading goes on, so that everything is known"


def test_an_epoch_that_does_not_end_in_its_successors_first_link_is_a_broken_chain() -> None:
    epochs = traded(quotes(40), [20])
    epochs.links[1:] = []
    epochs.open(2, 20, bytes(31) + b"!")
    recovery = epochs.rebuild(2)
    assert [damage.kind for damage in recovery.account.damages] == ["chain", "chain"]
    assert recovery.seq == 20
