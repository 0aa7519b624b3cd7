"""A journal is the same journal before, during and after its compaction, wherever that stops."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compaction import Compacted, Compaction
from engine.errors import CompactionError
from engine.journal import COMPACTED, JournalReader
from engine.replay import Recovery, rebuild
from engine.storage import Entry, MemoryStore, Store
from engine.venue import Venue
from tests.engine.written_journal import SYMBOL, quotes, written
from tests.property.test_replay_is_order_free import arrivals

FRAMES, LIVE = written(quotes(60), per_frame=4, empty_every=4)
FOLDER = f"epoch=1/symbol={SYMBOL}/"
ROW = 700
"""Bytes of a row: two or three frames."""


class Crash(Exception):
    """The compactor's process is gone."""


class Mortal(MemoryStore):
    """A store whose caller dies before its `steps`-th change."""

    steps = 1 << 30

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        self._step()
        super().put(key, data, if_absent=if_absent)

    def delete(self, key: str) -> None:
        self._step()
        super().delete(key)

    def _step(self) -> None:
        if not self.steps:
            raise Crash
        self.steps -= 1


def delivered(objects: list[bytes]) -> Mortal:
    store = Mortal()
    for number, content in enumerate(objects):
        store.put(f"{FOLDER}2016/11/30/14/{number:04}.gz", gzip.compress(content, 1, mtime=0))
    return store


def compact(store: Store, *, all_of_it: bool = True) -> Compacted:
    return Compaction(store, SYMBOL, environment=1, epoch=1, target=ROW).run(all_of_it=all_of_it)


def recovered(store: Store) -> Recovery:
    reader = JournalReader(store, SYMBOL, environment=1, epoch=1, prefix="epoch=1/")
    return rebuild(reader, Venue(SYMBOL), now_ns=lambda: 0)


def is_whole(recovery: Recovery) -> bool:
    return (recovery.status, recovery.seq, recovery.digest) == ("recovered", LIVE.seq, LIVE.digest())


def keys(store: Store) -> tuple[list[str], list[str]]:
    """Originals and compacted ones."""
    found = [entry.key for entry in store.list(FOLDER)]
    return [key for key in found if COMPACTED not in key], [key for key in found if COMPACTED in key]


@given(objects=arrivals(FRAMES), crashes=st.lists(st.integers(0, 6), max_size=6))
def test_a_compaction_may_stop_before_any_of_its_steps(objects: list[bytes], crashes: list[int]) -> None:
    store = delivered(objects)
    for steps in crashes:
        store.steps = steps
        with suppress(Crash):
            compact(store)
        assert is_whole(recovered(store))
    store.steps = 1 << 30
    compact(store)
    originals, rows = keys(store)
    assert (originals, bool(rows)) == ([], True)
    assert is_whole(recovered(store))
    again = compact(store)
    assert (again.written, again.removed, again.frames) == (0, 0, 0)


def test_what_does_not_fill_a_row_stays_as_it_was_delivered() -> None:
    store, target = delivered(FRAMES), sum(map(len, FRAMES)) * 2 // 3
    done = Compaction(store, SYMBOL, environment=1, epoch=1, target=target).run()
    originals, rows = keys(store)
    assert (done.written, len(rows), done.kept, done.removed) == (1, 1, len(originals), len(FRAMES) - len(originals))
    assert originals
    assert len(gzip.decompress(store.get(rows[0]))) >= target
    assert is_whole(recovered(store))


def test_compacted_objects_are_the_frames_as_they_were_written() -> None:
    store = delivered(FRAMES)
    compact(store)
    assert b"".join(gzip.decompress(store.get(key)) for key in keys(store)[1]) == b"".join(FRAMES)


def test_an_object_with_anything_unsound_in_it_stays() -> None:
    broken = bytearray(FRAMES[3])
    broken[100] ^= 1
    store = delivered([*FRAMES[:3], bytes(broken) + FRAMES[3], *FRAMES[4:]])
    compact(store)
    originals, _ = keys(store)
    assert originals == [f"{FOLDER}2016/11/30/14/0003.gz"]
    assert recovered(store).account.damages[0].object == originals[0]


def test_a_gap_ends_the_rows_and_what_lies_behind_it_stays() -> None:
    store = delivered([*FRAMES[:5], *FRAMES[6:]])
    before = recovered(store)
    compact(store)
    assert len(keys(store)[0]) == len(FRAMES) - 6
    after = recovered(store)
    assert (after.seq, after.digest, after.account.damages) == (before.seq, before.digest, before.account.damages)
    assert after.account.damages[0].kind == "gap"


def test_rows_that_are_not_what_was_written_keep_every_original() -> None:
    class Careless(Mortal):
        def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
            row = bytearray(gzip.decompress(data))
            row[-10] ^= COMPACTED in key
            super().put(key, gzip.compress(row, 0), if_absent=if_absent)

    store = Careless()
    for number, frame in enumerate(FRAMES):
        store.put(f"{FOLDER}2016/{number:04}.gz", gzip.compress(frame))
    with pytest.raises(CompactionError, match="the originals behind it were kept"):
        compact(store)
    assert len(keys(store)[0]) == len(FRAMES)


class Overtaken(Mortal):
    """A store that is compacted once it was listed."""

    listed = False

    def list(self, prefix: str = "") -> Iterator[Entry]:
        found = list(super().list(prefix))
        if not self.listed:
            self.listed = True
            compact(self)
        return iter(found)


def test_a_recovery_that_a_compaction_overtakes_goes_on_in_the_large_objects() -> None:
    store = Overtaken()
    for number, frame in enumerate(FRAMES):
        store.put(f"{FOLDER}2016/{number:04}.gz", gzip.compress(frame))
    assert is_whole(recovered(store))
    assert keys(store)[0] == []
