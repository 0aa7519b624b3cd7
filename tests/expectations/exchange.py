"""A small exchange that traded, was killed before its last acknowledgements, and was recovered: as files."""

from __future__ import annotations

import gzip
import json
import random
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.listing import instrument
from engine.messages import Command, Environment, Kind, OrderType, Side, TimeInForce, command_id
from engine.venue import Venue
from expectations.source import Source

EPOCH = 1
FRAME_COMMANDS = 7
CHECKPOINT_EVERY = 20
MEMBERS = (1, 2, 3)
PRICE = 5_000
SYMBOLS = ("AAPL", "MSFT")
TESTS = ("ZZT1",)
FILL = struct.Struct("<QHQQqIB")
RECORD = struct.Struct("<BBBBHHIIQQqqIBBBBq")
CANARY_MEMBER = 65_000


@dataclass
class Traded:
    """One symbol's history: frames as written, fills, checkpoints, and what each member heard."""

    symbol: str
    frames: list[bytes] = field(default_factory=list)
    fills: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    checkpoints: list[tuple[int, bytes]] = field(default_factory=list)
    heard: dict[int, list[bytes]] = field(default_factory=lambda: {member: [] for member in MEMBERS})
    seq: int = 0
    unacknowledged: list[int] = field(default_factory=list)


def flow(symbol: str, commands: int, seed: int = 7) -> list[Command]:
    """A deterministic order flow of three members: limit, market, cancel, replace, reduce, and a canary pair."""
    dice = random.Random(f"{symbol}{seed}")
    numbers = dict.fromkeys([*MEMBERS, CANARY_MEMBER], 0)
    orders: list[int] = []
    made: list[Command] = []

    def identity(member: int) -> int:
        numbers[member] += 1
        return command_id(member, numbers[member])

    for place in range(commands):
        if place in (10, 11):
            made.append(_new(place, identity(CANARY_MEMBER), PRICE, 1, side=place - 10, flags=1))
            continue
        draw = dice.random()
        member = dice.choice(MEMBERS)
        mine = [order for order in orders if order >> 48 == member]
        if draw < 0.7 or not mine:
            chosen = identity(member)
            orders.append(chosen)
            side = dice.choice((Side.BUY, Side.SELL))
            made.append(_new(place, chosen, PRICE + dice.randint(-3, 3), dice.randint(1, 9), side=side, draw=draw))
        else:
            kind = dice.choice((Kind.CANCEL, Kind.REPLACE, Kind.REDUCE))
            qty = 0 if kind == Kind.CANCEL else dice.randint(1, 9)
            price = PRICE + dice.randint(-3, 3) if kind == Kind.REPLACE and draw < 0.9 else 0
            made.append(Command(place + 1, identity(member), dice.choice(mine), price, qty, 1, int(kind)))
    return made


def _new(place: int, identity: int, price: int, qty: int, *, side: int, flags: int = 0, draw: float = 0.5) -> Command:
    market = draw < 0.05
    kind = OrderType.MARKET if market else OrderType.LIMIT
    tif = TimeInForce.IOC if market else TimeInForce.GTC
    return Command(
        place + 1, identity, 0, 0 if market else price, qty, 1, int(Kind.NEW), side, int(kind), int(tif), flags
    )


def trade(symbol: str, commands: int = 63, *, killed_frames: int = 1) -> Traded:
    """Trade, frame by frame; what the last `killed_frames` caused was committed and never left the engine."""
    traded, venue = Traded(symbol), Venue(symbol)
    stream = flow(symbol, commands)
    previous = GENESIS
    cut = commands - killed_frames * FRAME_COMMANDS
    for first in range(0, commands, FRAME_COMMANDS):
        chunk = stream[first : first + FRAME_COMMANDS]
        marks = []
        for command in chunk:
            _apply(traded, venue, command, acknowledged=first < cut)
            if traded.seq % CHECKPOINT_EVERY == 0:
                marks.append(Checkpoint(traded.seq, venue.digest()))
        traded.checkpoints += [(mark.seq, mark.digest) for mark in marks]
        raw, previous = encode_frame(
            [command.pack() for command in chunk],
            environment=int(Environment.LIVE),
            epoch=EPOCH,
            symbol=symbol,
            first_seq=first + 1,
            previous=previous,
            checkpoints=marks,
        )
        traded.frames.append(raw)
    return traded


def _apply(traded: Traded, venue: Venue, command: Command, *, acknowledged: bool) -> None:
    traded.seq = seq = traded.seq + 1
    outcome = venue.apply(seq, command)
    if not acknowledged and not command.is_canary:
        traded.unacknowledged.append(seq)
    if acknowledged:
        _hear(
            traded, command.member, ack(traded.symbol, seq, command, status=outcome.status, open_qty=outcome.open_qty)
        )
    for number, (maker, taker, price, qty) in enumerate(outcome.fills):
        traded.fills.append((seq, number, maker, taker, price, qty, int(command.is_canary)))
        if acknowledged:
            _hear(traded, maker >> 48, fill(traded.symbol, (seq, number), maker, price, qty, liquidity=1))
            _hear(traded, taker >> 48, fill(traded.symbol, (seq, number), taker, price, qty, liquidity=2))


def _hear(traded: Traded, member: int, record: bytes) -> None:
    if member in traded.heard:
        traded.heard[member].append(record)


def ack(symbol: str, seq: int, command: Command, *, status: int = 1, open_qty: int = 0, epoch: int = EPOCH) -> bytes:
    return RECORD.pack(
        2, status, 0, 0, instrument(symbol).number, 0, epoch, open_qty, seq, command.command_id, 1_000 + seq,
        command.price, command.qty, command.kind, command.side, command.type, command.tif, seq,
    )  # fmt: skip


def fill(symbol: str, place: tuple[int, int], order: int, price: int, qty: int, *, liquidity: int) -> bytes:
    seq, number = place
    return RECORD.pack(
        3, 0, 0, liquidity, instrument(symbol).number, number, EPOCH, 0, seq, order, 1_000 + seq,
        price, qty, 0, 0, 0, 0, 0,
    )  # fmt: skip


@dataclass
class Exchange:
    """Its files: `journal/`, `recovered/` and `captures/` below `root`."""

    root: Path
    traded: dict[str, Traded]

    def source(self, symbols: tuple[str, ...] = SYMBOLS + TESTS, **bounds: Any) -> Source:
        return Source(
            journal_store_uri=f"file://{self.root}/journal/",
            recovered_uri=f"file://{self.root}/recovered/",
            captures_uri=f"file://{self.root}/captures/",
            symbols=symbols,
            environment=int(Environment.LIVE),
            epoch=EPOCH,
            checkpoint_every=CHECKPOINT_EVERY,
            **bounds,
        )

    def object(self, symbol: str, number: int) -> Path:
        return self.root / "journal" / f"symbol={symbol}" / "2026/01/05/14" / f"{number:04d}.gz"

    def write_objects(self, symbol: str, parts: list[list[bytes]]) -> None:
        for number, part in enumerate(parts):
            path = self.object(symbol, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(b"".join(part)))

    def recovered(self, symbol: str, name: str) -> Path:
        return self.root / "recovered" / symbol / name

    def write_captures(self) -> None:
        folder = self.root / "captures"
        folder.mkdir(parents=True, exist_ok=True)
        for member in MEMBERS:
            heard = b"".join(record for one in self.traded.values() for record in one.heard[member])
            (folder / f"{member:05d}.bin.gz").write_bytes(gzip.compress(heard))


def write(root: Path, symbols: tuple[str, ...] = SYMBOLS + TESTS, commands: int = 63) -> Exchange:
    exchange = Exchange(root, {symbol: trade(symbol, commands) for symbol in symbols})
    for symbol, traded in exchange.traded.items():
        exchange.write_objects(symbol, [traded.frames[first : first + 3] for first in range(0, len(traded.frames), 3)])
        folder = root / "recovered" / symbol
        folder.mkdir(parents=True)
        result = {"symbol": symbol, "status": "recovered", "seq": traded.seq, "fills": len(traded.fills)}
        (folder / "result.json").write_text(json.dumps(result))
        (folder / "fills.bin").write_bytes(b"".join(FILL.pack(*one) for one in traded.fills))
        lines = [{"seq": seq, "primary": mark.hex(), "recovered": mark.hex()} for seq, mark in traded.checkpoints]
        (folder / "checkpoints.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    exchange.write_captures()
    return exchange
