"""Faults of stored snapshots: F07 to F09. The format is read from its description, as any outsider would."""

from __future__ import annotations

import struct

from blake3 import blake3

from witness.injections.scene import Account, Scene
from witness.saboteur import NothingToHitError
from witness.stored_changes import account_of

HEADER = struct.Struct("<4sBBHI8sQq32s32sQ")
"""magic, version, environment, zero, epoch, symbol, seq, moment, digest, last frame's digest, length of the state."""
DIGEST = 8
CHECKSUM_BYTES = 32
TRADE = struct.Struct("<qI")
TRADE_AT = 30
"""Where the book's last trade stands in a state: price and quantity, behind a header of 30 bytes."""


def _shelf(scene: Scene, symbol: str) -> list[str]:
    """The snapshots of the lost epoch, oldest first; the first is the state in which it began."""
    return scene.objects.keys(scene.journal, f"snapshots/epoch={scene.from_epoch}/symbol={symbol}/")


def seq_of(key: str) -> int:
    """The seq that a snapshot's key names."""
    return int(key.rpartition("/")[2].partition(".")[0])


def _symbol_with_several(scene: Scene, label: str) -> tuple[str, list[str]]:
    for symbol in scene.shuffled(f"{label}/symbol"):
        keys = _shelf(scene, symbol)
        if len(keys) > 1:
            return symbol, keys
    raise NothingToHitError(f"s3://{scene.journal}/snapshots/: no symbol has two snapshots of epoch {scene.from_epoch}")


def forge(scene: Scene) -> Account:
    """F07: one figure of the state is another; digest and checksum are made anew, so the file looks whole."""
    symbol, keys = _symbol_with_several(scene, "F07")
    raw = scene.objects.read(scene.journal, keys[-1])
    fields = list(HEADER.unpack_from(raw))
    state = bytearray(raw[HEADER.size : -CHECKSUM_BYTES])
    price, qty = TRADE.unpack_from(state, TRADE_AT)
    TRADE.pack_into(state, TRADE_AT, price, qty + 1)
    fields[DIGEST] = blake3(bytes(state)).digest()
    body = HEADER.pack(*fields) + bytes(state)
    scene.objects.put(scene.journal, keys[-1], body + blake3(body).digest())
    return {"symbol": symbol, "object": keys[-1], "seq": seq_of(keys[-1]), "last_qty_added": 1}


def keep_the_oldest(scene: Scene) -> Account:
    """F08: only the state in which the epoch began is left."""
    symbol, keys = _symbol_with_several(scene, "F08")
    for key in keys[1:]:
        scene.objects.delete(scene.journal, key)
    return {"symbol": symbol, **account_of(keys[1:]), "kept": keys[0]}


def misplace(scene: Scene) -> Account:
    """F09: another symbol's newest snapshot lies where this one's was."""
    symbol, keys = _symbol_with_several(scene, "F09")
    other = next(name for name in scene.shuffled("F09/other") if name != symbol and _shelf(scene, name))
    scene.objects.put(scene.journal, keys[-1], scene.objects.read(scene.journal, _shelf(scene, other)[-1]))
    return {"symbol": symbol, "other": other, "object": keys[-1], "seq": seq_of(keys[-1])}
