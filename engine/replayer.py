"""Two engines that replay behind one interface: the reference engine, and the compiled one for long journals.

Both give the same answers, events and digests for every command; the tests hold the one against the other. The compiled
one needs numba; where that cannot be used everything works on the reference engine, and a recovery's result says which
one it was, and why not the other.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Final, Literal, Protocol

from engine.fill import fill_records
from engine.messages import COMMAND, Command, CommandFlag
from engine.restore import restore
from engine.venue import Venue

__all__ = ["KERNEL", "REFERENCE", "EngineName", "ReferenceReplayer", "Replayer", "fallback", "replayer"]

LOG = logging.getLogger(__name__)

EngineName = Literal["kernel", "reference"]
KERNEL: Final = "kernel"
REFERENCE: Final = "reference"
_CANARY: Final = int(CommandFlag.CANARY)


class Replayer(Protocol):
    """One symbol's state machine, fed with runs of packed commands."""

    def apply(self, commands: bytes | memoryview) -> bytes:
        """Apply the next commands, 48 bytes each; give their fills as packed `engine.fill.FILL` records, in order."""

    def digest(self) -> bytes:
        """The digest of the state, 32 bytes."""

    def venue(self) -> Venue:
        """The state as a venue to trade on with; the replayer must not be used any more."""


class ReferenceReplayer:
    """Replay by the engine that trades."""

    def __init__(self, venue: Venue) -> None:
        """Go on where `venue` stands."""
        self._venue = venue

    def apply(self, commands: bytes | memoryview) -> bytes:
        """Apply the next commands; see `Replayer`."""
        apply = self._venue.apply
        packed: list[bytes] = []
        for seq, fields in enumerate(COMMAND.iter_unpack(commands), self._venue.seq + 1):
            command = Command(*fields)
            fills = apply(seq, command).fills
            if fills:
                packed.append(fill_records(seq, command.flags & _CANARY, fills))
        return b"".join(packed)

    def digest(self) -> bytes:
        """The digest of the state."""
        return self._venue.digest()

    def venue(self) -> Venue:
        """The venue."""
        return self._venue


@cache
def fallback() -> str:
    """Why this process cannot replay with the compiled engine; "" where it can, and then that is ready to run.

    The first call takes a fraction of a second, or some ten where numba has not kept the compiled code: so an engine
    asks while it still waits for its go-ahead.
    """
    try:
        from engine.compiled import compile_kernel  # noqa: PLC0415 - numba may be missing
        from engine.runs import compile_scanner  # noqa: PLC0415 - the same

        compile_kernel()
        compile_scanner()
    except (ImportError, RuntimeError) as error:  # numba is not there, not for this Python, or has nowhere to keep code
        LOG.warning("replay falls back to the reference engine: %s: %s", type(error).__name__, error)
        return f"{type(error).__name__}: {error}"
    return ""


def replayer(start: Venue | bytes, engine: EngineName) -> Replayer:
    """What goes on where `start` stands, a venue or a state's canonical bytes, by the engine of that name.

    Raises:
        StateError: the bytes are no state's.
    """
    if engine == REFERENCE:
        return ReferenceReplayer(restore(start) if isinstance(start, bytes) else start)
    from engine.compiled import CompiledVenue  # noqa: PLC0415 - see `fallback`

    return CompiledVenue.of(start) if isinstance(start, bytes) else CompiledVenue(start)
