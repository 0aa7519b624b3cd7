"""The compiled book: the reference engine's matching on integer arrays, for long replays.

One un-annotated source, compiled by numba. Nothing here allocates, so whatever needs room ends the run and says so
(`NEEDS_...`); the caller makes room and goes on at the same command. What is rare ends the run as `FOREIGN`: the caller
has the reference engine apply it. The arrays:

**Orders** `orders[row]`: id, open quantity, price, next row, row before, customer | tif << 16 | side << 24. Rows that
hold nothing are linked through NEXT.
**Places** `places[place]`: id, row: where an order is found by its id. Open addressing; a free place has row -1, and
at most half of the places are taken.
**Levels**: prices lie on pages of 1,024; `page_of[price >> 10]` is a page's number or -1. `ends[page << 10 | place]` is
the first and last row of the queue at a price, -1 where nobody waits. A page whose last order is gone is given back.
**Occupancy**: 32-bit words. `bits[page]` has 32 words of a bit per level, and a 33rd that summarises them; over the
pages stands a tree in `upper`, each depth a bit per word of the depth below. So the next occupied price is at most ten
words away, however wide and sparse the book is.
**Windows**: `slot_of[member]` is a member's slot from 1 on, 0 for one never heard of. `windows[slot, age]` are the last
`WINDOW` answers of a member as canonical bytes (`engine.canonical`), a ring; `answered[slot]` counts all. `taken[slot,
age]` are start and count of an answer's fills in `kept`.

Ids are 64-bit patterns: those of members above 32,767 are negative here. Two ids of one member compare as they should.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

# Arrays are the caller's and outlive every call: nothing here counts references (_nrt), which alone doubles the speed.
# What only the kernel calls is inlined: a call would pass all arrays of the state by value.
jit = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
part = njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)

NO_ROW: Final = -1
NO_ASK: Final = 1 << 62
"""The best ask of a book without asks: above every price."""

PAGE_BITS: Final = 10
PAGE_PRICES: Final = 1 << PAGE_BITS
PAGE_WORDS: Final = 33
MAX_PAGES: Final = 1 << 20
MAX_PRICE: Final = MAX_PAGES << PAGE_BITS
"""Prices from here on, ten million dollars, are the reference engine's business."""

WINDOW: Final = 32
"""`engine.window.WINDOW`, said again: what numba keeps of this file knows no change of another one."""

AGES: Final = WINDOW - 1
assert WINDOW & AGES == 0, "a ring is a power of two"
ANSWER_BYTES: Final = 34
ORDER_BYTES: Final = 23
FILL_BYTES: Final = 28
WINDOW_BYTES: Final = 4
LAST_TRADER: Final = 65_000
MEMBER_SHIFT: Final = 48


class State(NamedTuple):
    """The arrays of one symbol, as the module describes them; the caller replaces those that are too small."""

    scalars: npt.NDArray[np.int64]
    orders: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    page_of: npt.NDArray[np.int32]
    free_pages: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint32]
    upper: npt.NDArray[np.int64]
    slot_of: npt.NDArray[np.int32]
    marks: npt.NDArray[np.int64]
    windows: npt.NDArray[np.uint8]
    answered: npt.NDArray[np.int64]
    taken: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]


# Columns of an order.
ID, OPEN, PRICE, NEXT, BEFORE, TAGS = 0, 1, 2, 3, 4, 5
ORDER_COLUMNS: Final = 6

# What lives through a run beside the arrays; ENTERED, TRADED and CANCELLED count since the caller last took them.
BID, ASK, FREE, LIVE, LAST_PRICE, LAST_QTY, FREE_PAGE, PAGES, SLOTS, KEPT, ENTERED, TRADED, CANCELLED, TICK, LOT = (
    range(15)
)
SCALARS: Final = 15

# Why a run ended.
DONE, FOREIGN, NEEDS_ORDERS, NEEDS_PAGES, NEEDS_DIRECTORY, NEEDS_FILLS, NEEDS_SLOTS, NEEDS_KEPT = range(8)

# Columns of a fill on its way out.
FILL_SEQ, FILL_NUMBER, FILL_MAKER, FILL_TAKER, FILL_PRICE, FILL_QTY = 0, 1, 2, 3, 4, 5
FILL_COLUMNS: Final = 6

# The vocabulary of engine.messages.
NEW, CANCEL, REPLACE, REDUCE = 1, 2, 3, 4
MARKET = 1
IOC, FOK = 2, 3
CANARY, POST_ONLY = 1, 2
IS_OPEN, IS_FILLED, IS_CANCELLED, IS_REJECTED, IS_DONE = 1, 2, 3, 4, 5
NO_REASON, UNKNOWN_ORDER, DUPLICATE_ORDER, BAD_QUANTITY, BAD_PRICE, WOULD_TRADE = 0, 1, 2, 3, 4, 5
TOO_OLD, OFF_TICK, ODD_LOT = 7, 8, 9
REASONS: Final = 20
KNOWN_REASONS: Final = 0b1111_0000_1111_1111_1111
"""A bit for each reason of engine.messages."""

_LOWEST: Final = np.zeros(32, dtype=np.int64)
_HIGHEST: Final = np.zeros(32, dtype=np.int64)
for _bit in range(32):
    _LOWEST[(((1 << _bit) * 0x077CB531) & 0xFFFFFFFF) >> 27] = _bit
    _HIGHEST[((((2 << _bit) - 1) * 0x07C4ACDD) & 0xFFFFFFFF) >> 27] = _bit


@part
def lowest(word):
    """The position of a word's lowest bit (de Bruijn's sequence); the word is not 0."""
    return _LOWEST[(((word & -word) * 0x077CB531) & 0xFFFFFFFF) >> 27]


@part
def highest(word):
    """The position of a word's highest bit; the word is not 0."""
    word |= word >> 1
    word |= word >> 2
    word |= word >> 4
    word |= word >> 8
    word |= word >> 16
    return _HIGHEST[((word * 0x07C4ACDD) & 0xFFFFFFFF) >> 27]


@part
def home(identity, mask):
    """Where an id's search begins: the high bits of a product spread ids that differ in their low bits only."""
    return (identity * -7046029254386353131 >> 29) & mask


@part
def find(places, identity):
    """The place of an id, or -1."""
    mask = places.shape[0] - 1
    place = home(identity, mask)
    while places[place, 1] >= 0:
        if places[place, 0] == identity:
            return place
        place = (place + 1) & mask
    return -1


@part
def insert(places, identity, row):
    """Note the row of an id that is not there yet."""
    mask = places.shape[0] - 1
    place = home(identity, mask)
    while places[place, 1] >= 0:
        place = (place + 1) & mask
    places[place, 0] = identity
    places[place, 1] = row


@jit
def insert_all(places, entries):
    """Note many ids and their rows."""
    for n in range(entries.shape[0]):
        insert(places, entries[n, 0], entries[n, 1])


@part
def erase(places, place):
    """Free a place, and move back whatever could otherwise not be found any more."""
    mask = places.shape[0] - 1
    hole = place
    while True:
        place = (place + 1) & mask
        if places[place, 1] < 0:
            break
        if ((place - home(places[place, 0], mask)) & mask) >= ((place - hole) & mask):
            places[hole, 0] = places[place, 0]
            places[hole, 1] = places[place, 1]
            hole = place
    places[hole, 1] = NO_ROW


@part
def offset_of(depth, pages):
    """Where a depth of the tree over `pages` pages begins in `upper`."""
    start = 0
    for _ in range(depth):
        pages = (pages + 31) >> 5
        start += pages
    return start


@jit
def mark_page(upper, pages, page):
    """Note in the tree that a page has orders."""
    start = 0
    while True:
        word = page >> 5
        before = upper[start + word]
        upper[start + word] = before | (1 << (page & 31))
        pages = (pages + 31) >> 5
        if before or pages == 1:
            return
        start += pages
        page = word


@part
def clear_page(upper, pages, page):
    """Note in the tree that a page has none."""
    start = 0
    while True:
        word = page >> 5
        left = upper[start + word] & ~(1 << (page & 31))
        upper[start + word] = left
        pages = (pages + 31) >> 5
        if left or pages == 1:
            return
        start += pages
        page = word


@part
def page_above(upper, pages, page):
    """The first page with orders at or above `page`, or -1."""
    depth = 0
    start = 0
    size = pages
    while True:
        size = (size + 31) >> 5
        word = page >> 5
        if word >= size:
            return -1
        ahead = upper[start + word] >> (page & 31)
        if ahead:
            page += lowest(ahead)
            break
        if size == 1:
            return -1
        start += size
        page = word + 1
        depth += 1
    while depth > 0:
        depth -= 1
        page = (page << 5) + lowest(upper[offset_of(depth, pages) + page])
    return page


@part
def page_below(upper, pages, page):
    """The last page with orders at or below `page`, or -1."""
    depth = 0
    start = 0
    size = pages
    while True:
        size = (size + 31) >> 5
        if page < 0:
            return -1
        word = page >> 5
        behind = upper[start + word] & ((2 << (page & 31)) - 1)
        if behind:
            page = (word << 5) + highest(behind)
            break
        if size == 1:
            return -1
        start += size
        page = word - 1
        depth += 1
    while depth > 0:
        depth -= 1
        page = (page << 5) + highest(upper[offset_of(depth, pages) + page])
    return page


@part
def above(state, price):
    """The first occupied price at or above `price`, or NO_ASK."""
    page = price >> PAGE_BITS
    if page >= state.page_of.shape[0]:
        return NO_ASK
    number = state.page_of[page]
    if number >= 0:
        word = (price >> 5) & 31
        ahead = np.int64(state.bits[number, word]) >> (price & 31)
        if ahead:
            return price + lowest(ahead)
        words = (np.int64(state.bits[number, 32]) >> word) >> 1
        if words:
            word += 1 + lowest(words)
            return (page << PAGE_BITS) + (word << 5) + lowest(np.int64(state.bits[number, word]))
    page = page_above(state.upper, state.page_of.shape[0], page + 1)
    if page < 0:
        return NO_ASK
    number = state.page_of[page]
    word = lowest(np.int64(state.bits[number, 32]))
    return (page << PAGE_BITS) + (word << 5) + lowest(np.int64(state.bits[number, word]))


@part
def below(state, price):
    """The last occupied price at or below `price`, or 0."""
    page = price >> PAGE_BITS
    number = state.page_of[page]
    if number >= 0:
        word = (price >> 5) & 31
        behind = np.int64(state.bits[number, word]) & ((2 << (price & 31)) - 1)
        if behind:
            return (price >> 5 << 5) + highest(behind)
        words = np.int64(state.bits[number, 32]) & ((1 << word) - 1)
        if words:
            word = highest(words)
            return (page << PAGE_BITS) + (word << 5) + highest(np.int64(state.bits[number, word]))
    page = page_below(state.upper, state.page_of.shape[0], page - 1)
    if page < 0:
        return 0
    number = state.page_of[page]
    word = highest(np.int64(state.bits[number, 32]))
    return (page << PAGE_BITS) + (word << 5) + highest(np.int64(state.bits[number, word]))


@part
def level_of(state, price):
    """Where a price's queue stands in `ends`; negative while its page is not in use."""
    return (np.int64(state.page_of[price >> PAGE_BITS]) << PAGE_BITS) | (price & (PAGE_PRICES - 1))


@part
def open_level(state, price):
    """Note that a price is occupied; its page is taken into use where it was not. There is a free page."""
    page = price >> PAGE_BITS
    number = np.int64(state.page_of[page])
    if number < 0:
        number = state.scalars[FREE_PAGE]
        state.scalars[FREE_PAGE] = state.free_pages[number]
        state.scalars[PAGES] += 1
        state.page_of[page] = number
        mark_page(state.upper, state.page_of.shape[0], page)
    word = (price >> 5) & 31
    state.bits[number, word] = np.int64(state.bits[number, word]) | (1 << (price & 31))
    state.bits[number, 32] = np.int64(state.bits[number, 32]) | (1 << word)


@part
def close_level(state, price):
    """Note that nobody waits at a price any more; its page is given back when it was the last one there."""
    page = price >> PAGE_BITS
    number = np.int64(state.page_of[page])
    word = (price >> 5) & 31
    left = np.int64(state.bits[number, word]) & ~(1 << (price & 31))
    state.bits[number, word] = left
    if left:
        return
    words = np.int64(state.bits[number, 32]) & ~(1 << word)
    state.bits[number, 32] = words
    if words:
        return
    state.page_of[page] = NO_ROW
    state.free_pages[number] = state.scalars[FREE_PAGE]
    state.scalars[FREE_PAGE] = number
    state.scalars[PAGES] -= 1
    clear_page(state.upper, state.page_of.shape[0], page)


@part
def leave(state, row):
    """Take an order out of its queue and give its row back; the best prices are found again where it was the best."""
    price = state.orders[row, PRICE]
    before = state.orders[row, BEFORE]
    after = state.orders[row, NEXT]
    level = level_of(state, price)
    if before >= 0:
        state.orders[before, NEXT] = after
    else:
        state.ends[level, 0] = after
    if after >= 0:
        state.orders[after, BEFORE] = before
    else:
        state.ends[level, 1] = before
    state.orders[row, NEXT] = state.scalars[FREE]
    state.scalars[FREE] = row
    state.scalars[LIVE] -= 1
    if before < 0 and after < 0:
        close_level(state, price)
        if price == state.scalars[BID]:
            state.scalars[BID] = below(state, price)
        elif price == state.scalars[ASK]:
            state.scalars[ASK] = above(state, price)


@part
def rest(state, identity, side, price, qty, tags):
    """Put an order at the end of its price's queue."""
    row = state.scalars[FREE]
    state.scalars[FREE] = state.orders[row, NEXT]
    state.scalars[LIVE] += 1
    level = level_of(state, price)
    last = np.int64(state.ends[level, 1]) if level >= 0 else NO_ROW
    if last < 0:
        open_level(state, price)
        level = level_of(state, price)
        state.ends[level, 0] = row
        if side == 0:
            state.scalars[BID] = max(state.scalars[BID], price)
        else:
            state.scalars[ASK] = min(state.scalars[ASK], price)
    else:
        state.orders[last, NEXT] = row
    state.ends[level, 1] = row
    state.orders[row, ID] = identity
    state.orders[row, OPEN] = qty
    state.orders[row, PRICE] = price
    state.orders[row, NEXT] = NO_ROW
    state.orders[row, BEFORE] = last
    state.orders[row, TAGS] = tags
    insert(state.places, identity, row)


@part
def can_fill(state, side, limit, qty):
    """Whether the other side holds `qty` as far as `limit`."""
    price = state.scalars[ASK] if side == 0 else state.scalars[BID]
    while (price <= limit and price < NO_ASK) if side == 0 else (price >= limit and price > 0):
        row = np.int64(state.ends[level_of(state, price), 0])
        while row >= 0:
            qty -= state.orders[row, OPEN]
            if qty <= 0:
                return True
            row = state.orders[row, NEXT]
        price = above(state, price + 1) if side == 0 else below(state, price - 1)
    return False


@part
def trade(state, fills, count, seq, identity, side, limit, qty):
    """Trade as far as `limit`, best price first, who waited longest first; return the number of fills in `fills`."""
    number = 0
    while qty > 0:
        price = state.scalars[ASK] if side == 0 else state.scalars[BID]
        if (price > limit or price == NO_ASK) if side == 0 else (price < limit or price == 0):
            break
        row = np.int64(state.ends[level_of(state, price), 0])
        done = min(qty, state.orders[row, OPEN])
        fills[count, FILL_SEQ] = seq
        fills[count, FILL_NUMBER] = number
        fills[count, FILL_MAKER] = state.orders[row, ID]
        fills[count, FILL_TAKER] = identity
        fills[count, FILL_PRICE] = price
        fills[count, FILL_QTY] = done
        count += 1
        number += 1
        qty -= done
        if done == state.orders[row, OPEN]:
            erase(state.places, find(state.places, state.orders[row, ID]))
            leave(state, row)
        else:
            state.orders[row, OPEN] -= done
    return count


@part
def put(raw, at, value, width):
    """Write an integer as little-endian bytes.

    An unsigned place cannot count from the end, so nobody has to ask: only then LLVM makes one store of all this.
    """
    place = np.uint64(at)
    for byte in range(width):
        raw[place + np.uint64(byte)] = value & 255
        value >>= 8


@part
def answer(state, slot, identity, seq, ts_ns, status, reason, left, fills, first, count):
    """Note what a member was answered; its oldest answer makes room. `kept` has room for the fills."""
    age = state.answered[slot] & AGES
    state.answered[slot] += 1
    raw = state.windows[slot, age]
    put(raw, 0, identity, 8)
    put(raw, 8, seq, 8)
    put(raw, 16, ts_ns, 8)
    raw[24] = status
    raw[25] = reason
    put(raw, 26, left, 4)
    put(raw, 30, count - first, 4)
    start = state.scalars[KEPT]
    state.taken[slot, age, 0] = start
    state.taken[slot, age, 1] = count - first
    for fill in range(first, count):
        for column in range(4):
            state.kept[start, column] = fills[fill, FILL_MAKER + column]
        start += 1
    state.scalars[KEPT] = start


@part
def lacks(state, fills, fill_count):
    """What is missing for the worst that one command can do: trade with everyone, and rest. DONE if nothing is."""
    live = state.scalars[LIVE]
    if live + 1 >= state.orders.shape[0]:
        return NEEDS_ORDERS
    if fill_count + live > fills.shape[0]:
        return NEEDS_FILLS
    if state.scalars[KEPT] + live > state.kept.shape[0]:
        return NEEDS_KEPT
    if state.scalars[PAGES] == state.bits.shape[0]:
        return NEEDS_PAGES
    return DONE


@part
def crosses(state, side, limit):
    """Whether an order of that side and limit would trade at once."""
    return state.scalars[ASK] <= limit if side == 0 else state.scalars[BID] >= limit


@part
def enter(state, fills, count, seq, identity, side, limit, qty, rests, tags):
    """Trade what can trade, rest what may rest, cancel what is left; return status, open quantity, number of fills."""
    state.scalars[ENTERED] += qty
    if crosses(state, side, limit):
        if (tags >> 16) & 0xFF == FOK and not can_fill(state, side, limit, qty):
            state.scalars[CANCELLED] += qty
            return IS_CANCELLED, 0, count
        begins = count
        count = trade(state, fills, count, seq, identity, side, limit, qty)
        for fill in range(begins, count):
            qty -= fills[fill, FILL_QTY]
            state.scalars[TRADED] += fills[fill, FILL_QTY]
        state.scalars[LAST_PRICE] = fills[count - 1, FILL_PRICE]
        state.scalars[LAST_QTY] = fills[count - 1, FILL_QTY]
        if qty == 0:
            return IS_FILLED, 0, count
    if rests:
        rest(state, identity, side, limit, qty, tags)
        return IS_OPEN, qty, count
    state.scalars[CANCELLED] += qty
    return IS_CANCELLED, 0, count


@part
def flaw(state, price, qty):
    """Why a quantity and a price that binds are refused, in the reference engine's order; NO_REASON if they are not."""
    if qty % state.scalars[LOT]:
        return ODD_LOT
    if price % state.scalars[TICK]:
        return OFF_TICK
    return NO_REASON


@part
def take_new(state, words, n, fills, count, seq):
    """Apply a NEW; return status, reason, open quantity, number of fills."""
    price = words[n, 3]
    qty = words[n, 4] & 0xFFFFFFFF
    side = (words[n, 4] >> 56) & 0xFF
    tif = (words[n, 5] >> 8) & 0xFF
    if qty == 0:
        return IS_REJECTED, BAD_QUANTITY, 0, count
    if words[n, 5] & 0xFF == MARKET:
        limit = NO_ASK - 1 if side == 0 else 1
        reason = flaw(state, 0, qty)
        rests = False
    else:
        limit = price
        reason = flaw(state, price, qty)
        if price <= 0 and reason != ODD_LOT:
            reason = BAD_PRICE
        rests = tif < IOC
    if reason != NO_REASON:
        return IS_REJECTED, reason, 0, count
    if (words[n, 5] >> 16) & 0xFF >= POST_ONLY and crosses(state, side, limit):
        return IS_REJECTED, WOULD_TRADE, 0, count
    tags = (words[n, 4] >> 32) & 0xFFFF | tif << 16 | side << 24
    status, left, count = enter(state, fills, count, seq, words[n, 1], side, limit, qty, rests, tags)
    return status, NO_REASON, left, count


@part
def withdraw(state, place):
    """Take an order out of the book; what was open counts as cancelled."""
    row = state.places[place, 1]
    state.scalars[CANCELLED] += state.orders[row, OPEN]
    erase(state.places, place)
    leave(state, row)


@part
def reduce(state, place, qty):
    """Apply a REDUCE to a resting order; return status, reason, open quantity."""
    if qty == 0:
        return IS_REJECTED, BAD_QUANTITY, 0
    if qty % state.scalars[LOT]:
        return IS_REJECTED, ODD_LOT, 0
    row = state.places[place, 1]
    if qty >= state.orders[row, OPEN]:
        withdraw(state, place)
        return IS_CANCELLED, NO_REASON, 0
    state.orders[row, OPEN] -= qty
    state.scalars[CANCELLED] += qty
    return IS_OPEN, NO_REASON, state.orders[row, OPEN]


@part
def replace(state, fills, count, seq, place, price, qty, posts):
    """Apply a REPLACE to a resting order; return status, reason, open quantity, number of fills."""
    reason = BAD_QUANTITY if qty == 0 else BAD_PRICE if price < 0 else flaw(state, price, qty)
    if reason != NO_REASON:
        return IS_REJECTED, reason, 0, count
    row = state.places[place, 1]
    identity = state.places[place, 0]
    tags = state.orders[row, TAGS]
    side = tags >> 24
    if price == 0:
        price = state.orders[row, PRICE]
    if price == state.orders[row, PRICE] and qty <= state.orders[row, OPEN]:
        state.scalars[CANCELLED] += state.orders[row, OPEN] - qty
        state.orders[row, OPEN] = qty
        return IS_OPEN, NO_REASON, qty, count
    if posts and crosses(state, side, price):
        return IS_REJECTED, WOULD_TRADE, 0, count
    withdraw(state, place)
    status, left, count = enter(state, fills, count, seq, identity, side, price, qty, True, tags)
    return status, NO_REASON, left, count


@part
def slot_for(state, member):
    """The member's slot, a new one where it has none; -1 if none is left."""
    slot = np.int64(state.slot_of[member]) - 1
    if slot < 0 and state.scalars[SLOTS] < state.windows.shape[0]:
        slot = state.scalars[SLOTS]
        state.scalars[SLOTS] += 1
        state.slot_of[member] = slot + 1
        state.marks[slot] = member << 48
    return slot


@part
def obstacle(state, words, n, fills, count):
    """Why the command `words[n]` cannot be applied here and now; DONE where it can."""
    price = words[n, 3]
    kind = (words[n, 4] >> 48) & 0xFF
    if kind > REDUCE or (words[n, 1] >> 48) & 0xFFFF > LAST_TRADER or (words[n, 5] >> 16) & CANARY:
        return FOREIGN
    if price >= state.page_of.shape[0] << PAGE_BITS and kind != CANCEL:
        return NEEDS_DIRECTORY if price < MAX_PRICE else FOREIGN
    return lacks(state, fills, count)


@part
def change(state, words, n, fills, count, seq):
    """Apply a CANCEL, REPLACE or REDUCE; return status, reason, open quantity, number of fills."""
    kind = (words[n, 4] >> 48) & 0xFF
    qty = words[n, 4] & 0xFFFFFFFF
    target = words[n, 2]
    place = find(state.places, target) if target >> 48 == words[n, 1] >> 48 else -1
    if place < 0:
        return IS_REJECTED, UNKNOWN_ORDER, 0, count
    if kind == CANCEL:
        withdraw(state, place)
        return IS_CANCELLED, NO_REASON, 0, count
    if kind == REDUCE:
        status, reason, left = reduce(state, place, qty)
        return status, reason, left, count
    posts = (words[n, 5] >> 16) & 0xFF >= POST_ONLY
    return replace(state, fills, count, seq, place, words[n, 3], qty, posts)


@jit
def run(state, words, first, first_seq, fills, count, outcomes):
    """Apply the commands `words[first:]`; return where the run ended, why, and how many fills are in `fills`.

    `words[n]` are the six 64-bit words of a packed command, `first_seq` is the seq of `words[0]`. Where `outcomes` has
    rows, each command's status, reason and open quantity are written there.
    """
    watched = outcomes.shape[0] > 0
    for n in range(first, words.shape[0]):
        identity = words[n, 1]
        seq = first_seq + n
        missing = obstacle(state, words, n, fills, count)
        if missing != DONE:
            return n, missing, count
        slot = slot_for(state, (identity >> 48) & 0xFFFF)
        if slot < 0:
            return n, NEEDS_SLOTS, count
        begins = count
        if identity <= state.marks[slot]:
            status, reason, left = IS_REJECTED, TOO_OLD, 0
        else:
            if (words[n, 4] >> 48) & 0xFF == NEW:
                status, reason, left, count = take_new(state, words, n, fills, count, seq)
            else:
                status, reason, left, count = change(state, words, n, fills, count, seq)
            state.marks[slot] = identity
            answer(state, slot, identity, seq, words[n, 0], status, reason, left, fills, begins, count)
        if watched:
            outcomes[n, 0] = status
            outcomes[n, 1] = reason
            outcomes[n, 2] = left
    return words.shape[0], DONE, count


@jit
def load(state, rows, first):
    """Rest orders, which come in price-time priority, from `rows[first]` on; return where there was no page left.

    A row is id, side, price, open quantity, customer | tif << 16 | side << 24. There are free order rows for all.
    """
    for n in range(first, rows.shape[0]):
        if state.scalars[PAGES] == state.bits.shape[0]:
            return n
        rest(state, rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3], rows[n, 4])
    return rows.shape[0]


@jit
def write_side(state, side, raw, at):
    """Write one side's orders in price-time priority as canonical bytes from `raw[at]` on; return where they end."""
    price = state.scalars[BID] if side == 0 else state.scalars[ASK]
    while 0 < price < NO_ASK:
        row = np.int64(state.ends[level_of(state, price), 0])
        while row >= 0:
            put(raw, at, state.orders[row, ID], 8)
            put(raw, at + 8, price, 8)
            put(raw, at + 16, state.orders[row, OPEN], 4)
            put(raw, at + 20, state.orders[row, TAGS], 3)
            at += ORDER_BYTES
            row = state.orders[row, NEXT]
        price = below(state, price - 1) if side == 0 else above(state, price + 1)
    return at


@part
def fetch(raw, at, width):
    """Read a little-endian integer, its bit pattern in 64; places as in `put`."""
    place = np.uint64(at)
    value = np.uint64(0)
    for byte in range(width):
        value |= np.uint64(raw[place + np.uint64(byte)]) << np.uint64(8 * byte)
    return np.int64(value)


@part
def is_answer(raw, at, identity, mark, last_seq, seq):
    """Whether an answer can follow one with `mark` at `last_seq` in a state at `seq` (the rules of engine.restore)."""
    answered = fetch(raw, at + 8, 8)
    status, reason = raw[at + 24], raw[at + 25]
    left = fetch(raw, at + 26, 4)
    good = identity >> 48 == mark >> 48 and identity > mark and last_seq < answered <= seq
    good = good and 1 <= status <= IS_DONE and reason < REASONS and (KNOWN_REASONS >> np.int64(reason)) & 1 == 1
    return good and (status == IS_OPEN) == (left > 0) and (status == IS_DONE or (reason > 0) == (status == IS_REJECTED))


@part
def read_answer(state, slot, age, raw, at):
    """Take one answer and its fills in; return where they end, or -1 where they cannot be a member's own."""
    for byte in range(ANSWER_BYTES):
        state.windows[slot, age, byte] = raw[at + byte]
    count = fetch(raw, at + 30, 4)
    at += ANSWER_BYTES
    if at + count * FILL_BYTES > raw.shape[0]:
        return -1
    start = state.scalars[KEPT]
    state.taken[slot, age, 0] = start
    state.taken[slot, age, 1] = count
    for fill in range(start, start + count):
        for column in range(3):
            state.kept[fill, column] = fetch(raw, at + 8 * column, 8)
        state.kept[fill, 3] = fetch(raw, at + 24, 4)
        if state.kept[fill, 1] >> 48 != state.marks[slot] >> 48 or state.kept[fill, 2] <= 0 or state.kept[fill, 3] == 0:
            return -1
        at += FILL_BYTES
    state.scalars[KEPT] = start + count
    return at


@jit
def read_windows(state, raw, at, count, seq):
    """Take the windows at `raw[at]` in, into empty slots; return where they end, or -1 where no venue has such ones.

    There is room for all: a slot for each, and as many rows in `kept` as fills fit into the bytes.
    """
    last_member = -1
    for slot in range(count):
        if at + WINDOW_BYTES > raw.shape[0]:
            return -1
        member = fetch(raw, at, 2)
        answers = fetch(raw, at + 2, 2)
        at += WINDOW_BYTES
        if member <= last_member or answers < 1 or answers > WINDOW:
            return -1
        last_member = member
        last_seq = 0
        state.slot_of[member] = slot + 1
        state.marks[slot] = member << 48
        for age in range(answers):
            if at + ANSWER_BYTES > raw.shape[0]:
                return -1
            identity = fetch(raw, at, 8)
            if not is_answer(raw, at, identity, state.marks[slot], last_seq, seq):
                return -1
            last_seq = fetch(raw, at + 8, 8)
            at = read_answer(state, slot, age, raw, at)
            if at < 0:
                return -1
            state.marks[slot] = identity
        state.answered[slot] = answers
    state.scalars[SLOTS] = count
    return at


@part
def write_answer(state, slot, age, raw, at):
    """Write one answer and its fills from `raw[at]` on; return where they end."""
    window = state.windows[slot, age]
    for byte in range(ANSWER_BYTES):
        raw[np.uint64(at + byte)] = window[np.uint64(byte)]
    at += ANSWER_BYTES
    start = state.taken[slot, age, 0]
    for fill in range(start, start + state.taken[slot, age, 1]):
        put(raw, at, state.kept[fill, 0], 8)
        put(raw, at + 8, state.kept[fill, 1], 8)
        put(raw, at + 16, state.kept[fill, 2], 8)
        put(raw, at + 24, state.kept[fill, 3], 4)
        at += FILL_BYTES
    return at


@jit
def write_windows(state, slots, raw, at):
    """Write the windows of `slots` from `raw[at]` on, heads and answers, oldest first; return where they end."""
    for n in range(slots.shape[0]):
        slot = slots[n]
        count = min(state.answered[slot], WINDOW)
        put(raw, at, (state.marks[slot] >> 48) & 0xFFFF, 2)
        put(raw, at + 2, count, 2)
        at += WINDOW_BYTES
        for age in range(state.answered[slot] - count, state.answered[slot]):
            at = write_answer(state, slot, age & AGES, raw, at)
    return at


@jit
def gather(state, room):
    """Copy the fills that some window still has to `room`, which is to replace `kept`; `room` has space for all."""
    count = 0
    for slot in range(state.scalars[SLOTS]):
        for age in range(min(state.answered[slot], WINDOW)):
            start = state.taken[slot, age, 0]
            state.taken[slot, age, 0] = count
            for fill in range(start, start + state.taken[slot, age, 1]):
                for column in range(4):
                    room[count, column] = state.kept[fill, column]
                count += 1
    state.scalars[KEPT] = count
