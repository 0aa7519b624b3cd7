"""An exchange that went through several epochs: journals, records of openings, snapshots, and zombies."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from engine.codec import GENESIS, decode_frame
from engine.folders import Folders
from engine.lineage import LineageReader, Link, Opened, opened_key, read_lineage
from engine.messages import Command, Environment
from engine.replay import Recovery, rebuild
from engine.restore import restore
from engine.snapshot import Snapshot, encode_snapshot, snapshot_key
from engine.storage import MemoryStore
from engine.venue import Venue
from tests.engine.written_journal import SYMBOL, written


@dataclass
class Epochs:
    """Stores of an exchange that went through several epochs, and what each of them held at its end."""

    journal: MemoryStore = field(default_factory=MemoryStore)
    recovered: MemoryStore = field(default_factory=MemoryStore)
    snapshots: MemoryStore = field(default_factory=MemoryStore)
    digests: list[bytes] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    zombies: int = 0

    def put(self, epoch: int, name: str, frames: Sequence[bytes]) -> None:
        key = f"epoch={epoch}/symbol={SYMBOL}/{name}.gz"
        self.journal.put(key, gzip.compress(b"".join(frames), 1, mtime=0))

    def open(self, epoch: int, venue: Venue, last_frame: bytes) -> None:
        self.links.append(Link(epoch, venue.seq, last_frame.hex(), venue.digest().hex()))
        self.snap(epoch, venue, last_frame)
        record = Opened(epoch, "a site", "0", "a task", tuple(self.links))
        self.recovered.put(opened_key(epoch, SYMBOL), msgspec.json.encode(record))

    def snap(self, epoch: int, venue: Venue, last_frame: bytes) -> None:
        snapshot = Snapshot(
            symbol=SYMBOL,
            environment=Environment.LIVE,
            epoch=epoch,
            seq=venue.seq,
            taken_ns=epoch,
            digest=venue.digest(),
            last_frame=last_frame,
            canonical=venue.canonical_bytes(),
        )
        self.snapshots.put(snapshot_key(epoch, SYMBOL, venue.seq), encode_snapshot(snapshot))

    def snap_each_frame(self, epoch: int, frames: Sequence[bytes], venue: Venue) -> None:
        """A snapshot at the end of each frame; `venue` stands before the first one and is used up."""
        for raw in frames:
            frame = decode_frame(raw)
            for command in frame.unpacked():
                venue.apply(venue.seq + 1, command)
            self.snap(epoch, venue, frame.digest)

    @property
    def folders(self) -> Folders:
        return Folders(self.journal, self.recovered, self.recovered, self.snapshots)

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
        epochs.open(epoch, venue, last_frame)
        before = restore(venue.canonical_bytes())
        frames, venue = written(flow[start:end], epoch=epoch, after=(venue, last_frame), checkpoint_every=1)
        epochs.snap_each_frame(epoch, frames, before)
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
