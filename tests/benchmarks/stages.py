"""One stage of a recovery at a time, by one engine, in this process: CPU seconds, peak memory, and what came of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.codec import GENESIS, decode_frame
from engine.journal import JournalReader
from engine.messages import COMMAND, COMMAND_SIZE, Command
from engine.replay import rebuild
from engine.replayer import KERNEL, REFERENCE, EngineName, fallback, replayer
from engine.runs import RunScanner
from engine.storage import FileStore
from engine.venue import Venue
from oracle.book import NaiveVenue
from tests.benchmarks.journals import frames, write_journal
from tests.benchmarks.memory import peak_mib
from tests.benchmarks.streams import STREAMS, stream

__all__ = ["STAGES", "VARIANTS", "Result", "measure"]

SYMBOL: Final = "AAPL"
FULL, SHORT, SHORTEST = 1_000_000, 200_000, 10_000
"""Commands: for the kernel, for the reference engine, for the oracle, which takes a second for the last."""

RUN: Final = 10_000


class Result(msgspec.Struct, frozen=True):
    """One measurement. `outcome` is equal for all variants of a bench and stream with as many commands."""

    commands: int
    cpu_s: float
    outcome: str


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def match(variant: str, name: str, seed: int) -> Result:
    """Commands in memory, applied; the outcome is the digest of the state."""
    count = {KERNEL: FULL, REFERENCE: SHORT}.get(variant, SHORTEST)
    raw = stream(STREAMS[name], count, seed).tobytes()
    if variant == "oracle":
        naive = NaiveVenue(SYMBOL)
        commands = [msgspec.structs.asdict(Command(*fields)) for fields in COMMAND.iter_unpack(raw)]
        cpu_s, _ = _timed(lambda: [naive.apply(command) for command in commands])
        return Result(count, cpu_s, naive.digest().hex())
    machine = replayer(Venue(SYMBOL), _engine(variant))
    step = RUN * COMMAND_SIZE
    cpu_s, _ = _timed(lambda: [machine.apply(raw[at : at + step]) for at in range(0, len(raw), step)])
    return Result(count, cpu_s, machine.digest().hex())


def decode(variant: str, name: str, seed: int) -> Result:
    """Verified frames to commands: objects by the reference, one row of bytes by the kernel."""
    count = FULL if variant == KERNEL else SHORT
    raw = stream(STREAMS[name], count, seed).tobytes()
    if variant == KERNEL:
        cpu_s, total = _timed(lambda: len(memoryview(raw).cast("q")) // 6)
    else:
        cpu_s, total = _timed(lambda: sum(Command(*fields).qty > 0 for fields in COMMAND.iter_unpack(raw)))
    return Result(count, cpu_s, str(total))


def verify(variant: str, name: str, seed: int) -> Result:
    """Header, checksum, vocabulary, digest and chain of every frame; the outcome is the last frame's digest."""
    count = FULL if variant == KERNEL else SHORT
    images = list(frames(SYMBOL, stream(STREAMS[name], count, seed)))
    row = bytearray(b"".join(images))
    cpu_s, last = _timed(lambda: _runs(row) if variant == KERNEL else _chain(images))
    return Result(count, cpu_s, last.hex())


def _runs(row: bytearray) -> bytes:
    scanner = RunScanner(SYMBOL, environment=1, epoch=1, fence_seq=None)
    at, next_seq, previous = 0, 1, GENESIS
    while at < len(row):
        run, at = scanner.run(row, at, next_seq, previous)
        assert run is not None, "what was written is sound"
        next_seq, previous = run.next_seq, run.digest
    return previous


def _chain(images: list[bytes]) -> bytes:
    previous = GENESIS
    for image in images:
        frame = decode_frame(image)
        assert frame.previous == previous, "what was written is a chain"
        previous = frame.digest
    return previous


def path(variant: str, name: str, seed: int) -> Result:
    """Objects on disk to a digest: list, fetch, inflate, verify, decode, match, compare every checkpoint."""
    count = FULL if variant == KERNEL else SHORT
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        store = FileStore(Path(folder))
        write_journal(store, SYMBOL, stream(STREAMS[name], count, seed))
        reader = JournalReader(store, SYMBOL, environment=1, epoch=1, prefix="epoch=1/")
        cpu_s, recovery = _timed(
            lambda: rebuild(reader, Venue.listed(SYMBOL), now_ns=lambda: 0, engine=_engine(variant))
        )
    assert (recovery.status, recovery.seq) == ("recovered", count), recovery.account.damages
    return Result(count, cpu_s, recovery.digest.hex())


def _engine(variant: str) -> EngineName:
    return KERNEL if variant == KERNEL else REFERENCE


STAGES: Final = {"match": match, "decode": decode, "verify": verify, "path": path}
VARIANTS: Final = {name: (KERNEL, REFERENCE, "oracle") if name == "match" else (KERNEL, REFERENCE) for name in STAGES}


def measure(stage: str, variant: str, name: str, seed: int) -> dict[str, Any]:
    """One line of results; call it in a process of its own, or the peak is somebody else's."""
    fallback()  # compiled and loaded before the clock runs
    result = STAGES[stage](variant, name, seed)
    return {
        "bench": stage,
        "variant": variant,
        "stream": name,
        "commands": result.commands,
        "cpu_s": round(result.cpu_s, 6),
        "m_per_cpu_s": round(result.commands / max(result.cpu_s, 1e-9) / 1e6, 4),
        "peak_mib": peak_mib(),
        "outcome": result.outcome,
    }
