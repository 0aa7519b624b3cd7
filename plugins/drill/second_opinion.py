"""L4: the oracle replays a symbol's journal by its own decoder and its own book, and says which side is wrong.

At once for each symbol of which a check is red, for a sample in the weekly drill. The oracle shares no code with the
engine that traded or with the one that recovered, so of two digests that differ it believes one, or neither.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from engine.lineage import Link, read_lineage
from engine.listing import instrument
from engine.storage import Store
from oracle import NaiveVenue, OracleFrame, read_frames

SAMPLED = 2
MOST_COMMANDS = 200_000  # it is slow on purpose: a full day of one symbol is for a night, not for a drill
SHOWN = 16


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What the oracle says of one symbol. Digests are hex; `seq` 0 and empty digests where nothing differs.

    Attributes:
        wrong_side: `primary`, `recovery`, `unknown` where the oracle agrees with neither, empty where all agree.
        seq: the first checkpoint at which two of the three differ; the first differing order lies in
            (`agreed_seq`, `seq`].
        agreed_seq: the last checkpoint before it at which all agreed.
        checkpoints: how many were compared, up to `replayed_seq`, the last command that the oracle applied.
        text: the opinion in one sentence.
    """

    symbol: str
    level: str = "L4"
    wrong_side: str = ""
    seq: int = 0
    agreed_seq: int = 0
    checkpoints: int = 0
    replayed_seq: int = 0
    oracle: str = ""
    primary: str = ""
    recovered: str = ""
    text: str


def sampled(symbols: Sequence[str], nonce_sha256: str) -> tuple[str, ...]:
    """The symbols that a weekly drill has the oracle look at: drawn by the registered hash, so nobody chooses them."""
    return tuple(sorted(symbols, key=lambda one: hashlib.sha256(f"{nonce_sha256}|{one}".encode()).digest())[:SAMPLED])


def opinion(symbol: str, frames: Iterable[OracleFrame], recovered: Mapping[int, tuple[str, str]]) -> Opinion:
    """Replay `frames` in order of seq and compare at each checkpoint.

    Args:
        symbol: whose frames these are; others are skipped, the validator has spoken of them.
        frames: of every epoch of the lineage, contiguous from genesis.
        recovered: seq -> (the primary's digest as the recovering engine read it, its own), hex.
    """
    entry = instrument(symbol)
    venue = NaiveVenue(symbol, tick=entry.tick_cents, lot=entry.lot)
    compared = agreed = 0
    for frame in frames:
        marks = frame.checkpoints
        for place, command in enumerate((None, *frame.commands)):
            if command is not None:
                venue.apply(command)
            seq = frame.first_seq - 1 + place
            if seq not in marks:
                continue
            compared += 1
            mine, primary = venue.digest().hex(), marks[seq].hex()
            ours = recovered.get(seq, ("", mine))[1]
            if not mine == primary == ours:
                differing = Opinion(
                    symbol=symbol,
                    wrong_side=_wrong(mine, primary, ours),
                    seq=seq,
                    agreed_seq=agreed,
                    checkpoints=compared,
                    replayed_seq=venue.seq,
                    oracle=mine,
                    primary=primary,
                    recovered=ours,
                    text="",
                )
                return msgspec.structs.replace(differing, text=_say(differing))
            agreed = seq
    text = f"{symbol}: the oracle agrees with primary and recovery at {compared} checkpoints up to seq {agreed}"
    return Opinion(symbol=symbol, checkpoints=compared, agreed_seq=agreed, replayed_seq=venue.seq, text=text)


def _wrong(oracle: str, primary: str, recovered: str) -> str:
    if oracle == recovered:
        return "primary"
    return "recovery" if oracle == primary else "unknown"


def _say(found: Opinion) -> str:
    where = f"{found.symbol}: first at seq {found.seq}, in an order after seq {found.agreed_seq}"
    said = {
        "primary": f"journal and oracle say {found.oracle[:SHOWN]}, the primary wrote {found.primary[:SHOWN]}",
        "recovery": f"primary and oracle say {found.oracle[:SHOWN]}, the recovery came to {found.recovered[:SHOWN]}",
        "unknown": f"the oracle says {found.oracle[:SHOWN]}, the primary {found.primary[:SHOWN]},"
        f" the recovery {found.recovered[:SHOWN]}",
    }
    return f"{where}: {said[found.wrong_side]}"


def ask(journal: Store, lineage: Store, recovered: Store, symbol: str, *, from_epoch: int, epoch: int) -> Opinion:
    """Ask the oracle about one symbol as it lies in the store.

    Args:
        journal: opened at `.../journal/`.
        lineage: opened at the market's `.../recovered/`, which says where each epoch begins.
        recovered: opened at the `.../recovered/` of the site to be judged; an exercise has its own.
        symbol: which one.
        from_epoch: the newest epoch to be read.
        epoch: the epoch whose recovery is to be judged.
    """
    links = read_lineage(lineage, journal, symbol, from_epoch)
    return opinion(symbol, _contiguous(journal, symbol, links), _compared(recovered, symbol, epoch))


def _compared(recovered: Store, symbol: str, epoch: int) -> dict[int, tuple[str, str]]:
    key = f"epoch={epoch}/{symbol}/checkpoints.jsonl"
    if not any(entry.key == key for entry in recovered.list(key)):
        return {}
    rows = [msgspec.json.decode(line) for line in recovered.get(key).splitlines()]
    return {int(row["seq"]): (str(row["primary"]), str(row["recovered"])) for row in rows}


def _contiguous(journal: Store, symbol: str, links: Sequence[Link]) -> Iterator[OracleFrame]:
    """The frames of all epochs up to the first gap, each epoch's up to the start of its successor."""
    seq = given = 0
    for place, link in enumerate(links):
        fence = links[place + 1].start_seq if place + 1 < len(links) else None
        frames = _frames(journal, f"epoch={link.epoch}/symbol={symbol}/", symbol)
        for first in sorted(frames):
            frame = frames[first]
            if first != seq + 1 or (fence is not None and first > fence) or given > MOST_COMMANDS:
                continue  # equal duplicates went by their key; what does not join is the validator's finding
            yield frame
            seq += len(frame.commands)
            given += len(frame.commands)


def _frames(journal: Store, prefix: str, symbol: str) -> dict[int, OracleFrame]:
    """The frames of one epoch by first seq; an object that the oracle cannot read is left to the validator."""
    found: dict[int, OracleFrame] = {}
    for entry in journal.list(prefix):
        try:
            frames = list(read_frames(gzip.decompress(journal.get(entry.key))))
        except (ValueError, OSError, EOFError, zlib.error):
            continue
        found.update({frame.first_seq: frame for frame in frames if frame.symbol == symbol and frame.commands})
    return found
