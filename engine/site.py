"""What one engine task is: its place, its symbols and their states; what status shows and the gateway asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any

from engine import clock
from engine.listing import Instrument
from engine.messages import Environment
from engine.sequencer import Sequencer, SequencerState

__all__ = ["Site", "SiteState"]


class SiteState(StrEnum):
    """The states of a task and, but for `EMPTY` while another is replayed, of each of its symbols."""

    EMPTY = "empty"
    RECOVERING = "recovering"
    RECOVERED = "recovered"
    OPEN = "open"
    FROZEN = "frozen"
    HALTED = "halted"
    DAMAGED = "damaged"


class Site:
    """One task's part of a site. Symbols have a `progress` until a sequencer speaks for them."""

    def __init__(
        self, *, name: str, environment: Environment, epoch: int, build: str, instruments: Sequence[Instrument]
    ) -> None:
        self.name = name
        self.environment = environment
        self.epoch = epoch
        self.build = build
        self.instruments = tuple(instruments)
        self.state = SiteState.EMPTY
        self.sequencers: dict[int, Sequencer] = {}
        self.closed: frozenset[int] = frozenset()
        self.on_halt: list[Callable[[str], None]] = []
        self._progress: dict[str, dict[str, Any]] = {
            instrument.symbol: {"state": SiteState.EMPTY, "seq": 0} for instrument in instruments
        }

    def is_open(self) -> bool:
        """Whether members may log in and trade: the site is open and not every symbol has halted since."""
        return self.state is SiteState.OPEN and any(
            sequencer.state == SequencerState.OPEN for sequencer in self.sequencers.values()
        )

    def advance(self, state: SiteState) -> None:
        """Enter the next state; a halted site stays halted."""
        if self.state is not SiteState.HALTED:
            self.state = state

    def note(self, symbol: str, state: SiteState, *, seq: int = 0, digest: str | None = None) -> None:
        """Set what status shows of a symbol that no sequencer speaks for."""
        self._progress[symbol] = {"state": state, "seq": seq} | ({"digest": digest} if digest else {})

    def open(self, sequencers: Iterable[Sequencer]) -> None:
        """Let members in; symbols without a sequencer (damaged, or opened by another task before) stay closed."""
        self.sequencers = {sequencer.instrument.number: sequencer for sequencer in sequencers}
        self.closed = frozenset(listed.number for listed in self.instruments) - self.sequencers.keys()
        self.advance(SiteState.OPEN)

    def halt(self, reason: str) -> None:
        """Stop acknowledging, every symbol, for good."""
        if self.state is SiteState.HALTED:
            return
        self.state = SiteState.HALTED
        for sequencer in self.sequencers.values():
            sequencer.halt(reason)
        for listener in self.on_halt:
            listener(reason)

    def describe(self) -> dict[str, Any]:
        """The status line; nanoseconds as a string, as JSON numbers lose them above 2**53."""
        return {
            "site": self.name,
            "environment": self.environment.name,
            "epoch": self.epoch,
            "build": self.build,
            "state": SiteState.HALTED if self.state is SiteState.OPEN and not self.is_open() else self.state,
            "now_ns": str(clock.now_ns()),
            "symbols": {listed.symbol: self._describe(listed) for listed in self.instruments},
        }

    def _describe(self, listed: Instrument) -> dict[str, Any]:
        sequencer = self.sequencers.get(listed.number)
        if sequencer is None:
            return self._progress[listed.symbol]
        state = SiteState.OPEN if sequencer.state == SequencerState.OPEN else SiteState.HALTED
        return {"state": state, "seq": sequencer.committed_seq}
