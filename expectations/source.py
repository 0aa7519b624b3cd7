"""Where the validator reads a recovered exchange from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Three places that do not depend on each other, and what bounds the reading.

    Attributes:
        journal_store_uri: the journal's prefix of one epoch (`s3://BUCKET/journal/epoch=1/`), holding `symbol=S/...`.
        recovered_uri: what the DR site's engines wrote (`s3://BUCKET/recovered/epoch=2/`), holding `S/result.json` ....
        captures_uri: the members' ack captures of one handover, `<member:05d>.bin` or `.bin.gz`.
        symbols: all symbols to be read, test symbols among them.
        environment: of the journal (LIVE = 1), whatever the recovering site's own is.
        epoch: of the journal; acknowledgements of other epochs are left out.
        checkpoint_every: commands between two checkpoints of the primary.
        start_seqs: last seq before this epoch's journal by symbol (exclusive; absent: 0, the genesis).
        start_frames: hex digest of the frame this epoch's first frame chains to (absent: zeros, the genesis).
        start_digests: hex digest of the state in which this epoch began, by symbol.
        snapshots_uri: all epochs' snapshots, of which the openings are read (empty: every epoch begins at genesis).
        fence_seqs: registered fence by symbol (inclusive); later frames of this epoch are a zombie's, refused and
            counted (absent: no fence).
        recovery_points: registered moment of a planned exercise by symbol (inclusive); later commands are out of
            scope (absent: everything that was acknowledged is in scope).
    """

    journal_store_uri: str
    recovered_uri: str
    captures_uri: str
    symbols: tuple[str, ...]
    environment: int
    epoch: int
    checkpoint_every: int = 1000
    start_seqs: Mapping[str, int] = field(default_factory=dict)
    start_frames: Mapping[str, str] = field(default_factory=dict)
    start_digests: Mapping[str, str] = field(default_factory=dict)
    snapshots_uri: str = ""
    fence_seqs: Mapping[str, int] = field(default_factory=dict)
    recovery_points: Mapping[str, int] = field(default_factory=dict)
