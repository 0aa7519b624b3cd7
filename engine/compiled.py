"""A symbol's state in the compiled book (`engine.kernel`): it applies runs of packed commands and hands over a venue.

What is rare (canaries, mass cancels, halts, prices from ten million dollars on) the reference engine applies: the state
goes to a venue, the command is applied there, and the state comes back. So every command has one meaning, and the
compiled book holds only what must be fast.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import kernel
from engine.canonical import ACCOUNT, COUNT, HEADER, MAGIC, TRADE, VERSION, book_bytes
from engine.digest import digest
from engine.fill import fill_records
from engine.handover import hand_over
from engine.image import Image, owners_hold, read_image
from engine.ladder import RestingOrder
from engine.messages import COMMAND, COMMAND_SIZE, Command, CommandFlag, Kind, Side, command_id
from engine.restore import restore
from engine.venue import Venue
from engine.window import ANSWER, ANSWER_FILL, WINDOW, Window

__all__ = ["CompiledVenue", "Room", "compile_kernel"]

assert kernel.WINDOW == WINDOW, "the kernel keeps as many answers as a window"

Ints = npt.NDArray[np.int64]


class Room(NamedTuple):
    """What the arrays begin with, beyond the state that is taken over; all of it grows where it must.

    `linger` is how many commands the reference engine keeps the state for, beside one per resting order, once it has
    it: they cost about as much as the way there and back.
    """

    rows: int = 1024
    pages: int = 8
    directory: int = 1024
    slots: int = 128
    fills: int = 4096
    linger: int = 1024


ROOM: Final = Room()

_WORDS: Final = COMMAND_SIZE // 8
_MEMBERS: Final = 1 << 16
_FILL: Final = np.dtype("<u8, <u2, <u8, <u8, <i8, <u4, u1")
_UNWATCHED: Final = np.zeros((0, 3), np.int64)


class CompiledVenue:
    """One symbol's state machine for long runs; `seq` is the last command applied.

    While `_venue` is set the reference engine holds the state: as long as the symbol is halted, after something rare
    for as many commands as the way there and back is worth, and where a resting price is too high for the kernel.
    """

    def __init__(self, venue: Venue, room: Room = ROOM) -> None:
        """Take over the state of `venue`, which must not be used any more."""
        self.symbol = venue.symbol
        self._seq = venue.seq
        self._venue: Venue | None = venue
        self._room = room
        self._linger = 0
        self._canary_book, self._canary = venue.canary, b""
        self._account = [0, 0, 0]
        self._fills: Ints = np.zeros((room.fills, kernel.FILL_COLUMNS), np.int64)
        self._image = np.empty(0, np.uint8)
        self._ordered: Ints = np.empty(0, np.int64)
        self._state: kernel.State  # as soon as the kernel holds it

    @classmethod
    def of(cls, canonical: bytes, room: Room = ROOM) -> CompiledVenue:
        """The state whose canonical bytes these are.

        Raises:
            StateError: they are no state's.
        """
        image = read_image(canonical)
        state = _state_of_image(canonical, image, room) if image is not None else None
        if image is None or state is None:
            return cls(restore(canonical), room)
        machine = cls(Venue(image.symbol, tick=image.tick, lot=image.lot), room)
        machine._seq, machine._account = image.seq, list(image.account)
        machine._canary_book, machine._canary = image.canary, book_bytes(image.canary)
        machine._state, machine._venue = state, None
        return machine

    @property
    def seq(self) -> int:
        """The last command applied."""
        return self._seq if self._venue is None else self._venue.seq

    def apply(self, commands: bytes | memoryview, outcomes: Ints = _UNWATCHED) -> bytes:
        """Apply packed commands, the first of which has `seq + 1`; give their fills as packed `engine.fill.FILL`.

        Where `outcomes` has a row per command, status, reason and open quantity of each are written there.
        """
        words = np.frombuffer(commands, np.int64).reshape(-1, _WORDS)
        packed: list[bytes] = []
        at = 0
        while at < len(words):
            if self._venue is None or self._adopt(self._venue):
                at = self._run(words, at, outcomes, packed)
            else:
                packed.append(self._apply_reference(self._venue, commands, at, outcomes))
                at += 1
        return b"".join(packed)

    def venue(self) -> Venue:
        """The state as a venue to go on with; this object must not be used any more."""
        return self._venue or self._hand_over()

    def canonical_bytes(self) -> bytes:
        """The whole state, byte for byte that of an equal `Venue`."""
        return self._venue.canonical_bytes() if self._venue is not None else self._canonical().tobytes()

    def digest(self) -> bytes:
        """32 bytes that equal states, and only those, share."""
        return self._venue.digest() if self._venue is not None else digest(self._canonical().data)

    def _canonical(self) -> npt.NDArray[np.uint8]:
        """The kernel's state as canonical bytes (`engine.canonical`), in an array that the next call overwrites."""
        state, slots = self._state, self._slots()
        fills = int(state.scalars[kernel.KEPT]) * kernel.FILL_BYTES  # at most: some are nobody's any more
        answers = len(slots) * (kernel.WINDOW_BYTES + kernel.WINDOW * kernel.ANSWER_BYTES)
        orders = int(state.scalars[kernel.LIVE]) * kernel.ORDER_BYTES
        heads = HEADER.size + TRADE.size + ACCOUNT.size + 3 * COUNT.size + len(self._canary)
        if len(self._image) < heads + orders + answers + fills:
            self._image = np.empty(2 * (heads + orders + answers + fills), np.uint8)
        raw = self._image
        at = self._write(raw, 0, self._head())
        for side in (Side.BUY, Side.SELL):
            end = kernel.write_side(state, int(side), raw, at + COUNT.size)
            self._write(raw, at, COUNT.pack((end - at - COUNT.size) // kernel.ORDER_BYTES))
            at = end
        at = self._write(raw, at, self._canary + COUNT.pack(len(slots)))
        return raw[: kernel.write_windows(state, slots, raw, at)]

    def _head(self) -> bytes:
        scalars = self._state.scalars
        tick, lot = int(scalars[kernel.TICK]), int(scalars[kernel.LOT])
        return b"".join(
            (
                HEADER.pack(MAGIC, VERSION, self.symbol.encode(), self._seq, 0, tick, lot),
                TRADE.pack(int(scalars[kernel.LAST_PRICE]), int(scalars[kernel.LAST_QTY])),
                ACCOUNT.pack(*(total.to_bytes(16, "little") for total in self._account)),
            )
        )

    def _slots(self) -> Ints:
        """Slots of members, ascending by member; one that was never answered is of a member nobody has heard of."""
        if np.count_nonzero(self._state.answered) != len(self._ordered):
            slots = np.flatnonzero(self._state.answered)
            members = (self._state.marks[slots] >> kernel.MEMBER_SHIFT) & (_MEMBERS - 1)
            self._ordered = slots[np.argsort(members)]
        return self._ordered

    @staticmethod
    def _write(raw: npt.NDArray[np.uint8], at: int, piece: bytes) -> int:
        raw[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        return at + len(piece)

    def _run(self, words: Ints, at: int, outcomes: Ints, packed: list[bytes]) -> int:
        """Let the kernel go on at `words[at]`; return where it needs something it cannot do, which is then provided."""
        first_seq = self._seq + 1 - at
        stopped, why, fills = kernel.run(self._state, words, at, first_seq, self._fills, 0, outcomes)
        self._seq = first_seq + stopped - 1
        self._collect()
        if fills:
            packed.append(self._pack(fills))
        if why == kernel.FOREIGN:
            self._release()
        elif why != kernel.DONE:
            self._provide(why, words[stopped], fills)
        return int(stopped)

    def _collect(self) -> None:
        """Move the counts of the last run to totals that cannot overflow."""
        scalars = self._state.scalars
        for n, column in enumerate((kernel.ENTERED, kernel.TRADED, kernel.CANCELLED)):
            self._account[n] += int(scalars[column])
            scalars[column] = 0

    def _pack(self, count: int) -> bytes:
        """The kernel's fills as records."""
        records = np.zeros(count, _FILL)
        for n in range(kernel.FILL_COLUMNS):
            records[f"f{n}"] = self._fills[:count, n]
        return records.tobytes()

    def _provide(self, why: int, command: Ints, fills: int) -> None:
        """Make the room that the kernel asked for."""
        state = self._state
        live = int(state.scalars[kernel.LIVE])
        if why == kernel.NEEDS_ORDERS:
            self._state = _more_orders(state)
        elif why == kernel.NEEDS_PAGES:
            self._state = _more_pages(state)
        elif why == kernel.NEEDS_DIRECTORY:
            self._state = _more_directory(state, int(command[3]) >> kernel.PAGE_BITS)
        elif why == kernel.NEEDS_SLOTS:
            self._state = _more_slots(state)
        elif why == kernel.NEEDS_KEPT:
            self._state = _gathered(state, live)
        elif len(self._fills) < 4 * live or not fills:  # else it was full, and is empty again
            self._fills = np.zeros((8 * (live + 1), kernel.FILL_COLUMNS), np.int64)

    def _apply_reference(self, venue: Venue, commands: bytes | memoryview, at: int, outcomes: Ints) -> bytes:
        """Have the reference engine apply one command."""
        command = Command(*COMMAND.unpack_from(commands, at * COMMAND_SIZE))
        outcome = venue.apply(venue.seq + 1, command)
        if len(outcomes):
            outcomes[at] = outcome.status, outcome.reason, outcome.open_qty
        return fill_records(venue.seq, command.flags & CommandFlag.CANARY, outcome.fills)

    def _release(self) -> None:
        """Give the state to the reference engine, for the next command at least."""
        self._venue = self._hand_over()
        self._linger = 1 + self._room.linger + len(self._venue.book.index)

    def _hand_over(self) -> Venue:
        """The kernel's state as a venue."""
        return hand_over(self._canonical().tobytes(), self._canary_book, len(self._canary))

    def _adopt(self, venue: Venue) -> bool:
        """Take the state from the reference engine, unless it is to stay there for now."""
        if self._linger:
            self._linger -= 1
            return False
        orders = [order for ladder in (venue.book.bids, venue.book.asks) for order in ladder]
        highest = max((order.price for order in orders), default=0)
        if venue.halted or highest >= kernel.MAX_PRICE:
            self._linger = 1 + self._room.linger + len(orders)
            return False
        self._canary_book, self._canary = venue.canary, book_bytes(venue.canary)
        self._account = [venue.book.entered, venue.book.traded, venue.book.cancelled]
        self._seq = venue.seq
        self._ordered = np.empty(0, np.int64)
        self._state = _state_of(venue, orders, highest, self._room)
        self._venue = None
        return True


def _signed(identity: int) -> int:
    """An id's 64 bits as the kernel's integer."""
    return identity - (1 << 64) if identity >> 63 else identity


def compile_kernel() -> None:
    """Have every function of the kernel ready, from numba's cache or compiled anew: ten seconds, else a tenth."""
    machine = CompiledVenue(Venue("WARM"))
    machine.apply(_warm_up())
    CompiledVenue.of(machine.canonical_bytes()).digest()
    machine.venue()


def _warm_up() -> bytes:
    """Commands that need more pages, rows and a wider directory than there are to begin with."""
    sent = (Command(0, command_id(1, n + 1), 0, 1 + n * 512, 1, 0, int(Kind.NEW)) for n in range(2 * ROOM.rows))
    return b"".join(command.pack() for command in sent)


def _empty(rows: int, directory: int, slots: int, kept: int, room: Room) -> kernel.State:
    """Arrays for an empty book, with room as told; rows and directory are powers of two."""
    scalars = np.zeros(kernel.SCALARS, np.int64)
    scalars[kernel.ASK] = kernel.NO_ASK
    state = kernel.State(
        scalars=scalars,
        orders=np.zeros((rows, kernel.ORDER_COLUMNS), np.int64),
        places=np.full((2 * rows, 2), kernel.NO_ROW, np.int64),
        page_of=np.full(directory, kernel.NO_ROW, np.int32),
        free_pages=np.arange(1, room.pages + 1, dtype=np.int32),
        ends=np.full((room.pages * kernel.PAGE_PRICES, 2), kernel.NO_ROW, np.int32),
        bits=np.zeros((room.pages, kernel.PAGE_WORDS), np.uint32),
        upper=np.zeros(_tree_size(directory), np.int64),
        slot_of=np.zeros(_MEMBERS, np.int32),
        marks=np.zeros(slots, np.int64),
        windows=np.zeros((slots, kernel.WINDOW, kernel.ANSWER_BYTES), np.uint8),
        answered=np.zeros(slots, np.int64),
        taken=np.zeros((slots, kernel.WINDOW, 2), np.int64),
        kept=np.zeros((kept, 4), np.int64),
    )
    state.orders[:, kernel.NEXT] = np.arange(1, rows + 1)
    return state


def _state_of(venue: Venue, orders: list[RestingOrder], highest: int, room: Room) -> kernel.State:
    """A venue's market book and windows as arrays."""
    rows = _power_of_two(2 * len(orders) + room.rows)
    kept = sum(len(answer.fills) for window in venue.windows.values() for answer in window)
    directory = _power_of_two(max(room.directory, (highest >> kernel.PAGE_BITS) + 1))
    state = _empty(rows, directory, max(room.slots, 2 * len(venue.windows)), 2 * kept + room.fills, room)
    scalars = state.scalars
    scalars[kernel.LAST_PRICE], scalars[kernel.LAST_QTY] = venue.book.last_price, venue.book.last_qty
    scalars[kernel.TICK], scalars[kernel.LOT] = venue.book.tick, venue.book.lot
    resting = [
        (
            _signed(order.order_id),
            order.side,
            order.price,
            order.open_qty,
            order.customer | order.tif << 16 | order.side << 24,
        )
        for order in orders
    ]
    state = _loaded(state, np.array(resting, np.int64).reshape(-1, 5))
    for member, window in venue.windows.items():
        _take_window(state, member, window)
    return state


def _state_of_image(canonical: bytes, image: Image, room: Room) -> kernel.State | None:
    """The arrays of an image; None where a window is none, or an order nobody's."""
    rows = _power_of_two(2 * len(image.rows) + room.rows)
    directory = _power_of_two(max(room.directory, (int(image.rows[:, 2].max(initial=0)) >> kernel.PAGE_BITS) + 1))
    room_for_fills = (len(canonical) - image.windows_at) // kernel.FILL_BYTES + room.fills
    state = _empty(rows, directory, max(room.slots, 2 * image.windows), room_for_fills, room)
    scalars = state.scalars
    scalars[kernel.LAST_PRICE], scalars[kernel.LAST_QTY] = image.last_trade
    scalars[kernel.TICK], scalars[kernel.LOT] = image.tick, image.lot
    raw = np.frombuffer(canonical, np.uint8)
    end = kernel.read_windows(state, raw, image.windows_at, image.windows, image.seq)
    if end != len(canonical) or not owners_hold(state, image.rows):
        return None
    return _loaded(state, image.rows)


def _loaded(state: kernel.State, rows: Ints) -> kernel.State:
    """The state with orders, which come in price-time priority; there are rows for all, pages are made."""
    loaded = kernel.load(state, rows, 0)
    while loaded < len(rows):
        state = _more_pages(state)
        loaded = kernel.load(state, rows, loaded)
    return state


def _take_window(state: kernel.State, member: int, window: Window) -> None:
    scalars = state.scalars
    slot = int(scalars[kernel.SLOTS])
    scalars[kernel.SLOTS] += 1
    state.slot_of[member] = slot + 1
    state.marks[slot] = _signed(window.mark)
    state.answered[slot] = len(window.answers)
    for age, raw in enumerate(window.answers):
        fills = list(ANSWER_FILL.iter_unpack(raw[ANSWER.size :]))
        start = int(scalars[kernel.KEPT])
        state.windows[slot, age] = np.frombuffer(raw, np.uint8, ANSWER.size)
        state.taken[slot, age] = start, len(fills)
        for fill, (maker, taker, price, qty) in enumerate(fills, start):
            state.kept[fill] = _signed(maker), _signed(taker), price, qty
        scalars[kernel.KEPT] += len(fills)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _tree_size(pages: int) -> int:
    """Words of the tree over so many pages: one bit a page, and at every further depth one bit a word."""
    size = 0
    while pages > 1 or not size:
        pages = (pages + 31) >> 5
        size += pages
    return size


def _grown(old: npt.NDArray[Any], size: int, fill: int = 0) -> npt.NDArray[Any]:
    """A copy of `old` with `size` rows, the new ones filled with one value."""
    new = np.full((size, *old.shape[1:]), fill, old.dtype)
    new[: len(old)] = old
    return new


def _more_orders(state: kernel.State) -> kernel.State:
    """Twice as many order rows, and an index of twice as many places."""
    old, size = len(state.orders), 2 * len(state.orders)
    orders = _grown(state.orders, size)
    orders[old:, kernel.NEXT] = np.arange(old + 1, size + 1)
    orders[size - 1, kernel.NEXT] = state.scalars[kernel.FREE]
    state.scalars[kernel.FREE] = old
    places = np.full((2 * size, 2), kernel.NO_ROW, np.int64)
    kernel.insert_all(places, state.places[state.places[:, 1] >= 0])
    return state._replace(orders=orders, places=places)


def _more_pages(state: kernel.State) -> kernel.State:
    """Twice as many pages."""
    old, size = len(state.bits), 2 * len(state.bits)
    free_pages = np.arange(1, size + 1, dtype=np.int32)
    free_pages[:old] = state.free_pages
    state.scalars[kernel.FREE_PAGE] = old
    return state._replace(
        free_pages=free_pages,
        ends=_grown(state.ends, size * kernel.PAGE_PRICES, kernel.NO_ROW),
        bits=_grown(state.bits, size),
    )


def _more_directory(state: kernel.State, page: int) -> kernel.State:
    """A directory that reaches beyond `page`."""
    page_of = _grown(state.page_of, _power_of_two(page + 1), kernel.NO_ROW)
    upper = np.zeros(_tree_size(len(page_of)), np.int64)
    for used in np.flatnonzero(page_of >= 0).tolist():
        kernel.mark_page(upper, len(page_of), used)
    return state._replace(page_of=page_of, upper=upper)


def _more_slots(state: kernel.State) -> kernel.State:
    """Room for twice as many members."""
    size = 2 * len(state.marks)
    return state._replace(
        marks=_grown(state.marks, size),
        windows=_grown(state.windows, size),
        answered=_grown(state.answered, size),
        taken=_grown(state.taken, size),
    )


def _gathered(state: kernel.State, live: int) -> kernel.State:
    """Forget the fills that no window has any more; where much is left, make room for twice that."""
    used = state.taken[: int(state.scalars[kernel.SLOTS]), :, 1].sum()
    room = np.zeros((max(len(state.kept), 2 * (int(used) + live + 1)), 4), np.int64)
    kernel.gather(state, room)
    return state._replace(kept=room)
