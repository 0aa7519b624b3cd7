"""Rows of frames (`engine.codec`), checked, hashed and copied without an object for each.

One un-annotated source, compiled by numba like `engine.kernel`. What is normal is done here; the first frame of a row
that is anything else ends it, and the reader (`engine.journal`) looks at that one by itself. So there is one judgement
of what is damaged, and this module only says "these are good, one after the other":

- `outline` holds header, checksum and vocabulary of frame after frame,
- `hash_frames` gives their digests, sixteen chunks of 1,024 bytes side by side: that is what vector registers are for,
- `chained` counts how many of them name their predecessor,
- `gather` copies their commands into one row.

The hash is BLAKE3 as specified (github.com/BLAKE3-team/BLAKE3-specs, 2.1-2.6); names of flags are the paper's.
"""

from __future__ import annotations

import platform
from typing import Final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

jit = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
part = njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)

HEADER: Final = 72
TRAILER: Final = 4
COMMAND: Final = 48
CHECKPOINT: Final = 40
LARGEST: Final = 1_024_000
MAGIC: Final = 0x46584541  # b"AEXF"
VERSION: Final = 1
LAST_SEQ: Final = (1 << 63) - 1

# What every frame of a row must say.
ENVIRONMENT, EPOCH, SYMBOL, FENCE = 0, 1, 2, 3
ANY_EPOCH: Final = -1

CHUNK: Final = 1024
BLOCK: Final = 64
LANES: Final = 16
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
IV: Final = np.array(
    [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19], np.uint32
)
ONE_LANE: Final = 1
WORK_WORDS: Final = 40 * LANES
CV: Final = 8


def _orders():
    """The order of a message's words in each round: the last one's, permuted."""
    orders = [list(range(16))]
    for _ in range(6):
        orders.append([orders[-1][word] for word in (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)])
    return np.array(orders, np.int64)


ORDER: Final = _orders()


def _crc_table():
    table = np.zeros(256, np.uint32)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table[byte] = crc
    return table


_CRC: Final = _crc_table()


@intrinsic
def _crc_word(typing, crc, word):  # noqa: ARG001 - numba's signature
    """Eight bytes of CRC-32C by the processor's own instruction."""

    def emit(context, builder, signature, arguments):  # noqa: ARG001 - numba's signature
        wide = ir.IntType(64)
        name = "llvm.x86.sse42.crc32.64.64"
        function = builder.module.globals.get(name)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(wide, [wide, wide]), name)
        return builder.call(function, arguments)

    return types.uint64(types.uint64, types.uint64), emit


@part
def _crc_by_table(crc, word):
    for _ in range(8):
        crc = (crc >> np.uint64(8)) ^ np.uint64(_CRC[(crc ^ word) & np.uint64(255)])
        word >>= np.uint64(8)
    return crc


if platform.machine() == "x86_64":

    @part
    def crc_word(crc, word):
        """Go on with eight bytes."""
        return _crc_word(crc, word)

else:

    @part
    def crc_word(crc, word):
        """Go on with eight bytes."""
        return _crc_by_table(crc, word)


@part
def number(raw, at, width):
    """A little-endian integer of `width` bytes, its bit pattern in 64.

    An unsigned place cannot count from the end, so nobody has to ask: only then LLVM makes one load of all this.
    """
    place = np.uint64(at)
    value = np.uint64(0)
    for byte in range(width):
        value |= np.uint64(raw[place + np.uint64(byte)]) << np.uint64(8 * byte)
    return value


@part
def checksum(raw, at, size):
    """CRC-32C of `size` bytes."""
    crc = np.uint64(0xFFFFFFFF)
    end = at + size
    while at + 8 <= end:
        crc = crc_word(crc, number(raw, at, 8))
        at += 8
    while at < end:
        crc = (crc >> np.uint64(8)) ^ np.uint64(_CRC[(crc ^ np.uint64(raw[at])) & np.uint64(255)])
        at += 1
    return crc ^ np.uint64(0xFFFFFFFF)


@part
def size_of(raw, at, wanted):
    """The size of the frame at `at` if it is whole and its header what is wanted, else 0."""
    if at + HEADER > raw.shape[0]:
        return 0
    seq = np.int64(number(raw, at + 20, 8))
    count = np.int64(number(raw, at + 28, 4))
    length = np.int64(number(raw, at + 36, 4))
    size = HEADER + length + TRAILER
    if (
        np.int64(number(raw, at, 4)) != MAGIC
        or np.int64(number(raw, at + 4, 2)) != VERSION
        or np.int64(raw[at + 6]) != wanted[ENVIRONMENT]
        or raw[at + 7] != 0
        or (wanted[EPOCH] != ANY_EPOCH and np.int64(number(raw, at + 8, 4)) != wanted[EPOCH])
        or np.int64(number(raw, at + 12, 8)) != wanted[SYMBOL]
        or number(raw, at + 34, 2) != 0
        or seq < 1
        or seq > LAST_SEQ - count
        or seq > wanted[FENCE]
        or length != count * COMMAND + np.int64(number(raw, at + 32, 2)) * CHECKPOINT
        or size > LARGEST
        or at + size > raw.shape[0]
    ):
        return 0
    return size


@part
def is_known(raw, at):
    """Whether every enumerated field of the frame's commands and every checkpoint's seq has a value of this version."""
    first = np.int64(number(raw, at + 20, 8))
    count = np.int64(number(raw, at + 28, 4))
    place = at + HEADER
    bad = False
    for _ in range(count):
        kind = raw[place + 38]
        bad |= kind < 1
        bad |= kind > 8  # noqa: PLR2004 - engine.messages.Kind
        bad |= (raw[place + 39] | raw[place + 40]) > 1
        bad |= (raw[place + 41] | raw[place + 42]) > 3  # noqa: PLR2004 - TimeInForce, CommandFlag
        place += COMMAND
    for _ in range(np.int64(number(raw, at + 32, 2))):
        seq = np.int64(number(raw, place, 8))
        bad |= seq < first - 1
        bad |= seq >= first + count
        place += CHECKPOINT
    return not bad


@part
def is_sound(raw, at, size):
    """Whether checksum and vocabulary of a frame hold."""
    body = size - TRAILER
    return checksum(raw, at, body) == number(raw, at + body, 4) and is_known(raw, at)


@jit
def outline(raw, at, wanted, next_seq, starts):
    """Write where frames begin that follow each other from `next_seq` on; return how many, and where the last ends."""
    n = 0
    while n + 1 < starts.shape[0]:
        size = size_of(raw, at, wanted)
        if size == 0 or np.int64(number(raw, at + 20, 8)) != next_seq or not is_sound(raw, at, size):
            break
        starts[n] = at
        n += 1
        at += size
        next_seq += np.int64(number(raw, at - size + 28, 4))
    starts[n] = at
    return n


@jit
def pass_over(raw, at, wanted, below_seq):
    """Pass over sound frames that end below `below_seq`; return how many, and where the last ends."""
    n = 0
    while True:
        size = size_of(raw, at, wanted)
        if size == 0:
            break
        last = np.int64(number(raw, at + 20, 8)) + np.int64(number(raw, at + 28, 4)) - 1
        if last >= below_seq or not is_sound(raw, at, size):
            break
        n += 1
        at += size
    return n, at


@part
def turned(x, by):
    """A word's bits, rotated to the right."""
    return np.uint32((x >> np.uint32(by)) | (x << np.uint32(32 - by)))


@part
def mix(v, m, lanes, a, b, c, d, x, y):
    """The quarter round, in every lane at once: row `a` of `v` is the lanes' a-th word. Places as in `number`."""
    va_row, vb_row = np.uint64(a * lanes), np.uint64(b * lanes)
    vc_row, vd_row = np.uint64(c * lanes), np.uint64(d * lanes)
    x_row, y_row = np.uint64(x * lanes), np.uint64(y * lanes)
    for place in range(lanes):
        lane = np.uint64(place)
        va = np.uint32(v[va_row + lane] + v[vb_row + lane] + m[x_row + lane])
        vd = turned(np.uint32(v[vd_row + lane] ^ va), 16)
        vc = np.uint32(v[vc_row + lane] + vd)
        vb = turned(np.uint32(v[vb_row + lane] ^ vc), 12)
        va = np.uint32(va + vb + m[y_row + lane])
        vd = turned(np.uint32(vd ^ va), 8)
        vc = np.uint32(vc + vd)
        v[va_row + lane] = va
        v[vd_row + lane] = vd
        v[vc_row + lane] = vc
        v[vb_row + lane] = turned(np.uint32(vb ^ vc), 7)


@part
def seven_rounds(v, m, lanes):
    """Columns, then diagonals, seven times, the message's words in each round's own order."""
    for turn in range(7):
        mix(v, m, lanes, 0, 4, 8, 12, ORDER[turn, 0], ORDER[turn, 1])
        mix(v, m, lanes, 1, 5, 9, 13, ORDER[turn, 2], ORDER[turn, 3])
        mix(v, m, lanes, 2, 6, 10, 14, ORDER[turn, 4], ORDER[turn, 5])
        mix(v, m, lanes, 3, 7, 11, 15, ORDER[turn, 6], ORDER[turn, 7])
        mix(v, m, lanes, 0, 5, 10, 15, ORDER[turn, 8], ORDER[turn, 9])
        mix(v, m, lanes, 1, 6, 11, 12, ORDER[turn, 10], ORDER[turn, 11])
        mix(v, m, lanes, 2, 7, 8, 13, ORDER[turn, 12], ORDER[turn, 13])
        mix(v, m, lanes, 3, 4, 9, 14, ORDER[turn, 14], ORDER[turn, 15])


@part
def load_block(m, lane, raw, at, length):
    """A block's sixteen words to a lane, padded with zeros."""
    if length == BLOCK:
        for word in range(16):
            m[word * LANES + lane] = np.uint32(number(raw, at + 4 * word, 4))
        return
    for word in range(16):
        value = np.uint64(0)
        for byte in range(4):
            if 4 * word + byte < length:
                value |= np.uint64(raw[at + 4 * word + byte]) << np.uint64(8 * byte)
        m[word * LANES + lane] = np.uint32(value)


@part
def load_blocks(v, m, raw, chunks, order, first, count, block):
    """The next block of every lane's chunk, and the rows of the state that say which block it is."""
    for lane in range(count):
        chunk = order[first + lane]
        left = chunks[chunk, 1] - block * BLOCK
        length = min(max(left, 0), BLOCK)
        flags = CHUNK_START if block == 0 else 0
        if left <= BLOCK:
            flags |= CHUNK_END | chunks[chunk, 3]
        v[12 * LANES + lane] = np.uint32(chunks[chunk, 2])
        v[14 * LANES + lane] = np.uint32(length)
        v[15 * LANES + lane] = np.uint32(flags)
        load_block(m, lane, raw, chunks[chunk, 0] + block * BLOCK, length)


@part
def begin_blocks(v, cv):
    """The state that a block begins with, in every lane."""
    for place in range(CV * LANES):
        v[place] = cv[place]
    for word in range(4):
        for lane in range(LANES):
            v[(8 + word) * LANES + lane] = IV[word]
    for lane in range(LANES):
        v[13 * LANES + lane] = np.uint32(0)


@part
def hash_chunks(raw, chunks, order, first, count, work, values):
    """Chaining values of `count` (at most LANES) chunks, `chunks[order[first:]]`, all of as many blocks, to `values`.

    A chunk is: where it begins, its size, its number in the frame, ROOT where it is the whole frame.
    """
    v = work[: 16 * LANES]
    m = work[16 * LANES : 32 * LANES]
    cv = work[32 * LANES : 40 * LANES]
    for word in range(CV):
        for lane in range(LANES):
            cv[word * LANES + lane] = IV[word]
    for block in range((chunks[order[first], 1] + BLOCK - 1) // BLOCK):
        begin_blocks(v, cv)
        load_blocks(v, m, raw, chunks, order, first, count, block)
        seven_rounds(v, m, LANES)
        for place in range(CV * LANES):
            cv[place] = np.uint32(v[place] ^ v[place + CV * LANES])
    for lane in range(count):
        for word in range(CV):
            values[order[first + lane], word] = cv[word * LANES + lane]


@part
def join(values, left, right, to, flags, work):
    """The chaining value of two nodes' parent, to `values[to]`."""
    v = work[:16]
    m = work[16:32]
    for word in range(CV):
        m[word] = values[left, word]
        m[word + 8] = values[right, word]
        v[word] = IV[word]
        v[word + 8] = IV[word & 3]
    v[12] = np.uint32(0)
    v[13] = np.uint32(0)
    v[14] = np.uint32(BLOCK)
    v[15] = np.uint32(flags)
    seven_rounds(v, m, ONE_LANE)
    for word in range(CV):
        values[to, word] = np.uint32(v[word] ^ v[word + 8])


@part
def root_of(values, first, count, work):
    """Join the chaining values of one frame's chunks to its digest, in `values[first]`.

    Level by level, neighbours in pairs, an odd one out going up as it is: the tree that the paper describes.
    """
    while count > 1:
        pairs = count >> 1
        for pair in range(pairs):
            flags = PARENT | ROOT if count == 2 else PARENT  # noqa: PLR2004 - the last pair
            join(values, first + 2 * pair, first + 2 * pair + 1, first + pair, flags, work)
        if count & 1:
            for word in range(CV):
                values[first + pairs, word] = values[first + count - 1, word]
        count = pairs + (count & 1)


@jit
def count_chunks(starts, frames):
    """How many chunks the frames have."""
    total = 0
    for n in range(frames):
        total += (starts[n + 1] - starts[n] + CHUNK - 1) // CHUNK
    return total


@jit
def hash_frames(raw, starts, frames, chunks, order, sizes, work, values, digests):
    """The digests of frames, eight words each.

    `chunks` has four columns and a row per chunk, `order` and `values` as many rows; `sizes` is 17 zeros, `work` 40 x
    LANES words. Chunks of as many blocks go side by side.
    """
    total = 0
    for n in range(frames):
        count = (starts[n + 1] - starts[n] + CHUNK - 1) // CHUNK
        for k in range(count):
            at = starts[n] + k * CHUNK
            chunks[total, 0] = at
            chunks[total, 1] = min(CHUNK, starts[n + 1] - at)
            chunks[total, 2] = k
            chunks[total, 3] = ROOT if count == 1 else 0
            sizes[(chunks[total, 1] + BLOCK - 1) // BLOCK] += 1
            total += 1
    place = 0
    for size in range(17):
        count = sizes[size]
        sizes[size] = place
        place += count
    for chunk in range(total):
        size = (chunks[chunk, 1] + BLOCK - 1) // BLOCK
        order[sizes[size]] = chunk
        sizes[size] += 1
    first = 0
    for size in range(17):  # sizes[size] is now where the chunks of so many blocks end
        while first < sizes[size]:
            count = min(LANES, sizes[size] - first)
            hash_chunks(raw, chunks, order, first, count, work, values)
            first += count
    first = 0
    for n in range(frames):
        count = (starts[n + 1] - starts[n] + CHUNK - 1) // CHUNK
        root_of(values, first, count, work)
        for word in range(CV):
            digests[n, word] = values[first, word]
        first += count


@jit
def chained(raw, starts, frames, previous, digests):
    """How many of the frames name their predecessor, the first of them `previous`."""
    for n in range(frames):
        for word in range(CV):
            named = np.uint32(number(raw, starts[n] + 40 + 4 * word, 4))
            if named != (previous[word] if n == 0 else digests[n - 1, word]):
                return n
    return frames


@jit
def gather(raw, starts, frames, commands, marks, seqs):
    """Copy commands and checkpoints into one row each, and every frame's first seq; return how many of both."""
    size = 0
    count = 0
    for n in range(frames):
        at = starts[n]
        seqs[n] = np.int64(number(raw, at + 20, 8))
        length = np.int64(number(raw, at + 28, 4)) * COMMAND
        at += HEADER
        for byte in range(length):
            commands[np.uint64(size + byte)] = raw[np.uint64(at + byte)]
        size += length
        at += length
        for _ in range(np.int64(number(raw, starts[n] + 32, 2))):
            for byte in range(CHECKPOINT):
                marks[count, byte] = raw[at + byte]
            count += 1
            at += CHECKPOINT
    return size // COMMAND, count


@jit
def count_marks(raw, starts, frames):
    """How many checkpoints the frames carry."""
    count = 0
    for n in range(frames):
        count += np.int64(number(raw, starts[n] + 32, 2))
    return count
