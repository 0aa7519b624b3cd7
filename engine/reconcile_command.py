"""`python -m engine reconcile --member M ADDRESS`: a member's orders after a failover, and what it was not told.

Exit status as in `engine.archive_command`; a symbol whose journal is damaged is reconciled as far as it goes.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from engine.archive import Archive
from engine.archive_command import add_place, archive_of, conclude, guarded, positive, watched
from engine.capture import Capture, read_capture
from engine.journal import Damage
from engine.reconciliation import ReconciledOrder, Reconciliation
from engine.venue import Venue

__all__ = ["add_reconcile"]

COLUMNS: Final = (*ReconciledOrder.__struct_fields__, "ended")
"""Of the CSV file; in JSON `untold` is a list, in CSV its parts are separated by "; "."""


def add_reconcile(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m engine reconcile`."""
    add_place(parser)
    parser.add_argument("--member", required=True, type=positive, help="whose orders")
    parser.add_argument(
        "--capture", type=Path, metavar="FILE", help="the member's own ack capture, NNNNN.bin or .gz: makes it exact"
    )
    parser.add_argument("--unknown", action="store_true", help="only orders of unknown outcome")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of CSV")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    parser.set_defaults(run=guarded(_reconcile))


def _reconcile(arguments: argparse.Namespace) -> int:
    archive = archive_of(arguments)
    holdings = archive.chosen(arguments.symbols)
    capture = read_capture(arguments.capture, arguments.member) if arguments.capture else None
    orders: list[ReconciledOrder] = []
    damages: list[Damage] = []
    with watched(archive, "reconcile", holdings) as begin:
        for symbol, holding in holdings.items():
            begin(symbol)
            newest = arguments.epoch or max(holding.epochs)
            orders += _follow(archive, symbol, newest, arguments.member, capture, damages)
    chosen = [order for order in orders if order.outcome == "unknown" or not arguments.unknown]
    text = _json(chosen) if arguments.json else _csv(chosen)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text)
    unknown = sum(order.outcome == "unknown" for order in orders)
    basis = "its own capture" if capture else "the last frame of each ended epoch; --capture makes it exact"
    said = f"member {arguments.member}: {len(orders):,} orders, {unknown:,} of unknown outcome, by {basis}"
    print(said, file=sys.stderr)
    return conclude(damages)


# Positional: a private step of one verb.
def _follow(  # noqa: PLR0917
    archive: Archive, symbol: str, newest: int, member: int, capture: Capture | None, damages: list[Damage]
) -> Iterable[ReconciledOrder]:
    ends = {link.start_seq for link in archive.lineage(symbol, epoch=newest)[1:]}
    followed = Reconciliation(Venue.listed(symbol), member, capture=capture, ends=ends)
    reader = archive.reader(symbol, epoch=newest)
    for frame in reader:
        followed.apply(frame)
    followed.close()
    damages += reader.account.damages
    return followed.orders.values()


def _json(orders: Iterable[ReconciledOrder]) -> str:
    lines = ({**msgspec.structs.asdict(order), "ended": order.ended} for order in orders)
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def _csv(orders: Iterable[ReconciledOrder]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(order) for order in orders)
    return text.getvalue()


def _cells(order: ReconciledOrder) -> Iterator[str | int]:
    for name in COLUMNS:
        value = getattr(order, name)
        yield "; ".join(value) if name == "untold" else value
