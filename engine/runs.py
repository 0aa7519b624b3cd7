"""Runs: what is normal in a row of frames, verified and copied at once, without an object for each frame or command.

`engine.frame_kernel` does the work. A run ends before the first frame that is anything but sound and next; the reader
(`engine.journal`) looks at that one by itself, so a run only ever shortens the way to the same account.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from engine import frame_kernel
from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.given import PLACE

__all__ = ["Run", "RunScanner", "compile_scanner"]

LARGEST: Final = 4 << 20
"""Bytes of frames that one run may have; memory is a small multiple of it."""

_SMALLEST_FRAME: Final = frame_kernel.HEADER + frame_kernel.TRAILER
_PLACE: Final = np.dtype([("seq", "<u8"), ("digest", "V32")])


class Run(msgspec.Struct, frozen=True):
    """Frames that follow each other, as one: their commands in one row, and the checkpoints among them.

    `digest` is the last frame's, `places` has a `PLACE` record for each frame.
    """

    first_seq: int
    count: int
    commands: memoryview
    checkpoints: tuple[Checkpoint, ...]
    frames: int
    digest: bytes
    places: bytes

    @property
    def next_seq(self) -> int:
        """The seq that follows the last command."""
        return self.first_seq + self.count


class RunScanner:
    """Finds the runs of one symbol's journal; its arrays serve every call."""

    def __init__(self, symbol: str, *, environment: int, epoch: int | None, fence_seq: int | None) -> None:
        """What every frame must say, as for `engine.journal.JournalReader`."""
        name = int.from_bytes(symbol.encode().ljust(8, b"\0")[:8], "little", signed=True)
        any_epoch = frame_kernel.ANY_EPOCH
        fence = frame_kernel.LAST_SEQ if fence_seq is None else fence_seq
        self._wanted = np.array([environment, any_epoch if epoch is None else epoch, name, fence], np.int64)
        self._starts = np.empty(LARGEST // _SMALLEST_FRAME + 2, np.int64)
        self._work = np.empty(frame_kernel.WORK_WORDS, np.uint32)

    def run(self, buffer: bytearray, at: int, next_seq: int, previous: bytes) -> tuple[Run | None, int]:
        """The run that begins at `buffer[at]` with `next_seq` and names `previous`, and where it ends."""
        raw = np.frombuffer(buffer, np.uint8, min(len(buffer) - at, LARGEST), at)
        found = frame_kernel.outline(raw, 0, self._wanted, next_seq, self._starts)
        if not found:
            return None, at
        digests = self._digests(raw, found)
        chained = frame_kernel.chained(raw, self._starts, found, np.frombuffer(previous, np.uint32), digests)
        if not chained:
            return None, at
        return self._gathered(raw, chained, next_seq, digests), at + int(self._starts[chained])

    def pass_over(self, buffer: bytearray, at: int, below_seq: int) -> tuple[int, int]:
        """How many sound frames at `buffer[at]` end below `below_seq`, and where they end."""
        raw = np.frombuffer(buffer, np.uint8)
        count, end = frame_kernel.pass_over(raw, at, self._wanted, below_seq)
        return int(count), int(end)

    def _digests(self, raw: npt.NDArray[np.uint8], frames: int) -> npt.NDArray[np.uint32]:
        chunks = frame_kernel.count_chunks(self._starts, frames)
        digests = np.empty((frames, frame_kernel.CV), np.uint32)
        frame_kernel.hash_frames(
            raw,
            self._starts,
            frames,
            np.empty((chunks, 4), np.int64),
            np.empty(chunks, np.int64),
            np.zeros(17, np.int64),
            self._work,
            np.empty((chunks, frame_kernel.CV), np.uint32),
            digests,
        )
        return digests

    def _gathered(
        self, raw: npt.NDArray[np.uint8], frames: int, first_seq: int, digests: npt.NDArray[np.uint32]
    ) -> Run:
        commands = np.empty(int(self._starts[frames]), np.uint8)
        marks = np.empty((frame_kernel.count_marks(raw, self._starts, frames), frame_kernel.CHECKPOINT), np.uint8)
        places = np.empty(frames, _PLACE)
        seqs = np.empty(frames, np.int64)
        count, _ = frame_kernel.gather(raw, self._starts, frames, commands, marks, seqs)
        places["seq"] = seqs
        places["digest"] = digests[:frames].view("V32")[:, 0]
        return Run(
            first_seq=first_seq,
            count=int(count),
            commands=commands[: count * frame_kernel.COMMAND].data,
            checkpoints=tuple(Checkpoint(seq, digest) for seq, digest in PLACE.iter_unpack(marks.tobytes())),
            frames=frames,
            digest=digests[frames - 1].tobytes(),
            places=places.tobytes(),
        )


def compile_scanner() -> None:
    """Have every function of the frame kernel ready, from numba's cache or compiled anew."""
    raw, _ = encode_frame(b"", environment=1, epoch=1, symbol="WARM", first_seq=1)
    scanner = RunScanner("WARM", environment=1, epoch=1, fence_seq=None)
    scanner.pass_over(bytearray(raw), 0, 0)
    run, _ = scanner.run(bytearray(raw), 0, 1, GENESIS)
    assert run is not None, "a frame as it is written is a run"
