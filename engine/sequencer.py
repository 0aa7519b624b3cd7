"""One symbol's order of events: stamp, number, apply, append; and nothing leaves before the journal has it.

A command gets its time and its `seq`, is applied to the venue and appended to the open batch together with all that
it caused: acknowledgement, fills, quote, prints. At the next commit the batch becomes a frame, and the frame goes to
the delivery stream. Only when the stream has confirmed it is the batch handed to the outlet.

Fail closed. A put that fails is repeated with the same bytes, because the first one may have arrived all the same and
the reader drops equal duplicates; when it keeps failing beyond a limit, or is denied (the fence), the symbol halts.
A symbol that failed so answers nothing at all, not even REJECTED with HALTED: the rejection of a sequenced command is
an event of the journal like any other, and it is the journal that is missing. The member's order is then of unknown
outcome, until the member sends the same command again to whoever trades on and gets its first answer, or its only one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from engine import clock
from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.digest import digest
from engine.firehose import FirehoseDeniedError, FirehoseError
from engine.listing import Instrument
from engine.messages import (
    CLOCK_MEMBER,
    COMMAND_SIZE,
    EDGE_MEMBER,
    Answer,
    Command,
    CommandFlag,
    Environment,
    Kind,
    Outcome,
    Status,
    command_id,
    member_of,
)
from engine.snapshot import Snapshot
from engine.venue import Venue
from engine.wire import MAKER, TAKER, Ack, Cancelled, Fill, Print, Quote, Trading

__all__ = ["Batch", "JournalSink", "Outlet", "Sequencer", "SequencerState"]

LOG = logging.getLogger(__name__)
MAX_PAYLOAD_BYTES: Final = 900_000
"""A Firehose record holds 1,000 KiB; the header and the last command's checkpoint need room."""
CHECKPOINT_SIZE: Final = 40
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
NS_PER_S: Final = 1_000_000_000

_ACK, _FILL, _PRINT, _QUOTE = Ack.FORMAT.pack, Fill.FORMAT.pack, Print.FORMAT.pack, Quote.FORMAT.pack
_CANCELLED: Final = Cancelled.FORMAT.pack
_TRADING_STATES: Final = {int(Kind.HALT): 1, int(Kind.RESUME): 0}
_DONE: Final = int(Status.DONE)


class SequencerState:
    """The states of one symbol's sequencer, as status shows them."""

    OPEN: Final = "open"
    HALTED: Final = "halted"


class JournalSink(Protocol):
    """Where frames become durable."""

    async def put(self, stream: str, record: bytes) -> None:
        """Return once `record` is durable; raise FirehoseDeniedError or FirehoseError."""
        ...


class State(msgspec.Struct, frozen=True):
    """A venue's state as bytes, and when it was taken (UTC ns)."""

    canonical: bytes
    digest: bytes
    taken_ns: int


class Batch:
    """What was appended since the last commit, and everything that it caused."""

    __slots__ = ("answers", "checkpoints", "commands", "first_seq", "last_seq", "number", "prints", "quote", "state")

    def __init__(self, number: int, first_seq: int) -> None:
        self.number = number
        self.first_seq = first_seq
        self.last_seq = first_seq - 1
        self.commands: list[bytes] = []
        self.checkpoints: list[Checkpoint] = []
        self.answers: list[tuple[int, bytes]] = []
        self.prints: list[bytes] = []
        self.quote = b""
        self.state: State | None = None
        """The venue behind the batch's last command, where a snapshot was asked for."""

    def is_full(self) -> bool:
        """Whether one more command might not fit into a record."""
        return len(self.commands) * COMMAND_SIZE + len(self.checkpoints) * CHECKPOINT_SIZE >= MAX_PAYLOAD_BYTES


class Outlet(Protocol):
    """Where a batch goes that the journal holds."""

    def release(self, batch: Batch) -> None:
        """Let acknowledgements, fills and market data leave."""
        ...


class Sequencer:
    """One symbol. `append` is called by the gateway, `commit` by the group commit; all on one event loop."""

    def __init__(
        self,
        *,
        instrument: Instrument,
        environment: Environment,
        epoch: int,
        stream: str,
        venue: Venue,
        sink: JournalSink,
        outlet: Outlet,
        checkpoint_every: int,
        seq: int = 0,
        previous: bytes = GENESIS,
        halt_after_s: float = 10.0,
        on_fence: Callable[[str], None] | None = None,
        on_snapshot: Callable[[Snapshot], None] | None = None,
    ) -> None:
        """One symbol's sequencer.

        Args:
            instrument: the symbol.
            environment: of its frames.
            epoch: of its frames and answers.
            stream: name of its delivery stream.
            venue: its state, at `seq`.
            sink: where frames become durable.
            outlet: where committed batches go.
            checkpoint_every: commands between two digests in the journal.
            seq: where the journal ends.
            previous: digest of the journal's last frame.
            halt_after_s: how long a put may keep failing.
            on_fence: told when a put is denied: the fence stands for the whole site, quiet symbols included.
            on_snapshot: given each snapshot that was asked for, once its frame is confirmed.
        """
        self.instrument = instrument
        self.state = SequencerState.OPEN
        self.seq = seq
        self.committed_seq = seq
        self.retries = 0
        self._environment = environment
        self._epoch = epoch
        self._stream = stream
        self._venue = venue
        self._sink = sink
        self._outlet = outlet
        self._checkpoint_every = checkpoint_every
        self._previous = previous
        self._halt_after_ns = round(halt_after_s * NS_PER_S)
        self._number = instrument.number
        self._stamped_ns = 0
        self._quoted = venue.quote()
        self._open = Batch(self._number, seq + 1)
        self._waiting: deque[Batch] = deque()
        self._flight: asyncio.Task[None] | None = None
        self._on_fence = on_fence
        self._on_snapshot = on_snapshot
        self._snapshot_asked = False
        self._frozen = False

    def append(self, command: Command) -> None:
        """Stamp, number, apply and append one command; its `ts_ns` is replaced. A halted symbol drops it.

        A resend whose answer is still known is answered again and changes nothing, so it gets no seq and is no part
        of the journal; its answer waits in the open batch like all others, behind the frame of the first one.
        """
        if self.state != SequencerState.OPEN or self._frozen:
            return
        known = self._venue.recall(command.command_id)
        if known is not None:
            self._answer_again(self._open, known)
            return
        ts_ns = self._stamp()
        stamped = Command(
            ts_ns,
            command.command_id,
            command.target_id,
            command.price,
            command.qty,
            command.customer,
            command.kind,
            command.side,
            command.type,
            command.tif,
            command.flags,
        )
        seq = self.seq + 1
        try:
            outcome = self._venue.apply(seq, stamped)
        except Exception:
            LOG.exception("%s: seq %d could not be applied", self.instrument.symbol, seq)
            self.halt("the state is broken")
            return
        self.seq = seq
        batch = self._open
        batch.commands.append(stamped.pack())
        batch.last_seq = seq
        if seq % self._checkpoint_every == 0:
            batch.checkpoints.append(Checkpoint(seq, self._venue.digest()))
        self._answer(batch, stamped, outcome)
        if batch.is_full():
            self._cut()

    def cancel_for(self, member: int) -> None:
        """Cancel what `member` has resting, because its session ended; nothing is journalled where nothing rests."""
        if self._venue.rests(member):
            identity = self._venue.mark(EDGE_MEMBER) + 1
            self.append(Command(0, identity, command_id(member, 0), 0, 0, 0, int(Kind.MASS_CANCEL)))

    def end_day(self, close_s: int) -> None:
        """End the day that closed at `close_s` (seconds since 1970), unless that was done; DAY orders go."""
        identity = command_id(CLOCK_MEMBER, close_s)
        if identity > self._venue.mark(CLOCK_MEMBER):
            self.append(Command(0, identity, 0, 0, 0, 0, int(Kind.DAY_END)))

    def make_up_close(self, close_s: int) -> None:
        """End the day at the opening where its close, the newest one, fell into a stop.

        A symbol that has never seen a close opened after it: what rests there is of the day that goes on.
        """
        if self._venue.mark(CLOCK_MEMBER) > command_id(CLOCK_MEMBER, 0):
            self.end_day(close_s)

    def commit(self) -> asyncio.Task[None] | None:
        """Send the oldest batch, unless a frame is in flight already; the task ends when its fate is known."""
        if self._flight is not None and not self._flight.done():
            return self._flight
        if (self._open.commands or self._open.answers) and not self._waiting:
            self._cut()
        if self.state != SequencerState.OPEN or not self._waiting:
            return None
        self._flight = asyncio.create_task(self._fly(self._waiting.popleft()))
        return self._flight

    def mark(self) -> Checkpoint:
        """Cut the journal at this command boundary: a frame ends here, with checkpoint and snapshot of the state.

        The frame starts at once, so that commands after the boundary do not wait for a tick more than any other.
        A symbol without a command since the last cut has its boundary there; it leaves no frame.
        """
        here = Checkpoint(self.seq, self._venue.digest())
        if self._open.commands:
            if here not in self._open.checkpoints:
                self._open.checkpoints.append(here)
            self.ask_snapshot()
            self._cut()
            self.commit()
        return here

    def ask_snapshot(self) -> None:
        """Take a snapshot with the next frame: a quiet symbol's last one is as good as a new one."""
        self._snapshot_asked = True

    @property
    def last_frame(self) -> bytes:
        """Digest of the last frame that the journal has confirmed."""
        return self._previous

    def freeze(self) -> Checkpoint | None:
        """Take no more commands; gives the state at which it stops, None where the symbol has halted before.

        What was taken goes on to the journal, and its answers to the members.
        """
        if self.state != SequencerState.OPEN:
            return None
        self._frozen = True
        return self.mark()

    def thaw(self) -> None:
        """Take commands again, from the seq at which it was frozen."""
        self._frozen = False

    async def drain(self) -> None:
        """Commit until nothing is left; a symbol that halts has nothing left."""
        while (flight := self.commit()) is not None:
            await asyncio.wait([flight])

    def quote(self) -> bytes:
        """The quote message of the state in which the sequencer opens; later ones come with the batches."""
        return self._quote(self.seq)

    def halt(self, reason: str) -> None:
        """Stop for good: nothing is appended, committed or released any more."""
        if self.state != SequencerState.HALTED:
            self.state = SequencerState.HALTED
            self._waiting.clear()
            lost = self.seq - self.committed_seq
            LOG.error("%s halted at seq %d, %d unacknowledged: %s", self.instrument.symbol, self.seq, lost, reason)

    def _stamp(self) -> int:
        """Receipt time, ns; never earlier than the command before, even if the wall clock was set back."""
        self._stamped_ns = max(self._stamped_ns, clock.now_ns())
        return self._stamped_ns

    def _answer(self, batch: Batch, command: Command, outcome: Outcome) -> None:
        number, epoch, seq = self._number, self._epoch, self.seq
        identity = command.command_id
        add = batch.answers.append
        ack = (identity, command.ts_ns, outcome.status, outcome.reason, outcome.open_qty)
        add((member_of(identity), _ACK(Ack.TYPE, number, epoch, seq, *ack)))
        canary = command.flags & CommandFlag.CANARY
        for fill_no, (maker, taker, price, qty) in enumerate(outcome.fills):
            add((member_of(maker), _FILL(Fill.TYPE, number, epoch, seq, fill_no, maker, price, qty, MAKER)))
            add((member_of(taker), _FILL(Fill.TYPE, number, epoch, seq, fill_no, taker, price, qty, TAKER)))
            batch.prints.append(_PRINT(Print.TYPE, number, epoch, seq, price, qty, canary))

        for order_id, qty in outcome.cancels:
            add((member_of(order_id), _CANCELLED(Cancelled.TYPE, number, epoch, seq, order_id, qty, outcome.reason)))
        if outcome.status == _DONE and command.kind in _TRADING_STATES:
            batch.prints.append(Trading(number, epoch, seq, _TRADING_STATES[command.kind]).pack())

    def _answer_again(self, batch: Batch, known: Answer) -> None:
        """The first answer, and the sender's side of each fill that its command caused."""
        number, epoch, member = self._number, self._epoch, member_of(known.command_id)
        ack = (known.command_id, known.ts_ns, known.status, known.reason, known.open_qty)
        batch.answers.append((member, _ACK(Ack.TYPE, number, epoch, known.seq, *ack)))
        for fill_no, (maker, taker, price, qty) in enumerate(known.fills):
            for order_id, liquidity in ((maker, MAKER), (taker, TAKER)):
                if member_of(order_id) == member:
                    fill = _FILL(Fill.TYPE, number, epoch, known.seq, fill_no, order_id, price, qty, liquidity)
                    batch.answers.append((member, fill))

    def _quote(self, seq: int) -> bytes:
        return _QUOTE(Quote.TYPE, self._number, self._epoch, seq, *self._quoted)

    def _cut(self) -> None:
        """Close the open batch; its quote, the conflation of all quotes since the last one, is of its last seq."""
        batch = self._open
        if self._snapshot_asked and batch.commands and self._on_snapshot is not None:
            self._snapshot_asked = False
            batch.state = self._checkpoint(batch)
        top = self._venue.quote()
        if top != self._quoted:
            self._quoted = top
            batch.quote = self._quote(batch.last_seq)
        self._waiting.append(batch)
        self._open = Batch(self._number, batch.last_seq + 1)

    def _checkpoint(self, batch: Batch) -> State:
        """The state behind the batch's last command; its digest goes into the frame, which vouches for the snapshot."""
        taken_ns = clock.now_ns()
        canonical = self._venue.canonical_bytes()
        state = State(canonical, digest(canonical), taken_ns)
        if not batch.checkpoints or batch.checkpoints[-1].seq != batch.last_seq:
            batch.checkpoints.append(Checkpoint(batch.last_seq, state.digest))
        return state

    async def _fly(self, batch: Batch) -> None:
        if not batch.commands:
            self._outlet.release(batch)
            return
        frame, frame_digest = encode_frame(
            batch.commands,
            environment=self._environment,
            epoch=self._epoch,
            symbol=self.instrument.symbol,
            first_seq=batch.first_seq,
            previous=self._previous,
            checkpoints=batch.checkpoints,
        )
        try:
            await self._put(frame)
        except FirehoseError as error:
            self.halt(str(error))
            if self._on_fence is not None and isinstance(error, FirehoseDeniedError):
                self._on_fence(str(error))
            return
        if self.state != SequencerState.OPEN:
            return
        self._previous = frame_digest
        self.committed_seq = batch.last_seq
        self._outlet.release(batch)
        if batch.state is not None:
            self._give_snapshot(batch.last_seq, batch.state)

    def _give_snapshot(self, seq: int, state: State) -> None:
        assert self._on_snapshot is not None, "a state is taken only for somebody"
        self._on_snapshot(
            Snapshot(
                symbol=self.instrument.symbol,
                environment=self._environment,
                epoch=self._epoch,
                seq=seq,
                taken_ns=state.taken_ns,
                digest=state.digest,
                last_frame=self._previous,
                canonical=state.canonical,
            )
        )

    async def _put(self, frame: bytes) -> None:
        """Put until confirmed, with the same bytes.

        Raises:
            FirehoseDeniedError: at once.
            FirehoseError: the last one, when the limit has passed.
        """
        give_up_ns = clock.lease_ns() + self._halt_after_ns
        pause_s = FIRST_PAUSE_S
        while self.state == SequencerState.OPEN:
            try:
                await self._sink.put(self._stream, frame)
            except FirehoseDeniedError:
                raise
            except FirehoseError as error:
                self.retries += 1
                if clock.lease_ns() + round(pause_s * NS_PER_S) >= give_up_ns:
                    raise
                LOG.warning("%s: put again in %.2f s: %s", self.instrument.symbol, pause_s, error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                return
