"""The lineage of a symbol: the epochs in which it was opened, and where in the count of seqs each of them began.

One count of seqs and one chain of frames run through all epochs: a recovered site goes on where the prefix that it
recovered ended. Each opening writes down the whole lineage up to itself (`opened.json`), so a reader needs one record
to chain the journals of every epoch::

    epoch 1    seq 1 ........ 5000 | 5001 .. 5040 of a zombie: refused, counted
    epoch 2                         5001 ......... 9000
    epoch 3                                             9001 ...

Frames of an epoch count up to the start of its successor. What lies above was written by a site that had been
replaced and was confirmed to nobody; it is no damage (`docs/adr/0014-epoch-lineage.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from engine.codec import GENESIS, Frame
from engine.errors import LineageError
from engine.journal import Damage, DamageKind, JournalAccount, JournalReader
from engine.storage import Store

if TYPE_CHECKING:
    from engine.runs import Run

__all__ = ["LineageReader", "Link", "Opened", "opened_key", "read_lineage"]

Given = TypeVar("Given")

COUNTS: Final = (
    *("objects", "passed", "compressed_bytes", "frames", "skipped"),
    *("duplicates", "conflicts", "gaps", "refused"),
)
"""Counts of an account that add up over epochs, whether or not the prefix reaches there."""


class Link(msgspec.Struct, frozen=True):
    """One epoch of a symbol: it begins behind `start_seq` (exclusive), its first frame names `start_frame` (hex).

    `start_digest` (hex) is of the state in which it began.
    """

    epoch: int
    start_seq: int = 0
    start_frame: str = GENESIS.hex()
    start_digest: str = ""


class Opened(msgspec.Struct, frozen=True):
    """`opened.json`: who opened a symbol in an epoch, and the lineage up to this epoch, oldest first.

    `task` is of one process, so that it knows its own record.
    """

    epoch: int
    site: str
    at_ns: str
    task: str
    lineage: tuple[Link, ...] = ()


def opened_key(epoch: int, symbol: str) -> str:
    """Where the record is, relative to the folder of all epochs, `.../recovered/`."""
    return f"epoch={epoch}/{symbol}/opened.json"


def read_lineage(recovered: Store, journal: Store, symbol: str, from_epoch: int) -> tuple[Link, ...]:
    """The lineage of a symbol up to `from_epoch`, oldest first, by the newest record at or below it.

    A site may take an epoch and not open every symbol in it, because one was damaged or out of a drill's scope: such
    a symbol goes on from an older epoch. A symbol that nobody ever opened begins at genesis.

    Args:
        recovered: store of all epochs' records, opened at `.../recovered/`.
        journal: store of all epochs' journals, opened at `.../journal/`.
        symbol: whose lineage.
        from_epoch: the newest epoch that may be read.

    Raises:
        LineageError: an epoch has frames and no record, or a record that cannot be read: its start is unknown.
        StorageError: a store could not be read.
    """
    for epoch in range(from_epoch, 0, -1):
        key = opened_key(epoch, symbol)
        if any(entry.key == key for entry in recovered.list(key)):
            return _links(recovered, key, epoch)
        if next(iter(journal.list(f"epoch={epoch}/symbol={symbol}/")), None) is not None:
            if epoch == 1:
                break  # the first epoch begins at genesis, whether or not its record is there
            raise LineageError(
                "read lineage",
                where=f"{recovered.address}{key}",
                cause=f"epoch {epoch} has a journal of {symbol} and no record of its opening",
                hint="restore opened.json from the bucket's older versions",
            )
    return (Link(1),)


def _links(recovered: Store, key: str, epoch: int) -> tuple[Link, ...]:
    try:
        opened = msgspec.json.decode(recovered.get(key), type=Opened)
        _check(opened, epoch)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
        raise LineageError(
            "read lineage",
            where=f"{recovered.address}{key}",
            cause=str(error),
            hint="restore opened.json from the bucket's older versions",
        ) from error
    return opened.lineage


def _check(opened: Opened, epoch: int) -> None:
    """Raises ValueError: the record is of another epoch, epochs do not rise, starts fall, a digest has no 32 bytes."""
    links = opened.lineage
    if opened.epoch != epoch or not links or links[-1].epoch != epoch:
        raise ValueError(f"expected a lineage that ends with epoch {epoch}, found {links}")
    for link in links:
        if link.start_seq < 0 or len(bytes.fromhex(link.start_frame)) != len(GENESIS):
            raise ValueError(f"epoch {link.epoch}: no start: {link.start_seq}, {link.start_frame!r}")
    for older, newer in pairwise(links):
        if not (older.epoch < newer.epoch and older.start_seq <= newer.start_seq):
            raise ValueError(f"epoch {newer.epoch} does not follow epoch {older.epoch}")


class LineageReader:
    """Iterates once over the contiguous prefix of a symbol's journals, epoch after epoch; `account` sums them up.

    As `JournalReader` it reads everything that there is, so that every damage and the highest seq are known, and gives
    out only what is contiguous: an epoch whose journal ends below its successor's start ends the prefix.
    """

    def __init__(
        self,
        journal: Store,
        symbol: str,
        links: Sequence[Link],
        *,
        environment: int,
        after_seq: int = 0,
        after_frame: bytes = GENESIS,
        fence_seq: int | None = None,
        since_ns: int = 0,
    ) -> None:
        """Reads `epoch=<E>/symbol=<SYMBOL>/` of `journal` for every link.

        Args:
            journal: opened at `.../journal/`.
            symbol: whose frames are expected there.
            links: the lineage from the epoch in which `after_seq` lies on.
            environment: what the frames must say.
            after_seq: the prefix starts behind this seq (exclusive), in the first link's epoch.
            after_frame: digest of the frame that ends with `after_seq`.
            fence_seq: last seq of the newest epoch where that is registered (inclusive), None: all it has.
            since_ns: objects that the store wrote before this moment are passed over.
        """
        self.account = JournalAccount(symbol, seq=after_seq, last_frame=after_frame, highest_seq=after_seq)
        self._journal = journal
        self._symbol = symbol
        self._links = tuple(links)
        self._environment = environment
        self._fence_seq = fence_seq
        self._since_ns = since_ns
        self.anchor: Frame | None = None
        """The frame that ends with `after_seq`, once it has been met (`JournalReader.anchor`)."""

    def __iter__(self) -> Iterator[Frame]:
        """The frames of the contiguous prefix, in order of seq.

        Raises:
            StorageError: the store could not be read; nothing else.
        """
        return self._through(iter)

    def runs(self) -> Iterator[Frame | Run]:
        """The same prefix with the same account, in runs where that is possible (`JournalReader.runs`)."""
        return self._through(lambda reader: reader.runs())

    def _through(self, read: Callable[[JournalReader], Iterator[Given]]) -> Iterator[Given]:
        """Epoch after epoch; what lies behind the end of the prefix is read, and not given out."""
        whole = True
        for place, link in enumerate(self._links):
            newer = self._links[place + 1] if place + 1 < len(self._links) else None
            reader = self._reader(link, newer, first=place == 0)
            for given in read(reader):
                if whole:
                    yield given
            self.anchor = reader.anchor if place == 0 else self.anchor
            self._add(reader.account, whole=whole)
            whole = whole and self._joins(link, newer)

    def _reader(self, link: Link, newer: Link | None, *, first: bool) -> JournalReader:
        return JournalReader(
            self._journal,
            self._symbol,
            environment=self._environment,
            epoch=link.epoch,
            prefix=f"epoch={link.epoch}/",
            after_seq=self.account.seq if first else link.start_seq,
            after_frame=self.account.last_frame if first else bytes.fromhex(link.start_frame),
            fence_seq=self._fence_seq if newer is None else newer.start_seq,
            since_ns=self._since_ns,
        )

    def _add(self, read: JournalAccount, *, whole: bool) -> None:
        account = self.account
        for count in COUNTS:
            setattr(account, count, getattr(account, count) + getattr(read, count))
        account.reorder_depth = max(account.reorder_depth, read.reorder_depth)
        account.highest_seq = max(account.highest_seq, read.highest_seq)
        account.damages += read.damages
        if whole:
            account.frames_given += read.frames_given
            account.commands += read.commands
            account.seq, account.last_frame = read.seq, read.last_frame

    def _joins(self, link: Link, newer: Link | None) -> bool:
        """Whether this epoch's prefix ends exactly where its successor began; a damage where it does not."""
        account = self.account
        if newer is None or (account.seq, account.last_frame.hex()) == (newer.start_seq, newer.start_frame):
            return True
        if account.seq < newer.start_seq:
            account.gaps += 1
            self._note("gap", link, f"seq {account.seq + 1}", f"the end of epoch {link.epoch}", account.seq + 1)
        else:
            found = f"seq {account.seq}, frame {account.last_frame.hex()}"
            self._note("chain", link, f"seq {newer.start_seq}, frame {newer.start_frame}", found, newer.start_seq)
        return False

    def _note(self, kind: DamageKind, link: Link, expected: str, found: str, seq: int) -> None:
        place = f"epoch={link.epoch}/symbol={self._symbol}/"
        self.account.damages.append(Damage(kind, self._symbol, place, 0, expected, found, seq))
