"""The folders that outlive an epoch: journals, records of openings, results of recoveries, and snapshots."""

from __future__ import annotations

import msgspec

from engine.storage import Store, open_store

__all__ = ["FolderAddresses", "Folders"]


class Folders(msgspec.Struct, frozen=True):
    """The opened folders; each holds `epoch=<E>/...`. Results go to `recovered`, the rest is read.

    `lineage` holds the records of the journal's own epochs; only an exercise has its results elsewhere.
    """

    journal: Store
    lineage: Store
    recovered: Store
    snapshots: Store


class FolderAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the folders are, such as `s3://BUCKET/journal/`."""

    journal: str
    lineage: str
    recovered: str
    snapshots: str

    def open(self) -> Folders:
        """Open the stores; an S3 client takes a quarter of a second, so this belongs into a thread."""
        addresses = (self.journal, self.lineage, self.recovered, self.snapshots)
        return Folders(*(open_store(address) for address in addresses))
