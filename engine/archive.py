"""The exchange's store as a whole: which symbols have a journal, in which epochs, and how to read one of them.

What lies where, below the address of the store::

    journal/epoch=1/symbol=AAL/2016/11/30/14/...    frames, as Firehose delivered them
    recovered/epoch=2/AAL/opened.json               who opened a symbol in an epoch, and where the epoch starts
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from engine.errors import ArchiveError
from engine.lineage import LineageReader, Link, read_lineage
from engine.storage import Entry, Store, open_store

__all__ = ["Archive", "Holding"]

_PLACE: Final = re.compile(r"epoch=(\d+)/symbol=([^/]+)/.")
_OPENED: Final = re.compile(r"epoch=(\d+)/([^/]+)/opened\.json")


class Holding(msgspec.Struct):
    """What the journal holds of one symbol, as listed: nothing of it has been read.

    `epochs` are those in which it was opened or written.
    """

    symbol: str
    epochs: set[int] = msgspec.field(default_factory=set)
    objects: int = 0
    compressed_bytes: int = 0


class Archive:
    """Journals of all epochs and the records that chain them."""

    def __init__(self, address: str, *, environment: int, journal: Store | None = None) -> None:
        """The archive at an address, such as `s3://BUCKET/` (its `journal/` folder is as good).

        Args:
            address: of the folder that holds `journal/` and `recovered/`.
            environment: what the journal's frames must say.
            journal: instead of the store at `journal/`; counts what is read, for instance.
        """
        root = re.sub(r"(?<=/)journal/*$", "", address if address.endswith("/") else f"{address}/")
        self.address = root
        self.environment = environment
        self.journal = journal or open_store(f"{root}journal/")
        self.recovered = open_store(f"{root}recovered/")

    def objects(self) -> Iterator[tuple[int, str, Entry]]:
        """Epoch, symbol and entry of each journal object; what lies elsewhere is none."""
        for entry in self.journal.list("epoch="):
            place = _PLACE.match(entry.key)
            if place is not None:
                yield int(place.group(1)), place.group(2), entry

    def holdings(self) -> dict[str, Holding]:
        """What there is of each symbol, sorted by symbol."""
        found: dict[str, Holding] = {}
        for epoch, symbol, entry in self.objects():
            holding = found.setdefault(symbol, Holding(symbol))
            holding.epochs.add(epoch)
            holding.objects += 1
            holding.compressed_bytes += entry.size
        for entry in self.recovered.list("epoch="):
            opened = _OPENED.fullmatch(entry.key)
            if opened is not None:
                found.setdefault(opened.group(2), Holding(opened.group(2))).epochs.add(int(opened.group(1)))
        return dict(sorted(found.items()))

    def chosen(self, symbols: tuple[str, ...]) -> dict[str, Holding]:
        """The holdings of `symbols`, or all of them where none are named.

        Raises:
            ArchiveError: one of them has no journal here, or there is none at all.
        """
        holdings = self.holdings()
        for symbol in symbols:
            if symbol not in holdings:
                raise self._nothing(f"no object of {symbol}")
        if not holdings:
            raise self._nothing("no object")
        return {symbol: holdings[symbol] for symbol in symbols} if symbols else holdings

    def lineage(self, symbol: str, *, epoch: int) -> tuple[Link, ...]:
        """Where each of a symbol's epochs began, oldest first, up to `epoch`.

        Raises:
            LineageError: nobody knows where one of them began.
        """
        return read_lineage(self.recovered, self.journal, symbol, epoch)

    def reader(self, symbol: str, *, epoch: int) -> LineageReader:
        """A reader of a symbol's journals from genesis, up to `epoch`.

        Raises:
            LineageError: nobody knows where one of its epochs began.
        """
        links = self.lineage(symbol, epoch=epoch)
        return LineageReader(self.journal, symbol, links, environment=self.environment)

    def _nothing(self, cause: str) -> ArchiveError:
        hint = "expected journal/epoch=E/symbol=S/... below this address; `journal ls` shows what is there"
        return ArchiveError("read journal", where=self.address, cause=cause, hint=hint)
