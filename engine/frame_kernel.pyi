# Types of `engine.frame_kernel`, whose source carries none: one un-annotated source is what numba compiles.

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint32]
Ints: TypeAlias = npt.NDArray[np.int64]

HEADER: Final = 72
TRAILER: Final = 4
COMMAND: Final = 48
CHECKPOINT: Final = 40
LAST_SEQ: Final[int]
ANY_EPOCH: Final = -1
CV: Final = 8
LANES: Final = 16
WORK_WORDS: Final[int]

def outline(raw: Bytes, at: int, wanted: Ints, next_seq: int, starts: Ints) -> int: ...
def pass_over(raw: Bytes, at: int, wanted: Ints, below_seq: int) -> tuple[int, int]: ...
def count_chunks(starts: Ints, frames: int) -> int: ...
def hash_frames(
    raw: Bytes,
    starts: Ints,
    frames: int,
    chunks: Ints,
    order: Ints,
    sizes: Ints,
    work: Words,
    values: Words,
    digests: Words,
) -> None: ...
def chained(raw: Bytes, starts: Ints, frames: int, previous: Words, digests: Words) -> int: ...
def count_marks(raw: Bytes, starts: Ints, frames: int) -> int: ...
def gather(raw: Bytes, starts: Ints, frames: int, commands: Bytes, marks: Bytes, seqs: Ints) -> tuple[int, int]: ...
