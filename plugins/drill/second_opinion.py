"""L4: the oracle replays a symbol's journal by its own decoder and its own book, and says which side is wrong.

At once for each symbol of which a check is red, for a sample in the weekly drill. The oracle shares no code with the
engine that traded or with the one that recovered, so of two digests that differ it believes one, or neither. Which
order it was is then looked for in what that side left besides digests (drill.differing).
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from drill.core.told import Place, Told
from drill.differing import Difference, Played, earliest, first_told, first_traded
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
        seq: the first checkpoint at which two of the three differ.
        agreed_seq: the last checkpoint before it at which all agreed.
        checkpoints: how many were compared, up to `replayed_seq`, the last command that the oracle applied.
        first: the first differing order after `agreed_seq`; None where no side said anything else than the oracle.
        looked: how many commands the wrong side had left something of, and were held against the oracle's answers.
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
    first: Difference | None = None
    looked: int = 0
    text: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What the sides left of a symbol besides digests.

    Attributes:
        told: gives what members were told of its commands; asked only where something differs.
        fills: the recovery's `fills.bin`, of the commands after `base_seq`.
        base_seq: seq of the snapshot from which it recovered, 0: from genesis.
    """

    told: Callable[[], Mapping[Place, Told]] = dict
    fills: bytes = b""
    base_seq: int = 0


def sampled(symbols: Sequence[str], nonce_sha256: str) -> tuple[str, ...]:
    """The symbols that a weekly drill has the oracle look at: drawn by the registered hash, so nobody chooses them."""
    return tuple(sorted(symbols, key=lambda one: hashlib.sha256(f"{nonce_sha256}|{one}".encode()).digest())[:SAMPLED])


def opinion(
    symbol: str, frames: Iterable[OracleFrame], recovered: Mapping[int, tuple[str, str]], left: Left | None = None
) -> Opinion:
    """Replay `frames` in order of seq and compare at each checkpoint; where one differs, look for the order.

    Args:
        symbol: whose frames these are; others are skipped, the validator has spoken of them.
        frames: of every epoch of the lineage, contiguous from genesis.
        recovered: seq -> (the primary's digest as the recovering engine read it, its own), hex.
        left: what else the sides left; None: nothing, so no order can be named.
    """
    entry = instrument(symbol)
    venue = NaiveVenue(symbol, tick=entry.tick_cents, lot=entry.lot)
    differing: Opinion | None = None
    played: list[Played] = []
    compared = agreed = 0
    for frame in frames:
        for place, command in enumerate((None, *frame.commands)):
            seq = frame.first_seq - 1 + place
            if command is not None:
                played.append(Played(epoch=frame.epoch, seq=seq, command=command, answer=venue.apply(command)))
            if differing is not None or seq not in frame.checkpoints:
                continue
            compared += 1
            mine, primary = venue.digest().hex(), frame.checkpoints[seq].hex()
            ours = recovered.get(seq, ("", mine))[1]
            if mine == primary == ours:
                agreed = seq
                played.clear()
            else:
                differing = Opinion(
                    symbol=symbol,
                    wrong_side=_wrong(mine, primary, ours),
                    seq=seq,
                    agreed_seq=agreed,
                    checkpoints=compared,
                    oracle=mine,
                    primary=primary,
                    recovered=ours,
                    text="",
                )
    if differing is not None:
        differing = msgspec.structs.replace(differing, replayed_seq=venue.seq)
        return _named(differing, played, left or Left())
    text = f"{symbol}: the oracle agrees with primary and recovery at {compared} checkpoints up to seq {agreed}"
    return Opinion(symbol=symbol, checkpoints=compared, agreed_seq=agreed, replayed_seq=venue.seq, text=text)


def _named(found: Opinion, played: Sequence[Played], left: Left) -> Opinion:
    """The opinion with the first order of which the wrong side said something else, and the sentence."""
    sides = []
    if found.wrong_side != "recovery":
        sides.append(first_told(played, left.told()))
    if found.wrong_side != "primary" and left.fills:
        sides.append(first_traded(played, left.fills, left.base_seq))
    first, looked = earliest([one for one, _ in sides]), sum(looked for _, looked in sides)
    named = msgspec.structs.replace(found, first=first, looked=looked)
    return msgspec.structs.replace(named, text=_say(named))


def _wrong(oracle: str, primary: str, recovered: str) -> str:
    if oracle == recovered:
        return "primary"
    return "recovery" if oracle == primary else "unknown"


def _say(found: Opinion) -> str:
    said = {
        "primary": f"journal and oracle say {found.oracle[:SHOWN]}, the primary wrote {found.primary[:SHOWN]}",
        "recovery": f"primary and oracle say {found.oracle[:SHOWN]}, the recovery came to {found.recovered[:SHOWN]}",
        "unknown": f"the oracle says {found.oracle[:SHOWN]}, the primary {found.primary[:SHOWN]},"
        f" the recovery {found.recovered[:SHOWN]}",
    }
    return f"{found.symbol}: {_place(found)}: {said[found.wrong_side]}"


def _place(found: Opinion) -> str:
    """Where they differ: the order, where one could be named, else the range of seqs in which it lies."""
    first = found.first
    if first is None:
        left = {"primary": "answers and fills that members were told", "recovery": "commands' trades as recovered"}
        looked = f"{found.looked} {left.get(found.wrong_side, 'commands by what each side left')}"
        none = f"; {looked} agree with the oracle, so no order can be named" if found.looked else ""
        return f"first at seq {found.seq}, in an order after seq {found.agreed_seq}{none}"
    said = {"primary": "members were told", "recovery": "the recovery came to"}[first.side]
    told = f"{said} {first.said}, the oracle says {first.oracle}"
    return f"first differing order at seq {first.seq}, {told}; at seq {found.seq}"


def ask(
    journal: Store,
    lineage: Store,
    recovered: Store,
    symbol: str,
    *,
    from_epoch: int,
    epoch: int,
    told: Callable[[], Mapping[Place, Told]] = dict,
) -> Opinion:
    """Ask the oracle about one symbol as it lies in the store.

    Args:
        journal: opened at `.../journal/`.
        lineage: opened at the market's `.../recovered/`, which says where each epoch begins.
        recovered: opened at the `.../recovered/` of the site to be judged; an exercise has its own.
        symbol: which one.
        from_epoch: the newest epoch to be read.
        epoch: the epoch whose recovery is to be judged.
        told: gives what members were told of its commands.
    """
    links = read_lineage(lineage, journal, symbol, from_epoch)
    result = msgspec.json.decode(_content(recovered, f"epoch={epoch}/{symbol}/result.json") or b"{}")
    left = Left(
        told=told,
        fills=_content(recovered, f"epoch={epoch}/{symbol}/fills.bin"),
        base_seq=int(result.get("base_seq", 0)),
    )
    return opinion(symbol, _contiguous(journal, symbol, links), _compared(recovered, symbol, epoch), left)


def _content(store: Store, key: str) -> bytes:
    """The object of this key, empty where there is none."""
    return store.get(key) if any(entry.key == key for entry in store.list(key)) else b""


def _compared(recovered: Store, symbol: str, epoch: int) -> dict[int, tuple[str, str]]:
    content = _content(recovered, f"epoch={epoch}/{symbol}/checkpoints.jsonl")
    rows = [msgspec.json.decode(line) for line in content.splitlines()]
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
