"""What must be true of every history, whatever the nemesis did; asked of the journal by the oracle's own code.

- No acknowledged command is lost, and every answer and fill that a member was told is what the oracle says of that seq.
- Each digest that an engine wrote into its frames, or recovered to, is the oracle's at that seq.
- No command executes twice: each id stands once in the journal, and all answers to it are the same one.
- Nothing of a fenced epoch is accepted: nobody was told of a seq above the start of the next epoch by the older one.
- What is recovered from genesis at the end is the state in which the last site closed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.lineage import LineageReader, read_lineage
from engine.listing import instrument
from engine.messages import Environment
from oracle.book import NaiveVenue
from oracle.frames import read_frames
from tests.simulation.exchange import SYMBOLS, Failure, History
from tests.simulation.member import refused

__all__ = ["check"]


def check(history: History) -> None:
    """Ask every invariant.

    Raises:
        Failure: one does not hold.
    """
    for symbol in SYMBOLS:
        _Symbol(history, symbol).check()


class _Symbol:
    """The journal of one symbol at the end, and what the oracle makes of it."""

    def __init__(self, history: History, symbol: str) -> None:
        self.history = history
        self.symbol = symbol
        self.number = instrument(symbol).number
        journal, recovered = history.buckets["journal"], history.buckets["recovered"]
        links = read_lineage(recovered, journal, symbol, history.epoch)
        self.starts = {link.epoch: link.start_seq for link in links}
        reader = LineageReader(journal, symbol, links, environment=Environment.LIVE)
        self.commands = [command for frame in reader for command in frame.unpacked()]
        self.account = reader.account
        self.written = [
            (epoch, frame)
            for epoch, record in history.delivery.records
            for frame in read_frames(record)
            if frame.symbol == symbol
        ]
        asked = {seq for _, frame in self.written for seq in frame.checkpoints} | {history.final[symbol][0]}
        asked |= {one.seq for one in history.recoveries if one.symbol == symbol}
        venue = NaiveVenue(symbol)
        self.digests = {0: venue.digest()}
        self.answers: list[Any] = [None]
        for command in self.commands:
            self.answers.append(venue.apply(msgspec.structs.asdict(command)))
            if venue.seq in asked:
                self.digests[venue.seq] = venue.digest()

    def check(self) -> None:
        if self.account.damages:
            self.fail(f"a sound journal was called damaged: {self.account.damages[:2]}")
        self.check_commands()
        self.check_digests()
        self.check_answers()
        self.check_fills()
        self.check_fence()

    def fail(self, why: str) -> None:
        raise Failure(f"seed {self.history.seed}: {self.symbol}: {why}")

    def check_commands(self) -> None:
        identities = [command.command_id for command in self.commands]
        if len(set(identities)) != len(identities):
            self.fail("a command is in the journal twice")

    def check_digests(self) -> None:
        for one in self.history.recoveries:
            if one.symbol == self.symbol and self.digests.get(one.seq, b"").hex() != one.digest:
                self.fail(f"epoch {one.epoch} recovered another state at seq {one.seq}")
        seq, digest = self.history.final[self.symbol]
        if (seq, digest) != (len(self.commands), self.digests.get(seq)):
            self.fail(f"the last site closed at seq {seq} in another state than the journal's at {len(self.commands)}")
        starts = sorted(self.starts.items())
        for epoch, frame in self.written:
            end = next((start for other, start in starts if other > epoch), len(self.commands))
            for seq, written in frame.checkpoints.items():
                if seq <= end and self.digests[seq] != written:
                    self.fail(f"the engine of epoch {epoch} wrote another digest at seq {seq}")

    def check_answers(self) -> None:
        for member in self.history.members:
            first: dict[int, Any] = {}
            for ack in member.acks:
                if ack.number != self.number or refused(ack):
                    continue
                same = (ack.seq, ack.ts_ns, ack.status, ack.reason, ack.open_qty)
                if first.setdefault(ack.command_id, same) != same:
                    self.fail(f"command {ack.command_id} was answered {first[ack.command_id]}, then {same}")
                if ack.seq > len(self.commands) or self.commands[ack.seq - 1].command_id != ack.command_id:
                    self.fail(f"command {ack.command_id} was acknowledged at seq {ack.seq} and is lost")
                answer = self.answers[ack.seq]
                if (answer.status, answer.reason, answer.open_qty) != (ack.status, ack.reason, ack.open_qty):
                    self.fail(f"command {ack.command_id} was answered {ack}, and the oracle says {answer}")

    def check_fills(self) -> None:
        for member in self.history.members:
            for fill in member.fills:
                if fill.number != self.number:
                    continue
                trades = self.answers[fill.seq].trades if fill.seq < len(self.answers) else ()
                known = trades[fill.fill_no] if fill.fill_no < len(trades) else (0, 0, 0, 0)
                if fill.order_id not in known[:2] or known[2:] != (fill.price, fill.qty):
                    self.fail(f"member {member.number} was told of {fill}, and the oracle of {known}")

    def check_fence(self) -> None:
        """The answer to a resend carries an old seq; a new execution has one above the start of the answering epoch."""
        for member in self.history.members:
            for ack in member.acks:
                later = [start for epoch, start in self.starts.items() if epoch > ack.epoch]
                if ack.number == self.number and ack.seq and later and ack.seq > min(later):
                    self.fail(f"epoch {ack.epoch} acknowledged seq {ack.seq} above its fence {min(later)}")
