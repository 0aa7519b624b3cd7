"""Retention: an object goes only if no recovery from the anchor, or from anything above it, could ask for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from drill.retention import KEPT_SNAPSHOTS, NS, Version, find_anchor, snapshots, spent, vouched
from engine.lineage import Link
from engine.messages import Environment
from engine.snapshot import Snapshot, encode_snapshot, snapshot_key
from engine.storage import MemoryStore
from engine.venue import Venue

MARGIN_NS = 240 * NS
SKEW_S = MARGIN_NS // NS // 2
"""What recovery believes clocks to differ by at most; retention allows for twice of it."""


def snapshot_of(seq: int, *, epoch: int = 1, taken_s: int = 0) -> Snapshot:
    venue = Venue("AAPL")
    return Snapshot(
        symbol="AAPL",
        environment=int(Environment.LIVE),
        epoch=epoch,
        seq=seq,
        taken_ns=taken_s * NS,
        digest=venue.digest(),
        last_frame=bytes(32),
        canonical=venue.canonical_bytes(),
    )


class Written(msgspec.Struct, frozen=True):
    """A journal object as it came about: its last seq, and when the store's clock says that it was written."""

    version: Version
    last_seq: int


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Written], Snapshot]:
    """Commands at rising moments of the engine's clock, gathered into objects that are stored later, and an anchor."""
    moments, skew_s = [], draw(st.integers(-SKEW_S, SKEW_S))
    at_s = 10_000
    for pause_s in draw(st.lists(st.integers(0, 400), min_size=1, max_size=30)):
        at_s += pause_s
        moments.append(at_s)
    epochs = draw(st.lists(st.booleans(), min_size=len(moments), max_size=len(moments)))
    objects, epoch = [], 1
    for seq, (moment, newer) in enumerate(zip(moments, epochs, strict=True), start=1):
        epoch += newer
        stored_s = moment + draw(st.integers(0, 60)) + skew_s
        version = Version(f"journal/epoch={epoch}/symbol=AAPL/{seq}", "v", stored_s * NS, newest=True)
        objects.append(Written(version, seq))
    seq = draw(st.integers(1, len(moments)))
    of_epoch = int(objects[seq - 1].version.key.split("epoch=")[1].split("/")[0])
    return objects, snapshot_of(seq, epoch=of_epoch, taken_s=moments[seq - 1])


@given(histories(), st.integers(9_000, 30_000))
def test_what_goes_lies_below_the_anchor_and_is_old(history: tuple[list[Written], Snapshot], before_s: int) -> None:
    objects, anchor = history
    gone = {one.key for one in spent((written.version for written in objects), anchor, before_s * NS, MARGIN_NS)}
    for written in objects:
        if written.version.key in gone:
            assert written.last_seq <= anchor.seq
            assert written.version.modified_ns < before_s * NS


def test_old_objects_of_earlier_epochs_and_well_below_the_anchor_do_go() -> None:
    anchor = snapshot_of(9, epoch=2, taken_s=1000)
    listed = [
        Version("journal/epoch=1/symbol=AAPL/a", "v", 900 * NS, newest=True),
        Version("journal/epoch=2/symbol=AAPL/b", "v", 700 * NS, newest=True),
        Version("journal/epoch=2/symbol=AAPL/c", "v", 900 * NS, newest=True),  # may hold what the tail begins with
        Version("journal/epoch=3/symbol=AAPL/d", "v", 700 * NS, newest=True),
        Version("journal/epoch=1/symbol=AAPL/e", "v", 990 * NS, newest=False),  # young
    ]
    assert [one.key[-1] for one in spent(listed, anchor, 950 * NS, MARGIN_NS)] == ["a", "b"]


def shelf(*kept: Snapshot) -> Any:
    store = MemoryStore("retention-snapshots")
    for one in kept:
        store.put(snapshot_key(one.epoch, one.symbol, one.seq), encode_snapshot(one))
    return SimpleNamespace(snapshots=store, journal=MemoryStore("retention-journal"))


def test_the_shelf_is_listed_newest_first_and_without_what_a_zombie_wrote_above_its_fence() -> None:
    links = (Link(1), Link(3, start_seq=50))
    house = shelf(snapshot_of(10), snapshot_of(50), snapshot_of(60), *(snapshot_of(seq, epoch=3) for seq in (50, 70)))
    listed = [(link.epoch, key[-7:-5]) for key, link in snapshots(house.snapshots, "AAPL", links)]
    assert listed == [(3, "70"), (3, "50"), (1, "50"), (1, "10")]


def test_the_anchor_is_the_oldest_kept_one_that_the_journal_vouches_for() -> None:
    opening = snapshot_of(50, epoch=3)
    link = Link(3, start_seq=50, start_frame=opening.last_frame.hex(), start_digest=opening.digest.hex())
    house = shelf(snapshot_of(10), opening, snapshot_of(70, epoch=3))
    listed = snapshots(house.snapshots, "AAPL", (Link(1), link))
    assert find_anchor(house, listed[:KEPT_SNAPSHOTS], MARGIN_NS) == opening
    house.snapshots.put(listed[1][0], b"not a snapshot")
    assert find_anchor(house, listed, MARGIN_NS) is None  # nothing else is vouched for: the journal is empty


def test_a_state_that_the_opening_record_denies_is_no_anchor() -> None:
    opening = snapshot_of(50, epoch=3)
    denied = Link(3, start_seq=50, start_frame=opening.last_frame.hex(), start_digest="00" * 32)
    assert not vouched(MemoryStore("retention-empty"), opening, denied, MARGIN_NS)
