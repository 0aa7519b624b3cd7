"""A mutated build: a replay that is not deterministic. Found by Python at start, where PYTHONPATH names this folder.

Now and then a new order is replayed with another quantity, by lot, whichever engine replays: the same journal no longer
gives the same state. Trading is left alone.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

from engine import replayer

ONE_IN = 200
COMMAND_BYTES, QTY_AT, KIND_AT, NEW = 48, 32, 38, 1
QTY = struct.Struct("<I")


def _by_lot(commands: bytes) -> bytes:
    changed = bytearray(commands)
    for at in range(0, len(changed), COMMAND_BYTES):
        if changed[at + KIND_AT] == NEW and not random.randrange(ONE_IN):  # noqa: S311 - chance is the fault
            QTY.pack_into(changed, at + QTY_AT, QTY.unpack_from(changed, at + QTY_AT)[0] + 1)
    return bytes(changed)


def _undecided(apply: Callable[..., bytes]) -> Callable[..., bytes]:
    def applied(self: Any, commands: bytes, *more: Any) -> bytes:
        return apply(self, _by_lot(commands), *more)

    return applied


replayer.ReferenceReplayer.apply = _undecided(replayer.ReferenceReplayer.apply)  # type: ignore[method-assign]
try:
    from engine.compiled import CompiledVenue
except ImportError:  # no compiled engine on this host: the other one replays
    pass
else:
    CompiledVenue.apply = _undecided(CompiledVenue.apply)  # type: ignore[method-assign]
