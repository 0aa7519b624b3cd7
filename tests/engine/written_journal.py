"""A small journal written as a primary would: frames in sequence, checkpoints, and objects cut as the test wants."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence

from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.messages import Command, Environment, Kind, Side, command_id
from engine.storage import MemoryStore
from engine.venue import Venue

SYMBOL = "AAL"


def quotes(count: int) -> list[Command]:
    """A flow that rests, trades and cancels, the same every time."""
    commands = []
    for number in range(1, count + 1):
        if number % 5 == 0:
            commands.append(Command(number, command_id(1, number), command_id(1, number - 4), 0, 0, 1, Kind.CANCEL))
        else:
            side = Side.SELL if number % 2 else Side.BUY
            price = 100 + (number * 7) % 9
            commands.append(Command(number, command_id(1, number), 0, price, 1 + number % 13, 1, Kind.NEW, side))
    return commands


def written(
    commands: Sequence[Command],
    *,
    per_frame: int = 4,
    checkpoint_every: int = 5,
    environment: int = Environment.LIVE,
    epoch: int = 1,
    symbol: str = SYMBOL,
    empty_every: int = 0,
    after: tuple[Venue, bytes] | None = None,
) -> tuple[list[bytes], Venue]:
    """The frames of a flow, and the venue that wrote them; every `empty_every`-th frame is followed by an empty one.

    `after` is the venue and the last frame's digest of the epoch before; the venue is used up.
    """
    venue, previous = after or (Venue(symbol), GENESIS)
    frames = []
    for start in range(0, len(commands), per_frame):
        marks = []
        first_seq = venue.seq + 1
        batch = commands[start : start + per_frame]
        for command in batch:
            venue.apply(venue.seq + 1, command)
            if venue.seq % checkpoint_every == 0:
                marks.append(Checkpoint(venue.seq, venue.digest()))
        batches = [(first_seq, [command.pack() for command in batch], marks)]
        if empty_every and (start // per_frame) % empty_every == 0:
            batches.append((venue.seq + 1, [], []))
        for seq, packed, checkpoints in batches:
            raw, previous = encode_frame(
                packed,
                environment=environment,
                epoch=epoch,
                symbol=symbol,
                first_seq=seq,
                previous=previous,
                checkpoints=checkpoints,
            )
            frames.append(raw)
    return frames, venue


def stored(objects: Iterable[bytes], *, symbol: str = SYMBOL) -> MemoryStore:
    """A store with those uncompressed objects, keys ascending in the order given."""
    store = MemoryStore()
    for number, content in enumerate(objects):
        store.put(f"symbol={symbol}/2016/11/30/14/{number:06}.gz", gzip.compress(content, 1, mtime=0))
    return store
