"""`python -m drill retention`: what no recovery can ask for any more leaves the store (docs/adr/0019).

For each symbol the newest snapshots are kept. The oldest of them that the journal vouches for is its *anchor*: whatever
recovers begins there or above. So journal objects that were written before the anchor was taken may go, once they are
older than the days that are kept; older snapshots go at once, and results of earlier recoveries and captures that were
handed over go by age. A symbol without an anchor keeps everything. Evidence and records of openings are never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from drill import clock
from drill.aws import fence
from drill.aws.clients import client
from drill.aws.sessions import default_session
from drill.settings import Settings
from drill.unfinished import Unfinished
from engine.errors import EngineError
from engine.journal import Damage, read_object
from engine.lineage import Link, read_lineage
from engine.snapshot import Snapshot, decode_snapshot, seq_of_key, snapshot_folder
from engine.storage import Store, open_store
from engine.trading_day import last_close

if TYPE_CHECKING:
    import boto3

KEPT_SNAPSHOTS: Final = 10
"""Of each symbol: the newest, and enough older ones for a recovery that rejects some."""
NS: Final = 1_000_000_000
PER_CALL: Final = 1000


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object in a listing; `modified_ns` is the store's clock."""

    key: str
    version: str
    modified_ns: int
    newest: bool


@dataclass(slots=True)
class Removed:
    """What a run removed: number of versions by kind; `kept` names the symbols that keep everything."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = ", ".join(f"{count:,} of {kind}" for kind, count in sorted(self.counts.items()) if count)
        keeps = f"; no anchor, so everything is kept: {', '.join(self.kept)}" if self.kept else ""
        return f"removed {said or 'nothing'}{keeps}"


def retain(settings: Settings, unfinished: Unfinished | None = None) -> Removed:
    """Remove what may go. Raises RetentionError while a drill has no outcome."""
    running = (unfinished or Unfinished(settings)).drills()
    if running:
        msg = f"drill {running[0].drill} has no outcome yet, and what it reads must not change: try again after it"
        raise RetentionError(msg)
    session = default_session(settings.dr_region)
    house = House(session, settings)
    close_s = last_close(settings.day_s, clock.now_ns() // NS)
    before_ns = (close_s - settings.journal_days * settings.day_s) * NS
    newest = fence.current(session, settings.journal_bucket, settings.dr_region).epoch
    margin_ns = settings.clock_margin_s * NS
    removed = Removed()
    for symbol in (*settings.listing, *settings.test_symbols):
        links = read_lineage(house.recovered, house.journal, symbol, newest)
        shelf = snapshots(house.snapshots, symbol, links)
        anchor = find_anchor(house, shelf[:KEPT_SNAPSHOTS], margin_ns)
        if anchor is None:
            removed.kept.append(symbol)
            continue
        below = [f"snapshots/{key}" for key, _ in shelf[KEPT_SNAPSHOTS:]]
        removed.counts["snapshots"] += house.remove(house.versions_of(below))
        old = (one for link in links for one in house.versions(f"journal/epoch={link.epoch}/symbol={symbol}/"))
        removed.counts["journal"] += house.remove(spent(old, anchor, before_ns, margin_ns))
    removed.counts["recoveries"] += house.remove(_old_results(house, newest, before_ns))
    superseded = (one for one in house.versions("control/") if not one.newest and one.modified_ns < before_ns)
    removed.counts["control"] += house.remove(superseded)
    mailbox = House(session, settings, bucket=settings.witness_bucket)
    handed = (one for one in mailbox.versions("captures/") if one.modified_ns < before_ns)
    removed.counts["captures"] += mailbox.remove(handed)
    return removed


def snapshots(store: Store, symbol: str, links: Sequence[Link]) -> list[tuple[str, Link]]:
    """Key and epoch of every snapshot of a symbol from which a recovery could begin, newest first."""
    found: list[tuple[str, Link]] = []
    fence_seq: int | None = None
    for link in reversed(links):
        keys = [(seq_of_key(entry.key), entry.key) for entry in store.list(snapshot_folder(link.epoch, symbol))]
        whole = [(seq, key) for seq, key in keys if seq is not None and link.start_seq <= seq]
        below = [(seq, key) for seq, key in whole if fence_seq is None or seq <= fence_seq]
        found += [(key, link) for _, key in sorted(below, reverse=True)]
        fence_seq = link.start_seq
    return found


def find_anchor(house: House, kept: Sequence[tuple[str, Link]], margin_ns: int) -> Snapshot | None:
    """The oldest of the kept snapshots that can be read and that the journal vouches for."""
    for key, link in reversed(kept):
        try:
            snapshot = decode_snapshot(house.snapshots.get(key))
        except EngineError:
            continue
        if vouched(house.journal, snapshot, link, margin_ns):
            return snapshot
    return None


def vouched(journal: Store, snapshot: Snapshot, link: Link, margin_ns: int) -> bool:
    """Whether the journal says the same of the state at the snapshot's seq: a frame ends there with its digest."""
    if snapshot.seq == link.start_seq:
        return (snapshot.digest.hex(), snapshot.last_frame.hex()) == (link.start_digest, link.start_frame)
    damages: list[Damage] = []
    for entry in journal.list(f"epoch={link.epoch}/symbol={snapshot.symbol}/"):
        if entry.modified_ns < snapshot.taken_ns - margin_ns - NS:  # S3 tells whole seconds
            continue
        for placed in read_object(journal, entry.key, snapshot.symbol, damages):
            frame = placed.frame
            if frame.next_seq == snapshot.seq + 1 and frame.digest == snapshot.last_frame:
                return any((mark.seq, mark.digest) == (snapshot.seq, snapshot.digest) for mark in frame.checkpoints)
    return False


def spent(versions: Iterable[Version], anchor: Snapshot, before_ns: int, margin_ns: int) -> Iterator[Version]:
    """The journal's versions that no recovery can ask for and that are older than what is kept.

    An object of the anchor's own epoch is stored after all its records were confirmed, and a record is confirmed before
    what follows it is applied: so one that was stored before the anchor was taken lies below it altogether.
    """
    for one in versions:
        epoch = int(one.key.partition("epoch=")[2].partition("/")[0])
        below = epoch < anchor.epoch or (epoch == anchor.epoch and one.modified_ns < anchor.taken_ns - margin_ns)
        if below and one.modified_ns < before_ns:
            yield one


def _old_results(house: House, newest: int, before_ns: int) -> Iterator[Version]:
    """What recoveries of earlier epochs wrote, but for the records of openings, which are the lineage."""
    for one in house.versions("recovered/"):
        epoch = one.key.partition("epoch=")[2].partition("/")[0]
        earlier = epoch.isdigit() and int(epoch) < newest
        if earlier and one.modified_ns < before_ns and not one.key.endswith("/opened.json"):
            yield one


class House:
    """A bucket with its folders, listed by version and pruned by version: deleting without one hides, and keeps."""

    def __init__(self, session: boto3.Session, settings: Settings, *, bucket: str = "") -> None:
        self._api = client(session, "s3", settings.dr_region)
        self._bucket = bucket or settings.journal_bucket
        root = f"s3://{settings.journal_bucket}/"
        self.journal = open_store(f"{root}journal/", session=session)
        self.recovered = open_store(f"{root}recovered/", session=session)
        self.snapshots = open_store(f"{root}snapshots/", session=session)

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version and delete marker below a prefix."""
        for page in self._api.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix):
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield Version(one["Key"], one["VersionId"], _ns(one["LastModified"]), bool(one["IsLatest"]))

    def versions_of(self, keys: Iterable[str]) -> Iterator[Version]:
        """Every version of exactly these keys."""
        for key in keys:
            yield from (one for one in self.versions(key) if one.key == key)

    def remove(self, versions: Iterable[Version]) -> int:
        """Remove these versions for good; returns how many. Raises RetentionError where the store refuses."""
        listed = [{"Key": one.key, "VersionId": one.version} for one in versions]
        for at in range(0, len(listed), PER_CALL):
            order = {"Objects": listed[at : at + PER_CALL], "Quiet": True}
            answer = self._api.delete_objects(Bucket=self._bucket, Delete=order)
            for refused in answer.get("Errors", ()):
                msg = f"s3://{self._bucket}/{refused['Key']}: not removed: {refused['Code']}: {refused['Message']}"
                raise RetentionError(msg)
        return len(listed)


class RetentionError(RuntimeError):
    """Nothing may be removed now, or the store refused to; the message says what and why."""


def _ns(moment: Any) -> int:
    return int(moment.timestamp()) * NS
