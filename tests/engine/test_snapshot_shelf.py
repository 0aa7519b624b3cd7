"""Recovery from a snapshot and its tail, by every way, against the state that traded; bad snapshots are named."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import decode_frame
from engine.errors import NotFoundError
from engine.fill import FILL
from engine.ladder import Ladder
from engine.lineage import opened_key
from engine.messages import Command, Side
from engine.snapshot import Snapshot, decode_snapshot, encode_snapshot, seq_of_key, snapshot_key
from engine.storage import Entry, MemoryStore
from engine.symbol_recovery import GoAhead, Rebuilt, Rehydrate, rebuild_symbol
from tests.engine.epochs import Epochs, traded
from tests.engine.written_journal import SYMBOL, quotes, written
from tests.property.flows import flows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recovery")


def recovered(epochs: Epochs, folder: Path, how: Rehydrate = Rehydrate.SNAPSHOT, **more: Any) -> Rebuilt:
    go_ahead = GoAhead(epochs.links[-1].epoch, rehydrate=how, **more)
    return rebuild_symbol(epochs.folders, SYMBOL, go_ahead, folder=folder)


def keep_only(epochs: Epochs, wanted: Callable[[int, int], bool]) -> None:
    """Drop every snapshot whose (epoch, seq) is not wanted."""
    for entry in list(epochs.snapshots.list()):
        epoch = int(entry.key.split("/")[0].removeprefix("epoch="))
        if not wanted(epoch, seq_of_key(entry.key) or 0):
            epochs.snapshots.delete(entry.key)


@given(data=st.data(), flow=flows())
def test_snapshot_and_tail_are_the_replay_from_genesis_at_every_cut(
    data: st.DataObject, flow: list[Command], folder: Path
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(flow)), max_size=2)))
    epochs = traded(flow, cuts, zombie=quotes(data.draw(st.integers(0, 5))))
    keys = [entry.key for entry in epochs.snapshots.list()]
    chosen = data.draw(st.sampled_from(keys))
    for key in keys:
        if key != chosen:
            epochs.snapshots.delete(key)
    rebuilt = recovered(epochs, folder)
    assert rebuilt.used is not None
    assert (rebuilt.used.object.endswith(chosen), rebuilt.rejected) == (True, ())
    assert (rebuilt.recovery.status, rebuilt.recovery.digest) == ("recovered", epochs.digests[-1])
    assert rebuilt.recovery.seq == rebuilt.base_seq + rebuilt.recovery.account.commands == len(flow)
    tail = (folder / "fills.bin").read_bytes()
    genesis = recovered(epochs, folder, Rehydrate.GENESIS)
    every = list(FILL.iter_unpack((folder / "fills.bin").read_bytes()))
    assert genesis.recovery.digest == rebuilt.recovery.digest
    assert list(FILL.iter_unpack(tail)) == [fill for fill in every if fill[0] > rebuilt.base_seq]
    both = recovered(epochs, folder, Rehydrate.BOTH)
    assert (both.recovery.status, both.base_seq, both.used) == ("recovered", 0, rebuilt.used)


def test_the_newest_snapshot_is_used_and_a_zombies_is_not(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    _, venue = written(quotes(24))
    epochs.snap(1, venue, bytes(32))
    assert recovered(epochs, folder).base_seq == 40
    keep_only(epochs, lambda epoch, _: epoch == 1)
    rebuilt = recovered(epochs, folder)
    assert (rebuilt.base_seq, rebuilt.rejected) == (20, ()), "epoch 1 ends at 20; what it wrote above is nobody's"


def test_without_any_snapshot_recovery_begins_at_genesis(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    keep_only(epochs, lambda *_: False)
    rebuilt = recovered(epochs, folder)
    assert (rebuilt.used, rebuilt.base_seq, rebuilt.recovery.digest) == (None, 0, epochs.digests[-1])


def changed(epochs: Epochs, seq: int, change: Callable[[Snapshot], bytes], *, epoch: int = 2) -> str:
    key = snapshot_key(epoch, SYMBOL, seq)
    epochs.snapshots.put(key, change(decode_snapshot(epochs.snapshots.get(key))))
    return key


def flipped(snapshot: Snapshot) -> bytes:
    raw = bytearray(encode_snapshot(snapshot))
    raw[200] ^= 1
    return bytes(raw)


def forged(snapshot: Snapshot) -> bytes:
    """Another state that a venue can have, with every checksum good: only the journal can tell."""
    venue = snapshot.venue()
    book = venue.book
    book.cancelled += sum(order.open_qty for order in book.index.values())
    book.bids, book.asks = Ladder(Side.BUY), Ladder(Side.SELL)
    book.index.clear()
    canonical = venue.canonical_bytes()
    return encode_snapshot(msgspec.structs.replace(snapshot, canonical=canonical, digest=blake3(canonical).digest()))


def of_another_symbol(snapshot: Snapshot) -> bytes:
    return encode_snapshot(msgspec.structs.replace(snapshot, symbol="AAPL"))


def of_another_place(snapshot: Snapshot) -> bytes:
    return encode_snapshot(msgspec.structs.replace(snapshot, last_frame=bytes(32)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (flipped, "bytes are not those that were written"),
        (forged, "the journal's checkpoint at seq 40 is of another state"),
        (of_another_symbol, "symbol: the key says AAL, the snapshot AAPL"),
        (of_another_place, "no frame that ends at seq 40 with the digest|newer than the journal"),
        (lambda _: b"", "expected .* bytes or more, found 0"),
    ],
)
def test_a_bad_snapshot_is_rejected_named_and_the_next_older_one_used(
    folder: Path, change: Callable[[Snapshot], bytes], reason: str
) -> None:
    epochs = traded(quotes(40), [20])
    key = changed(epochs, 40, change)
    rebuilt = recovered(epochs, folder)
    [rejected] = rebuilt.rejected
    assert (rejected.seq, rejected.object.endswith(key)) == (40, True)
    assert re.search(reason, rejected.reason), rejected.reason
    assert (rebuilt.base_seq, rebuilt.recovery.status) == (36, "recovered")
    assert rebuilt.recovery.digest == epochs.digests[-1]


def test_a_snapshot_of_another_seq_than_its_key_is_rejected(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    epochs.snapshots.put(snapshot_key(2, SYMBOL, 40), epochs.snapshots.get(snapshot_key(2, SYMBOL, 36)))
    assert "seq" in recovered(epochs, folder).rejected[0].reason


def test_a_snapshot_that_is_newer_than_the_journal_is_rejected(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    frames, venue = written(quotes(44), per_frame=4)
    epochs.snap(2, venue, decode_frame(frames[-1]).digest)
    rebuilt = recovered(epochs, folder)
    assert [one.reason for one in rebuilt.rejected] == ["newer than the journal, which ends before seq 44"]
    assert (rebuilt.base_seq, rebuilt.recovery.seq) == (40, 40)


def test_the_state_in_which_an_epoch_began_is_held_against_the_record_of_its_opening(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    keep_only(epochs, lambda epoch, seq: (epoch, seq) == (2, 20))
    assert recovered(epochs, folder).base_seq == 20
    changed(epochs, 20, forged)
    [rejected] = recovered(epochs, folder).rejected
    assert "opened in another state" in rejected.reason


def test_every_snapshot_bad_and_recovery_finishes_from_genesis_with_all_of_them_named(folder: Path) -> None:
    epochs = traded(quotes(20), [])
    for entry in list(epochs.snapshots.list()):
        epochs.snapshots.put(entry.key, b"AEXP")
    rebuilt = recovered(epochs, folder)
    assert (rebuilt.used, len(rebuilt.rejected), rebuilt.recovery.digest) == (None, 6, epochs.digests[-1])


def test_two_ways_that_lead_to_two_states_leave_the_symbol_damaged(folder: Path) -> None:
    """The record vouches for a forged opening: only the replay from genesis can tell."""
    epochs = traded(quotes(40), [20])
    keep_only(epochs, lambda epoch, seq: (epoch, seq) == (2, 20))
    key = changed(epochs, 20, forged)
    record = msgspec.json.decode(epochs.recovered.get(opened_key(2, SYMBOL)))
    record["lineage"][-1]["start_digest"] = decode_snapshot(epochs.snapshots.get(key)).digest.hex()
    epochs.recovered.put(opened_key(2, SYMBOL), msgspec.json.encode(record))
    both = recovered(epochs, folder, Rehydrate.BOTH)
    assert both.recovery.status == "damaged"
    result = both.result(from_epoch=2, epoch=3, build="")
    assert result["twin"]["digest"] != result["digest"] == epochs.digests[-1].hex()


def test_a_registered_fence_bounds_journal_and_snapshots(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    rebuilt = recovered(epochs, folder, recovery_points={SYMBOL: 32})
    assert (rebuilt.base_seq, rebuilt.recovery.seq, rebuilt.recovery.account.refused) == (32, 32, 2)


class AgedStore(MemoryStore):
    """A store that knows when its objects were written, and which of them were read."""

    def __init__(self, ages: dict[str, int]) -> None:
        super().__init__()
        self.ages = ages
        self.read: list[str] = []

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for entry in super().list(prefix):
            yield Entry(entry.key, entry.size, modified_ns=self.ages.get(entry.key, 0))

    def get(self, key: str) -> bytes:
        self.read.append(key)
        return super().get(key)


HOUR_NS = 3600 * 10**9


def aged(flow: list[Command]) -> tuple[Epochs, AgedStore]:
    """One object a frame, one object an hour; the snapshot at seq 20 was taken in hour 5."""
    frames, _ = written(flow, checkpoint_every=1)
    epochs = traded(flow, [])
    keep_only(epochs, lambda _, seq: seq == 20)
    changed(epochs, 20, lambda one: encode_snapshot(msgspec.structs.replace(one, taken_ns=5 * HOUR_NS)), epoch=1)
    keys = [f"epoch=1/symbol={SYMBOL}/{number:03}.gz" for number in range(1, len(frames) + 1)]
    store = AgedStore({key: number * HOUR_NS for number, key in enumerate(keys, start=1)})
    for key, frame in zip(keys, frames, strict=True):
        store.put(key, gzip.compress(frame))
    epochs.journal = store
    return epochs, store


def test_objects_that_were_written_before_the_snapshot_are_not_read(folder: Path) -> None:
    epochs, store = aged(quotes(40))
    rebuilt = recovered(epochs, folder)
    assert (rebuilt.base_seq, rebuilt.recovery.status, rebuilt.recovery.seq) == (20, "recovered", 40)
    assert rebuilt.recovery.account.passed == 4, "the object of the frame that vouches is from the snapshot's own hour"
    assert not any(key.endswith(f"/00{number}.gz") for key in store.read for number in range(1, 5))


def test_a_store_whose_clock_is_wrong_costs_a_second_reading_and_no_frame(folder: Path) -> None:
    epochs, store = aged(quotes(40))
    store.ages = dict.fromkeys(store.ages, HOUR_NS)
    rebuilt = recovered(epochs, folder)
    assert (rebuilt.base_seq, rebuilt.recovery.status, rebuilt.recovery.seq) == (20, "recovered", 40)
    assert rebuilt.recovery.account.passed == 0


def test_a_snapshot_that_vanishes_while_it_is_read_is_a_rejected_one(folder: Path) -> None:
    epochs = traded(quotes(40), [20])
    gone = snapshot_key(2, SYMBOL, 40)
    get = epochs.snapshots.get

    def vanish(key: str) -> bytes:
        if key == gone:
            raise NotFoundError("get object", where=key, cause="no such key", hint="")
        return get(key)

    epochs.snapshots.get = vanish  # type: ignore[method-assign]
    rebuilt = recovered(epochs, folder)
    assert (rebuilt.base_seq, [one.seq for one in rebuilt.rejected]) == (36, [40])
