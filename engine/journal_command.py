"""`python -m engine journal verify | ls | show | export | compact`: the journal for people.

Exit status as in `engine.archive_command`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from engine import clock
from engine.archive import Archive
from engine.archive_command import DAMAGED, SOUND, add_place, archive_of, conclude, guarded, positive, tell, watched
from engine.codec import Frame
from engine.compaction import Compaction
from engine.errors import ArchiveError
from engine.export import JsonLines, Parquet, RowWriter, rows
from engine.inspection import Inspection, inspect
from engine.journal import Damage, read_object
from engine.lineage import LineageReader
from engine.messages import Command, Environment, Kind, OrderType, Side, TimeInForce
from engine.reorder import PlacedFrame

__all__ = ["add_journal"]


def add_journal(parser: argparse.ArgumentParser) -> None:
    """Add the verbs to `python -m engine journal`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verify|ls|show|export|compact")
    _add_verify(verbs.add_parser("verify", help="read everything and say what is wrong", allow_abbrev=False))
    _add_ls(verbs.add_parser("ls", help="what there is, as listed", allow_abbrev=False))
    _add_show(verbs.add_parser("show", help="frames and commands", allow_abbrev=False))
    _add_export(verbs.add_parser("export", help="rows: JSON lines or Parquet", allow_abbrev=False))
    _add_compact(verbs.add_parser("compact", help="small objects to large ones", allow_abbrev=False))


def _add_verify(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--no-replay", action="store_true", help="check frames only: ten times faster, no digests")
    parser.add_argument("--json", action="store_true", help="one JSON object per symbol, on standard output")
    parser.set_defaults(run=guarded(_verify))


def _add_ls(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--objects", action="store_true", help="each object, not one line per symbol")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=guarded(_ls))


def _add_show(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--from", dest="first", type=positive, default=1, metavar="SEQ", help="first seq (inclusive)")
    parser.add_argument("--to", dest="last", type=positive, metavar="SEQ", help="last seq (inclusive)")
    parser.add_argument("--object", metavar="KEY", help="what lies in this object, as it lies there (key as in ls)")
    parser.add_argument("--commands", action="store_true", help="each command, not one line per frame")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=guarded(_show))


def _add_export(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--content", choices=("commands", "trades"), default="commands", help="default: commands")
    parser.add_argument("--out", type=Path, metavar="FILE", help="FILE.parquet or FILE.jsonl; default: standard output")
    parser.set_defaults(run=guarded(_export))


def _add_compact(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--mib", type=positive, default=16, help="MiB of frames to an object (default 16)")
    parser.set_defaults(run=guarded(_compact))


def _verify(arguments: argparse.Namespace) -> int:
    archive = archive_of(arguments)
    holdings = archive.chosen(arguments.symbols)
    damaged = 0
    with watched(archive, "verify", holdings) as begin:
        for symbol, holding in holdings.items():
            begin(symbol)
            inspection = inspect(
                archive, holding, now_ns=clock.now_ns, epoch=arguments.epoch, replays=not arguments.no_replay
            )
            damaged += not inspection.sound
            print(msgspec.json.encode(inspection).decode() if arguments.json else _line(inspection))
            tell(inspection.findings)
    if not arguments.json:
        print(f"{len(holdings) - damaged} of {len(holdings)} symbols sound")
    return DAMAGED if damaged else SOUND


def _line(inspection: Inspection) -> str:
    """`AAL    sound    seq 1200  40 frames in 3 objects, ...`."""
    counts = (
        f"{inspection.frames:,} frames in {inspection.objects:,} objects",
        f"{inspection.checkpoints - inspection.disagreements:,} of {inspection.checkpoints:,} checkpoints agree",
        f"{inspection.duplicates:,} duplicates",
        f"{inspection.refused:,} refused above a fence",
    )
    state = "sound" if inspection.sound else "DAMAGED"
    return f"{inspection.symbol:<8} {state:<8} seq {inspection.seq:,}  {', '.join(counts)}"


def _ls(arguments: argparse.Namespace) -> int:
    archive = archive_of(arguments)
    if arguments.objects:
        return _ls_objects(archive, arguments)
    for holding in archive.chosen(arguments.symbols).values():
        epochs = sorted(holding.epochs)
        document = {**msgspec.structs.asdict(holding), "epochs": epochs}
        spoken = ", ".join(str(epoch) for epoch in epochs)
        size = f"{holding.objects:>8,} objects  {holding.compressed_bytes:>15,} bytes"
        _print(document, f"{holding.symbol:<8} {size}  epochs {spoken}", as_json=arguments.json)
    return SOUND


def _ls_objects(archive: Archive, arguments: argparse.Namespace) -> int:
    archive.chosen(arguments.symbols)
    for epoch, symbol, entry in archive.objects():
        if not arguments.symbols or symbol in arguments.symbols:
            document = {"symbol": symbol, "epoch": epoch, "object": entry.key, "bytes": entry.size}
            _print(document, f"{entry.size:>12,}  {entry.key}", as_json=arguments.json)
    return SOUND


def _show(arguments: argparse.Namespace) -> int:
    archive = archive_of(arguments)
    if arguments.object:
        damages: list[Damage] = []
        for placed in read_object(archive.journal, arguments.object, "", damages):
            _show_frame(placed.frame, arguments, placed)
        return conclude(damages)
    holdings = archive.chosen(arguments.symbols)
    readers = []
    for symbol, holding in holdings.items():
        reader = archive.reader(symbol, epoch=arguments.epoch or max(holding.epochs))
        readers.append(reader)
        for frame in reader:
            _show_frame(frame, arguments)
    return conclude([damage for reader in readers for damage in reader.account.damages])


def _show_frame(frame: Frame, arguments: argparse.Namespace, placed: PlacedFrame | None = None) -> None:
    first, last = max(arguments.first, frame.first_seq), frame.next_seq - 1
    if arguments.last is not None:
        last = min(arguments.last, last)
    if first > last and frame.count:
        return
    document = {
        "symbol": frame.symbol,
        "epoch": frame.epoch,
        "environment": Environment(frame.environment).name,
        "first_seq": frame.first_seq,
        "commands": frame.count,
        "checkpoints": {str(mark.seq): mark.digest.hex() for mark in frame.checkpoints},
        "bytes": frame.size,
        "previous": frame.previous.hex(),
        "digest": frame.digest.hex(),
    }
    where = ""
    if placed is not None:
        document |= {"object": placed.object, "offset": placed.offset}
        where = f"  offset {placed.offset}"
    if not (arguments.json and arguments.commands):
        spoken = f"{frame.count} commands, {len(frame.checkpoints)} checkpoints, {frame.size:,} bytes"
        seqs = f"seq {frame.first_seq}..{frame.next_seq - 1}"
        chain = f"{frame.previous.hex()[:12]} <- {frame.digest.hex()[:12]}"
        _print(document, f"{frame.symbol} epoch {frame.epoch} {seqs}  {spoken}  {chain}{where}", as_json=arguments.json)
    if arguments.commands:
        for seq, command in enumerate(frame.unpacked(), frame.first_seq):
            if first <= seq <= last:
                document = {"symbol": frame.symbol, "epoch": frame.epoch, "seq": seq, **msgspec.structs.asdict(command)}
                _print(document, f"  seq {seq}  {_spoken(command)}", as_json=arguments.json)


def _spoken(command: Command) -> str:
    """A command in words: `15:04:05... member 3 #17 NEW SELL 100 @ 5853 LIMIT GTC`."""
    words = [
        f"{command.ts_ns} ns  member {command.member} #{command.command_id & (1 << 48) - 1}",
        Kind(command.kind).name,
    ]
    if command.kind == Kind.NEW:
        price = "MARKET" if command.type == OrderType.MARKET else f"@ {command.price}"
        words += [Side(command.side).name, str(command.qty), price, TimeInForce(command.tif).name]
    elif command.target_id:
        words.append(f"of {command.target_id >> 48} #{command.target_id & (1 << 48) - 1}")
        if command.kind in {Kind.REPLACE, Kind.REDUCE}:
            words.append(f"{command.qty} @ {command.price}" if command.kind == Kind.REPLACE else f"by {command.qty}")
    return " ".join(words) + (f"  flags {command.flags}" if command.flags else "")


def _export(arguments: argparse.Namespace) -> int:
    archive = archive_of(arguments)
    holdings = archive.chosen(arguments.symbols)
    readers: list[LineageReader] = []
    with _destination(arguments) as writer, watched(archive, "export", holdings) as begin:
        for symbol, holding in holdings.items():
            begin(symbol)
            reader = archive.reader(symbol, epoch=arguments.epoch or max(holding.epochs))
            readers.append(reader)
            for some in rows(reader, arguments.content):
                writer.write(some)
    return conclude([damage for reader in readers for damage in reader.account.damages])


def _compact(arguments: argparse.Namespace) -> int:
    """Every epoch of every symbol; of one that has a successor to its end, of the newest only whole objects."""
    archive = archive_of(arguments)
    holdings = archive.chosen(arguments.symbols)
    with watched(archive, "compact", holdings) as begin:
        for symbol, holding in holdings.items():
            begin(symbol)
            links = archive.lineage(symbol, epoch=arguments.epoch or max(holding.epochs))
            for link, newer in zip_longest(links, links[1:]):
                done = Compaction(
                    archive.journal,
                    symbol,
                    environment=archive.environment,
                    epoch=link.epoch,
                    start=(link.start_seq, bytes.fromhex(link.start_frame)),
                    fence_seq=newer.start_seq if newer else None,
                    target=arguments.mib << 20,
                ).run(all_of_it=newer is not None)
                counts = f"{done.frames:,} frames, {done.written:,} objects written, {done.read_back:,} read back"
                print(f"{symbol:<8} epoch {link.epoch}  {counts}, {done.removed:,} removed, {done.kept:,} kept")
    return SOUND


@contextmanager
def _destination(arguments: argparse.Namespace) -> Iterator[RowWriter]:
    """Where the rows go; a file has its name only once it is complete."""
    out: Path | None = arguments.out
    if out is None:
        yield JsonLines(arguments.content, sys.stdout.buffer.write)
        sys.stdout.flush()
        return
    if out.suffix not in {".parquet", ".jsonl"}:
        raise ArchiveError("export", where=str(out), cause="unknown suffix", hint="expected FILE.parquet or FILE.jsonl")
    with tempfile.TemporaryDirectory(prefix=".part-", dir=out.parent) as folder:
        part = Path(folder, out.name)
        with part.open("wb") as file:
            writer: RowWriter = (
                Parquet(arguments.content, part)
                if out.suffix == ".parquet"
                else JsonLines(arguments.content, file.write)
            )
            yield writer
            writer.close()
        part.replace(out)


def _print(document: dict[str, Any], spoken: str, *, as_json: bool) -> None:
    print(msgspec.json.encode(document).decode() if as_json else spoken)
