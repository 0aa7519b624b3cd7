"""The shelf: a symbol's snapshots, newest first, and which of them a recovery may start from.

A snapshot counts only if it can be read, is what its key and header say, and the journal vouches for it: the frame
that it names must end at its seq and carry a checkpoint with its digest (the opening record does so for the state in
which an epoch began). One that does not is rejected and named, and the next older one is tried; in the end genesis.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from engine.errors import NotFoundError, SnapshotError, StateError
from engine.lineage import LineageReader, Link
from engine.replay import Comparison, Recovery, rebuild
from engine.snapshot import Snapshot, decode_snapshot, seq_of_key, snapshot_folder
from engine.storage import Store

__all__ = ["Rejected", "Shelf", "Start", "Used"]

LOG = logging.getLogger(__name__)
CLOCK_MARGIN_NS: Final = 120 * 1_000_000_000
"""How far the store's clock may be off the engine's, before an object that is newer than a snapshot looks older."""


class Rejected(msgspec.Struct, frozen=True):
    """A snapshot that recovery met and did not start from, and why."""

    object: str
    seq: int
    reason: str


class Used(msgspec.Struct, frozen=True):
    """The snapshot that a recovery started from."""

    object: str
    epoch: int
    seq: int
    digest: str
    taken_ns: str
    bytes: int


class Start(msgspec.Struct, frozen=True):
    """What the shelf gave: a recovery from a snapshot, or none; and whatever was rejected on the way."""

    recovery: Recovery | None
    used: Used | None
    rejected: tuple[Rejected, ...]


class _Sinks(msgspec.Struct, frozen=True):
    """Makes the sinks of one attempt: an attempt that is rejected must leave nothing behind."""

    now_ns: Callable[[], int]
    fresh: Callable[[], tuple[Callable[[bytes], object], Callable[[Comparison], object]]]


class Shelf:
    """One symbol's snapshots of all epochs."""

    def __init__(self, store: Store, journal: Store, symbol: str, links: Sequence[Link], *, environment: int) -> None:
        """A shelf of `store`.

        Args:
            store: opened at `.../snapshots/`.
            journal: opened at `.../journal/`.
            symbol: whose snapshots.
            links: its lineage, up to the epoch to recover.
            environment: what snapshots and frames must say.
        """
        self._store = store
        self._journal = journal
        self._symbol = symbol
        self._links = tuple(links)
        self._environment = environment

    def recover(
        self,
        *,
        now_ns: Callable[[], int],
        fresh: Callable[[], tuple[Callable[[bytes], object], Callable[[Comparison], object]]],
        fence_seq: int | None = None,
    ) -> Start:
        """Recover from the newest snapshot that holds.

        Args:
            now_ns: the wall clock.
            fresh: gives the two sinks of `rebuild`, emptied, for each attempt.
            fence_seq: last seq of the newest epoch where that is registered (inclusive).

        Raises:
            StorageError: the journal could not be read. A snapshot that cannot be read is a rejected one.
        """
        rejected: list[Rejected] = []
        for key, place, seq in self._candidates(fence_seq):
            try:
                raw = self._store.get(key)
                snapshot = self._read(raw, place, seq)
                recovery = self._replay(snapshot, place, _Sinks(now_ns, fresh), fence_seq)
            except (SnapshotError, NotFoundError) as error:
                rejected.append(Rejected(self._store.address + key, seq, error.cause))
                LOG.error("%s: snapshot %s rejected: %s", self._symbol, key, error.cause)  # noqa: TRY400 - no bug of ours
                continue
            used = Used(
                self._store.address + key,
                snapshot.epoch,
                seq,
                snapshot.digest.hex(),
                str(snapshot.taken_ns),
                len(raw),
            )
            return Start(recovery, used, tuple(rejected))
        return Start(None, None, tuple(rejected))

    def _candidates(self, fence_seq: int | None) -> Iterator[tuple[str, int, int]]:
        """Key, place of its epoch in the lineage and seq, newest first; what a zombie wrote above a fence is none."""
        fence = fence_seq
        for place in range(len(self._links) - 1, -1, -1):
            link = self._links[place]
            entries = self._store.list(snapshot_folder(link.epoch, self._symbol))
            found = [(seq, entry.key) for entry in entries if (seq := seq_of_key(entry.key)) is not None]
            for seq, key in sorted(found, reverse=True):
                if link.start_seq <= seq and (fence is None or seq <= fence):
                    yield key, place, seq
            fence = link.start_seq

    def _read(self, raw: bytes, place: int, seq: int) -> Snapshot:
        snapshot = decode_snapshot(raw)
        for what, expected, found in (
            ("symbol", self._symbol, snapshot.symbol),
            ("environment", self._environment, snapshot.environment),
            ("epoch", self._links[place].epoch, snapshot.epoch),
            ("seq", seq, snapshot.seq),
        ):
            if expected != found:
                raise _rejected(f"{what}: the key says {expected}, the snapshot {found}")
        return snapshot

    def _replay(self, snapshot: Snapshot, place: int, sinks: _Sinks, fence_seq: int | None) -> Recovery:
        """Replay the tail, of the objects that can hold it; of all of them where those do not suffice."""
        link = self._links[place]
        opening = snapshot.seq == link.start_seq
        if opening and (snapshot.digest.hex(), snapshot.last_frame.hex()) != (link.start_digest, link.start_frame):
            raise _rejected(f"epoch {link.epoch} opened in another state: {link.start_digest}")
        since_ns = snapshot.taken_ns - CLOCK_MARGIN_NS
        reader = self._reader(snapshot, place, fence_seq, since_ns=since_ns)
        recovery = self._rebuild(reader, snapshot, sinks)
        if reader.account.passed and (reader.account.damages or not (opening or reader.anchor)):
            reader = self._reader(snapshot, place, fence_seq, since_ns=0)
            recovery = self._rebuild(reader, snapshot, sinks)
        if not opening:
            _vouch(snapshot, reader)
        return recovery

    def _reader(self, snapshot: Snapshot, place: int, fence_seq: int | None, *, since_ns: int) -> LineageReader:
        return LineageReader(
            self._journal,
            self._symbol,
            self._links[place:],
            environment=self._environment,
            after_seq=snapshot.seq,
            after_frame=snapshot.last_frame,
            fence_seq=fence_seq,
            since_ns=since_ns,
        )

    @staticmethod
    def _rebuild(reader: LineageReader, snapshot: Snapshot, sinks: _Sinks) -> Recovery:
        on_fills, on_checkpoint = sinks.fresh()
        try:
            return rebuild(
                reader, snapshot.state(), now_ns=sinks.now_ns, on_fills=on_fills, on_checkpoint=on_checkpoint
            )
        except StateError as error:
            raise snapshot.broken(error) from error


def _vouch(snapshot: Snapshot, reader: LineageReader) -> None:
    """The journal's own frame must end where the snapshot stands, and say the same of the state.

    Raises:
        SnapshotError: it does not.
    """
    if reader.anchor is None:
        if reader.account.highest_seq <= snapshot.seq:
            raise _rejected(f"newer than the journal, which ends before seq {snapshot.seq}")
        raise _rejected(f"the journal has no frame that ends at seq {snapshot.seq} with the digest that it names")
    said = [mark.digest for mark in reader.anchor.checkpoints if mark.seq == snapshot.seq]
    if said != [snapshot.digest]:
        raise _rejected(f"the journal's checkpoint at seq {snapshot.seq} is of another state")


def _rejected(cause: str) -> SnapshotError:
    return SnapshotError("use snapshot", where="shelf", cause=cause, hint="recovery goes on from an older one")
