"""A full day of the exchange: 234 million commands over 100 symbols, written once, recovered by every core.

The journal is what a day's compaction leaves: the primary's frames of 25 commands with checksum, chain and a checkpoint
every 1,000 commands, in objects of 16 MiB. Volumes differ: the busiest symbol has six times the quietest one's.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from engine import clock
from engine.journal import JournalReader
from engine.lineage import Link
from engine.listing import SYMBOLS
from engine.messages import COMMAND_SIZE
from engine.replay import Recovery, rebuild
from engine.replayer import KERNEL, fallback
from engine.snapshot import Snapshot, encode_snapshot, snapshot_key
from engine.snapshot_shelf import Shelf
from engine.storage import FileStore
from engine.venue import Venue
from tests.benchmarks.journals import CHECKPOINT_EVERY, write_journal
from tests.benchmarks.memory import peak_mib
from tests.benchmarks.streams import MIXED, stream

__all__ = ["COMMANDS", "recover_day", "volumes", "write_day"]

COMMANDS: Final = 234_000_000
DIGESTS: Final = "digests"
TAIL: Final = 30_000
"""Commands of a symbol in five minutes."""


def volumes(commands: int, symbols: tuple[str, ...] = SYMBOLS) -> dict[str, int]:
    """Commands of each symbol: they fall from first to last, to a sixth."""
    weights = {symbol: 6 - 5 * place / max(1, len(symbols) - 1) for place, symbol in enumerate(symbols)}
    total = sum(weights.values())
    return {symbol: int(commands * weight / total) for symbol, weight in weights.items()}


def write_day(folder: Path, commands: int, seed: int) -> None:
    """Write the journal below `folder`, and each symbol's digest as its writer had it; what is there is left."""
    (folder / DIGESTS).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            (str(folder), symbol, count, seed + place)
            for place, (symbol, count) in enumerate(volumes(commands).items())
            if not (folder / DIGESTS / symbol).exists()
        ]
        for (_, symbol, _, _), digest in zip(jobs, pool.map(_write_symbol, jobs), strict=True):
            (folder / DIGESTS / symbol).write_text(digest)


def _write_symbol(job: tuple[str, str, int, int]) -> str:
    from engine.compiled import CompiledVenue  # noqa: PLC0415 - in the child

    folder, symbol, count, seed = job
    words = stream(MIXED, count, seed)
    taken_at = (count - TAIL) // CHECKPOINT_EVERY * CHECKPOINT_EVERY  # a frame with a checkpoint ends there
    last_frame = b""

    def look(image: bytes) -> None:
        nonlocal last_frame
        if int.from_bytes(image[20:28], "little") + int.from_bytes(image[28:32], "little") == taken_at + 1:
            last_frame = blake3(image).digest()

    write_journal(FileStore(Path(folder)), symbol, words, on_frame=look)
    writer, raw = CompiledVenue(Venue.listed(symbol)), words.tobytes()
    writer.apply(raw[: taken_at * COMMAND_SIZE])
    snapshot = Snapshot(
        symbol=symbol,
        environment=1,
        epoch=1,
        seq=taken_at,
        taken_ns=clock.now_ns(),
        digest=writer.digest(),
        last_frame=last_frame,
        canonical=writer.canonical_bytes(),
    )
    FileStore(Path(folder, "snapshots")).put(snapshot_key(1, symbol, taken_at), encode_snapshot(snapshot))
    writer.apply(raw[taken_at * COMMAND_SIZE :])
    return writer.digest().hex()


def _recover(folder: Path, symbol: str) -> Recovery:
    reader = JournalReader(FileStore(folder), symbol, environment=1, epoch=1, prefix="epoch=1/")
    return rebuild(reader, Venue.listed(symbol), now_ns=clock.now_ns, engine=KERNEL)


def _recover_tail(folder: Path, symbol: str) -> Recovery:
    shelf = Shelf(FileStore(folder / "snapshots"), FileStore(folder), symbol, (Link(1),), environment=1)
    found = shelf.recover(now_ns=clock.now_ns, fresh=lambda: (_nothing, _nothing)).recovery
    assert found is not None, f"{symbol}: no snapshot holds"
    return found


def _nothing(_: object) -> None:
    """A sink."""


def _volume(store: FileStore, symbol: str) -> int:
    return sum(entry.size for entry in store.list(f"epoch=1/symbol={symbol}/"))


def recover_day(folder: Path, workers: int, *, tail: bool) -> dict[str, Any]:
    """Recover every symbol, the largest journal first, with `workers` threads; one line of results.

    With `tail` from a snapshot and the five minutes behind it, else from genesis.
    """
    said = {path.name: path.read_text() for path in (folder / DIGESTS).iterdir()}
    sizes = {symbol: _volume(FileStore(folder), symbol) for symbol in said}
    recover_one = _recover_tail if tail else _recover
    fallback()
    start, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(workers) as pool:
        order = sorted(sizes, key=lambda symbol: -sizes[symbol])
        found = dict(zip(order, pool.map(lambda symbol: recover_one(folder, symbol), order), strict=True))
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - used
    wrong = [symbol for symbol in order if found[symbol].digest.hex() != said[symbol]]
    assert not wrong, f"digests differ from the writer's: {wrong}"
    assert all(one.status == "recovered" for one in found.values()), "a checkpoint disagrees"
    commands = sum(one.account.commands for one in found.values())
    return {
        "bench": "tail" if tail else "day",
        "variant": KERNEL,
        "stream": "mixed",
        "commands": commands,
        "symbols": len(found),
        "checkpoints": sum(one.checkpoints for one in found.values()),
        "workers": workers,
        "wall_s": round(wall_s, 3),
        "cpu_s": round(cpu_s, 3),
        "m_per_cpu_s": round(commands / cpu_s / 1e6, 3),
        "journal_gb": round(sum(sizes.values()) / 1e9, 3),
        "peak_mib": peak_mib(),
    }
