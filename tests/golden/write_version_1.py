"""Wrote `version_1/` once, in November 2026, with the engine that version 1 was frozen with: not to be run again.

    PYTHONPATH=. .venv/bin/python tests/golden/write_version_1.py

A day of one symbol in which everything happens that version 1 has a word for: every kind of command, every type, time
in force and flag, every reason that a venue gives, resends, canaries, a halt, a day's end, cancels on disconnect; with
a checkpoint every 50 commands, in frames of changing length (an empty one among them), in three objects that arrive in
the wrong order and repeat a frame. Beside the journal: the canonical bytes of the state at its end (`state.bin`), those
of the same day in ticks of 5 and lots of 10 (`coarse.bin`), and what a reader must find.

The files are what auditors will hold in five years: an engine that cannot read them, or reads something else in them,
is wrong. So the script refuses to write where something is; a later version gets a folder and a script of its own.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import sys
from pathlib import Path

from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.messages import (
    CANARY_MEMBER,
    EDGE_MEMBER,
    OPERATOR_MEMBER,
    Command,
    CommandFlag,
    Environment,
    Kind,
    OrderType,
    TimeInForce,
    command_id,
)
from engine.venue import Venue

FOLDER = Path(__file__).with_name("version_1")
SYMBOL, EPOCH = "AAL", 1
COMMANDS, CHECKPOINT_EVERY = 1500, 50
OPENED_NS = 1_480_514_400_000_000_000
OPERATIONS = {
    300: (OPERATOR_MEMBER, Kind.HALT),
    310: (OPERATOR_MEMBER, Kind.HALT),
    320: (OPERATOR_MEMBER, Kind.RESUME),
    321: (OPERATOR_MEMBER, Kind.RESUME),
    500: (EDGE_MEMBER, Kind.MASS_CANCEL),
    600: (OPERATOR_MEMBER, Kind.NEW),
    650: (3, Kind.MASS_CANCEL),
    700: (2, Kind.DAY_END),
    701: (OPERATOR_MEMBER, Kind.DAY_END),
    720: (OPERATOR_MEMBER, Kind.MASS_CANCEL),
}


def day() -> list[Command]:
    """The commands, in order of seq; prices and quantities keep to ticks of 5 and lots of 10, mostly."""
    chance = random.Random(20261121)
    numbers = dict.fromkeys((1, 2, 3, CANARY_MEMBER, OPERATOR_MEMBER, EDGE_MEMBER), 0)
    orders: list[int] = []
    made: list[Command] = []
    for seq in range(1, COMMANDS + 1):
        member, kind = OPERATIONS.get(seq, (chance.choice((1, 1, 2, 2, 3, 3, CANARY_MEMBER)), None))
        if kind is None:
            kind = Kind(chance.choice((1, 1, 1, 1, 1, 2, 3, 4)))
        target = 0
        if kind in {Kind.CANCEL, Kind.REPLACE, Kind.REDUCE} and orders:
            target = chance.choice(orders[-20:])
            member = target >> 48 if chance.random() < 0.9 else member
        elif kind == Kind.MASS_CANCEL and member == EDGE_MEMBER:
            target = command_id(1, 0)
        numbers[member] += 0 if chance.random() < 0.02 and numbers[member] else chance.choice((1, 1, 7))
        identity = command_id(member, numbers[member])
        flags = CommandFlag.CANARY if member == CANARY_MEMBER else 0
        made.append(
            Command(
                ts_ns=OPENED_NS + seq * 1_000_003,
                command_id=identity,
                target_id=target,
                price=chance.choice((0, -5, 9_903) if chance.random() < 0.05 else range(9_900, 10_105, 5)),
                qty=chance.choice((0, 15) if chance.random() < 0.05 else (10, 20, 30, 50, 100)),
                customer=chance.randrange(100),
                kind=int(kind),
                side=chance.randrange(2),
                type=int(chance.choice((OrderType.LIMIT,) * 9 + (OrderType.MARKET,))),
                tif=int(chance.choice((TimeInForce.GTC,) * 6 + tuple(TimeInForce))),
                flags=int(flags | (CommandFlag.POST_ONLY if chance.random() < 0.1 else 0)),
            )
        )
        if kind == Kind.NEW:
            orders.append(identity)
    return made


def frames(commands: list[Command], venue: Venue) -> tuple[list[bytes], dict[int, str], list[list[int]]]:
    """Frames of 1 to 60 commands, the digests at the checkpoints, and the fills (seq, number, maker, taker, ...)."""
    chance, previous, at = random.Random(7), GENESIS, 0
    written: list[bytes] = []
    digests: dict[int, str] = {}
    fills: list[list[int]] = []
    while at < len(commands):
        count = chance.choice((0, 1, 17, 60))
        batch, marks = commands[at : at + count], []
        for command in batch:
            outcome = venue.apply(venue.seq + 1, command)
            fills += [[venue.seq, number, *fill] for number, fill in enumerate(outcome.fills)]
            if venue.seq % CHECKPOINT_EVERY == 0:
                marks.append(Checkpoint(venue.seq, venue.digest()))
        digests |= {mark.seq: mark.digest.hex() for mark in marks}
        raw, previous = encode_frame(
            [command.pack() for command in batch],
            environment=Environment.LIVE,
            epoch=EPOCH,
            symbol=SYMBOL,
            first_seq=at + 1,
            previous=previous,
            checkpoints=marks,
        )
        written.append(raw)
        at += len(batch)
    return written, digests, fills


def main() -> int:
    """Write the folder, or refuse to."""
    if FOLDER.exists():
        sys.stderr.write(f"{FOLDER} is there: golden files are written once and read for ever\n")
        return 1
    venue = Venue(SYMBOL)
    written, digests, fills = frames(day(), venue)
    third = len(written) // 3
    parts = [written[third : 2 * third], written[:third], [written[third - 1], *written[2 * third :]]]
    for number, part in enumerate(parts):
        path = FOLDER / f"journal/epoch={EPOCH}/symbol={SYMBOL}/2016/11/30/14/{number:06}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"".join(part), 9, mtime=0))
    (FOLDER / "state.bin").write_bytes(venue.canonical_bytes())
    coarse = Venue(SYMBOL, tick=5, lot=10)
    for command in day():
        coarse.apply(coarse.seq + 1, command)
    (FOLDER / "coarse.bin").write_bytes(coarse.canonical_bytes())
    found = {
        "symbol": SYMBOL,
        "epoch": EPOCH,
        "seq": venue.seq,
        "digest": venue.digest().hex(),
        "checkpoints": {str(seq): digest for seq, digest in digests.items()},
        "frames": len(written),
        "duplicates": 1,
        "fills": len(fills),
        "fills_sha256": hashlib.sha256(json.dumps(fills).encode()).hexdigest(),
        "resting": len(venue.book.index),
        "coarse_digest": coarse.digest().hex(),
    }
    (FOLDER / "expected.json").write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
