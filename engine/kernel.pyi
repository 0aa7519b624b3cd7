# Types of `engine.kernel`, whose source carries none: one un-annotated source is what numba compiles.

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]

class State(NamedTuple):
    scalars: Ints
    orders: Ints
    places: Ints
    page_of: npt.NDArray[np.int32]
    free_pages: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint32]
    upper: Ints
    slot_of: npt.NDArray[np.int32]
    marks: Ints
    windows: npt.NDArray[np.uint8]
    answered: Ints
    taken: Ints
    kept: Ints

NO_ROW: Final = -1
NO_ASK: Final[int]
PAGE_BITS: Final = 10
PAGE_PRICES: Final = 1024
PAGE_WORDS: Final = 33
MAX_PRICE: Final[int]
WINDOW: Final = 32
ANSWER_BYTES: Final = 34
ORDER_BYTES: Final = 23
FILL_BYTES: Final = 28
WINDOW_BYTES: Final = 4
KNOWN_REASONS: Final[int]

MEMBER_SHIFT: Final = 48

NEXT: Final[int]
ORDER_COLUMNS: Final = 6

BID: Final[int]
ASK: Final[int]
FREE: Final[int]
LIVE: Final[int]
LAST_PRICE: Final[int]
LAST_QTY: Final[int]
FREE_PAGE: Final[int]
PAGES: Final[int]
SLOTS: Final[int]
KEPT: Final[int]
ENTERED: Final[int]
TRADED: Final[int]
CANCELLED: Final[int]
TICK: Final[int]
LOT: Final[int]
SCALARS: Final = 15

DONE: Final[int]
FOREIGN: Final[int]
NEEDS_ORDERS: Final[int]
NEEDS_PAGES: Final[int]
NEEDS_DIRECTORY: Final[int]
NEEDS_FILLS: Final[int]
NEEDS_SLOTS: Final[int]
NEEDS_KEPT: Final[int]

FILL_COLUMNS: Final = 6

def run(
    state: State, words: Ints, first: int, first_seq: int, fills: Ints, count: int, outcomes: Ints
) -> tuple[int, int, int]: ...
def load(state: State, rows: Ints, first: int) -> int: ...
def insert_all(places: Ints, entries: Ints) -> None: ...
def mark_page(upper: Ints, pages: int, page: int) -> None: ...
def read_windows(state: State, raw: npt.NDArray[np.uint8], at: int, count: int, seq: int) -> int: ...
def write_side(state: State, side: int, raw: npt.NDArray[np.uint8], at: int) -> int: ...
def write_windows(state: State, slots: Ints, raw: npt.NDArray[np.uint8], at: int) -> int: ...
def gather(state: State, room: npt.NDArray[Any]) -> None: ...
