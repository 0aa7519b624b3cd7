"""Is this journal sound? A symbol's journals read to the end and replayed, and every finding with what to do about it.

A journal is sound when every object's bytes are whole frames, the frames follow each other without a gap from genesis
through every epoch, and the replay stands, at each checkpoint that the primary wrote, in the state that the primary
stood in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from engine.archive import Archive, Holding
from engine.errors import LineageError
from engine.journal import Damage
from engine.replay import Comparison, Frames, rebuild
from engine.venue import Venue

__all__ = ["Finding", "Inspection", "inspect"]

_RESTORE: Final = "restore this object from the bucket's older versions, then verify again"
_ADVICE: Final = {
    "gap": "look for the missing object among the bucket's older versions and failed deliveries; without it recovery "
    "ends before the gap",
    "conflict": "two sites wrote the same seqs: find out which one held the epoch's record, and keep its object",
    "checksum": _RESTORE,
    "chain": "a frame was removed, replaced or written by another process: compare with the bucket's older versions",
    "foreign_symbol": "this object lies in another symbol's folder: move it back",
    "foreign_environment": "an exercise wrote here, or this is an exercise's journal: name its --environment",
    "truncated": _RESTORE,
    "bad_gzip": _RESTORE,
    "bad_header": _RESTORE,
    "lineage": "restore opened.json from the bucket's older versions",
    "divergence": "the primary left its own journal: do not open this symbol before the oracle has replayed it",
}
"""What helps, by kind of finding: the kinds of damage (`engine.journal`), and two of this module's own."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it must be; `offset` counts uncompressed bytes of the object."""

    kind: str
    symbol: str
    object: str
    offset: int
    seq: int
    expected: str
    found: str
    advice: str

    @classmethod
    def of(cls, damage: Damage) -> Finding:
        """The finding that a damage is."""
        return cls(
            damage.kind,
            damage.symbol,
            damage.object,
            damage.offset,
            damage.seq,
            damage.expected,
            damage.found,
            _ADVICE[damage.kind],
        )

    def lines(self) -> str:
        """Two lines for a person: what and where, and what to do."""
        where = f"{self.symbol} {self.kind}: {self.object or 'no object'} offset {self.offset}, seq {self.seq}"
        return f"{where}: expected {self.expected}, found {self.found}\n  do: {self.advice}"


class Inspection(msgspec.Struct):
    """What was read of one symbol, and what was found."""

    symbol: str
    sound: bool
    epochs: list[int]
    objects: int
    compressed_bytes: int
    frames: int = 0
    commands: int = 0
    seq: int = 0
    highest_seq: int = 0
    duplicates: int = 0
    refused: int = 0
    reorder_depth: int = 0
    checkpoints: int = 0
    """Compared with the replay; 0 when nothing was replayed."""
    disagreements: int = 0
    """Checkpoints at which the replay stood in another state; the first one is among the findings."""
    fills: int = 0
    digest: str = ""
    """Of the state at `seq`, hex; "" when nothing was replayed."""
    last_frame: str = ""
    """Digest of the frame that ends with `seq`, hex."""
    findings: list[Finding] = msgspec.field(default_factory=list)


def inspect(
    archive: Archive, holding: Holding, *, now_ns: Callable[[], int], epoch: int | None = None, replays: bool = True
) -> Inspection:
    """Read one symbol's journals to the end.

    Args:
        archive: where.
        holding: which symbol, as `Archive.holdings` lists it.
        now_ns: a clock; nothing here depends on what it says.
        epoch: the newest epoch to read, None for the newest that there is.
        replays: whether to apply the commands and compare each checkpoint, or to read frames only (ten times faster).

    Raises:
        StorageError: the store could not be read. Damage does not raise; it is in `Inspection.findings`.
    """
    epochs = sorted(number for number in holding.epochs if epoch is None or number <= epoch)
    inspection = Inspection(holding.symbol, False, epochs, holding.objects, holding.compressed_bytes)
    newest = epoch if epoch is not None else max(epochs)
    try:
        reader = archive.reader(holding.symbol, epoch=newest)
    except LineageError as error:
        inspection.findings.append(_finding("lineage", holding.symbol, error.where, 0, "its record", error.cause))
        return inspection
    if replays:
        _replay(inspection, reader, now_ns)
    else:
        for _ in reader:
            pass
    account = reader.account
    inspection.frames, inspection.commands = account.frames, account.commands
    inspection.seq, inspection.highest_seq = account.seq, account.highest_seq
    inspection.duplicates, inspection.refused = account.duplicates, account.refused
    inspection.reorder_depth = account.reorder_depth
    inspection.last_frame = account.last_frame.hex()
    inspection.findings[:0] = [Finding.of(damage) for damage in account.damages]
    inspection.sound = not inspection.findings
    return inspection


def _replay(inspection: Inspection, reader: Frames, now_ns: Callable[[], int]) -> None:
    symbol = inspection.symbol

    def compare(comparison: Comparison) -> None:
        if not (comparison.agrees or inspection.findings):
            expected, found = f"digest {comparison.primary.hex()}", f"digest {comparison.recovered.hex()}"
            inspection.findings.append(_finding("divergence", symbol, "", comparison.seq, expected, found))

    recovery = rebuild(reader, Venue.listed(symbol), now_ns=now_ns, on_checkpoint=compare)
    inspection.checkpoints, inspection.disagreements = recovery.checkpoints, recovery.disagreements
    inspection.fills = recovery.fills
    inspection.digest = recovery.digest.hex()


# Positional: the order of a finding's own fields.
def _finding(kind: str, symbol: str, where: str, seq: int, expected: str, found: str) -> Finding:  # noqa: PLR0917
    return Finding(kind, symbol, where, 0, seq, expected, found, _ADVICE[kind])
