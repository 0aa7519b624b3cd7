"""Compaction: the small objects that Firehose delivered become large ones, of the same frames in order of seq.

An object of a few seconds holds twenty frames; a day of one symbol is five thousand. A compacted object is a row of
frames like any other, so every reader reads it, and chain, digests and repetitions mean what they always did. It is
gzip of stored blocks: what is read at each recovery should not have to be inflated. It lies before the originals in the
order of keys, named after its seqs::

    epoch=1/symbol=AAL/0-compacted/00000000000000000001-00000000000000350000.gz
    epoch=1/symbol=AAL/2016/11/30/14/...                                           originals, as delivered

Any step may be the last one before a crash, and a recovery may begin after any of them:

1. frames behind the last compacted object are read in order and verified; a row of at least `target` bytes is written;
2. the rows are read back from the store and verified, from the first frame to the last;
3. an original goes only if every byte of it is a sound frame that was just read back.

Between 1 and 3 frames are there twice, which a reader knows to be repetitions. Whoever comes second does the same again
and finds it done: keys say what is in them, and equal frames make equal objects. What is damaged, conflicting, out of
place or above a fence is in no row, and the object that holds it stays as it is.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Final

import msgspec

from engine.codec import GENESIS, Frame, encode_again
from engine.errors import AlreadyExistsError, CompactionError
from engine.given import PLACE, GivenFrames
from engine.journal import COMPACTED, Damage, JournalReader, read_object
from engine.storage import Entry, Store

__all__ = ["TARGET", "Compacted", "Compaction"]

TARGET: Final = 16 << 20
"""Bytes of frames from which a row becomes an object."""

RECENT: Final = 4096
_STORED: Final = 0  # gzip's level: no compression


class Compacted(msgspec.Struct):
    """What a compaction did."""

    written: int = 0
    read_back: int = 0
    removed: int = 0
    frames: int = 0
    """That were written in rows."""
    kept: int = 0
    """Originals that stay: too new for a whole row, or not sound."""


class _Part:
    """A store of which only some keys are seen."""

    def __init__(self, store: Store, *, compacted: bool) -> None:
        self._store = store
        self._compacted = compacted
        self.address = store.address
        self.chunks = store.chunks

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return (one for one in self._store.list(prefix) if (f"/{COMPACTED}" in one.key) is self._compacted)


class Compaction:
    """One symbol's journal of one epoch."""

    def __init__(
        self,
        journal: Store,
        symbol: str,
        *,
        environment: int,
        epoch: int,
        start: tuple[int, bytes] = (0, GENESIS),
        fence_seq: int | None = None,
        target: int = TARGET,
    ) -> None:
        """A compaction of `epoch=<E>/symbol=<SYMBOL>/`.

        Args:
            journal: opened at `.../journal/`.
            symbol: whose journal.
            environment: what its frames must say.
            epoch: whose journal.
            start: the seq behind which the epoch begins, and the digest of the frame that ends there.
            fence_seq: last seq of the epoch (inclusive) where that is registered.
            target: bytes of frames from which a row becomes an object.
        """
        self._journal = journal
        self._symbol = symbol
        self._environment = environment
        self._epoch = epoch
        self._start = start
        self._fence_seq = fence_seq
        self._target = target
        self._folder = f"epoch={epoch}/symbol={symbol}/"

    def run(self, *, all_of_it: bool = False) -> Compacted:
        """Compact what is there; with `all_of_it` also the rest that makes no whole row (of an epoch that has ended).

        Raises:
            CompactionError: what was read back is not what was written; no original was removed.
            StorageError: the store could not be read or written.
        """
        done = Compacted()
        before = self._read_back(done)
        try:
            end = before.end
        finally:
            before.close()
        self._write(end, done, all_of_it=all_of_it)
        after = self._read_back(done)
        try:
            self._remove(after, done)
        finally:
            after.close()
        return done

    def _reader(self, part: _Part, start: tuple[int, bytes]) -> JournalReader:
        return JournalReader(
            part,  # type: ignore[arg-type] # a reader lists and reads, nothing else
            self._symbol,
            environment=self._environment,
            epoch=self._epoch,
            prefix=f"epoch={self._epoch}/",
            after_seq=start[0],
            after_frame=start[1],
            fence_seq=self._fence_seq,
        )

    def _read_back(self, done: Compacted) -> _Rows:
        """Every compacted object, verified from the epoch's beginning."""
        reader = self._reader(_Part(self._journal, compacted=True), self._start)
        rows = _Rows()
        for frame in reader:
            rows.add(frame)
        account = reader.account
        rows.end = (account.seq, account.last_frame)
        done.read_back = account.objects
        if account.damages:
            rows.close()
            raise CompactionError(
                "read back",
                where=f"{self._journal.address}{account.damages[0].object}",
                cause=str(account.damages[0]),
                hint="restore this object from the bucket's older versions; the originals behind it were kept",
            )
        return rows

    def _write(self, start: tuple[int, bytes], done: Compacted, *, all_of_it: bool) -> None:
        """Rows of the frames behind `start`, each as large as the target."""
        row, first = bytearray(), start[0] + 1
        last = start[0]
        for frame in self._reader(_Part(self._journal, compacted=False), start):
            row += _image(frame)
            last = frame.next_seq - 1
            done.frames += 1
            if len(row) >= self._target:
                self._put(first, last, bytes(row), done)
                row.clear()
                first = last + 1
        if row and all_of_it:
            self._put(first, last, bytes(row), done)

    def _put(self, first: int, last: int, row: bytes, done: Compacted) -> None:
        key = f"{self._folder}{COMPACTED}{first:020}-{last:020}.gz"
        try:
            self._journal.put(key, gzip.compress(row, _STORED, mtime=0), if_absent=True)
        except AlreadyExistsError:
            return  # somebody else's row of the same seqs: the reading back decides what it is worth
        done.written += 1

    def _remove(self, rows: _Rows, done: Compacted) -> None:
        """The originals of which every frame was read back."""
        for entry in list(_Part(self._journal, compacted=False).list(self._folder)):
            if self._is_covered(entry, rows):
                self._journal.delete(entry.key)
                done.removed += 1
            else:
                done.kept += 1

    def _is_covered(self, entry: Entry, rows: _Rows) -> bool:
        damages: list[Damage] = []
        frames = 0
        for placed in read_object(self._journal, entry.key, self._symbol, damages):
            frames += 1
            if not rows.has(placed.frame):
                return False
        return bool(frames) and not damages


class _Rows:
    """The frames that were read back, and where they end."""

    def __init__(self) -> None:
        self._frames = GivenFrames(recent=RECENT)
        self.end: tuple[int, bytes] = (0, GENESIS)

    def add(self, frame: Frame) -> None:
        self._frames.add(PLACE.pack(frame.first_seq, frame.digest))

    def has(self, frame: Frame) -> bool:
        return self._frames.has(frame.first_seq, frame.digest)

    def close(self) -> None:
        self._frames.close()


def _image(frame: Frame) -> bytes:
    """The frame's bytes as they were written: the digest says that they are the same.

    Raises:
        CompactionError: they are not; a version of frames that this engine reads and no longer writes.
    """
    image, digest = encode_again(frame)
    if digest != frame.digest:
        raise CompactionError(
            "copy frame",
            where=f"{frame.symbol} seq {frame.first_seq}",
            cause=f"encoded again it has digest {digest.hex()}, not {frame.digest.hex()}",
            hint="leave this journal as it is; a newer version of the frames needs a newer compaction",
        )
    return image
