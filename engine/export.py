"""A journal as rows: JSON lines, or Parquet for whoever wants columns; written as it is read, in bounded memory.

Two kinds of rows, in order of symbol and seq::

    commands  symbol epoch seq ts_ns command_id member target_id price qty customer kind side type tif post_only canary
    trades    symbol epoch seq fill_no maker_id taker_id price qty canary

Prices and quantities are the journal's integers, `kind`, `side`, `type` and `tif` are names. Only the contiguous prefix
of a journal is exported: what lies behind a gap has no certain place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from engine.codec import Frame
from engine.fill import FILL
from engine.messages import Command, CommandFlag, Kind, OrderType, Side, TimeInForce
from engine.replayer import ReferenceReplayer
from engine.venue import Venue

__all__ = ["COLUMNS", "Content", "JsonLines", "Parquet", "RowWriter", "rows"]

Content = Literal["commands", "trades"]
Row = tuple[Any, ...]

COLUMNS: Final[dict[Content, dict[str, str]]] = {
    "commands": {
        "symbol": "string",
        "epoch": "uint32",
        "seq": "uint64",
        "ts_ns": "int64",
        "command_id": "uint64",
        "member": "uint16",
        "target_id": "uint64",
        "price": "int64",
        "qty": "uint32",
        "customer": "uint16",
        "kind": "string",
        "side": "string",
        "type": "string",
        "tif": "string",
        "post_only": "bool",
        "canary": "bool",
    },
    "trades": {
        "symbol": "string",
        "epoch": "uint32",
        "seq": "uint64",
        "fill_no": "uint16",
        "maker_id": "uint64",
        "taker_id": "uint64",
        "price": "int64",
        "qty": "uint32",
        "canary": "bool",
    },
}
"""Name and Arrow type of each column."""

ROWS_AT_ONCE: Final = 1 << 16
_KINDS: Final = {int(kind): kind.name.lower() for kind in Kind}
_SIDES: Final = {int(side): side.name.lower() for side in Side}
_TYPES: Final = {int(order_type): order_type.name.lower() for order_type in OrderType}
_TIFS: Final = {int(tif): tif.name for tif in TimeInForce}


class RowWriter(Protocol):
    """Where rows go."""

    def write(self, rows: list[Row]) -> None:
        """Append some rows."""

    def close(self) -> None:
        """Everything has been written."""


class JsonLines:
    """One object a line."""

    def __init__(self, content: Content, write: Callable[[bytes], object]) -> None:
        """`write` is given whole lines."""
        self._names = tuple(COLUMNS[content])
        self._write = write

    def write(self, rows: list[Row]) -> None:
        """Append some rows."""
        names = self._names
        self._write(msgspec.json.Encoder().encode_lines([dict(zip(names, row, strict=True)) for row in rows]))

    def close(self) -> None:
        """Nothing is left to do."""


class Parquet:
    """One Parquet file (zstd), a row group for each 65,536 rows."""

    def __init__(self, content: Content, path: Path) -> None:
        """Writes `path`, which is complete only after `close`."""
        import pyarrow as pa  # noqa: PLC0415 - a quarter of a second and 30 MB that nobody else needs
        import pyarrow.parquet  # noqa: PLC0415 - as above

        self._arrow = pa
        self._schema = pa.schema(
            [(name, getattr(pa, kind + "_" * (kind == "bool"))()) for name, kind in COLUMNS[content].items()]
        )
        self._file = pa.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._pending: list[Row] = []

    def write(self, rows: list[Row]) -> None:
        """Append some rows."""
        self._pending += rows
        if len(self._pending) >= ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write the footer."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._pending:
            columns = zip(*self._pending, strict=True)
            arrays = [
                self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)
            ]
            self._file.write_table(self._arrow.table(arrays, schema=self._schema))
            self._pending.clear()


def rows(frames: Iterable[Frame], content: Content) -> Iterator[list[Row]]:
    """The rows of one symbol's frames, a frame's at once."""
    return _command_rows(frames) if content == "commands" else _trade_rows(frames)


def _command_rows(frames: Iterable[Frame]) -> Iterator[list[Row]]:
    for frame in frames:
        place = (frame.symbol, frame.epoch)
        yield [(*place, seq, *_fields(command)) for seq, command in enumerate(frame.unpacked(), frame.first_seq)]


def _fields(command: Command) -> Row:
    return (
        command.ts_ns,
        command.command_id,
        command.member,
        command.target_id,
        command.price,
        command.qty,
        command.customer,
        _KINDS[command.kind],
        _SIDES[command.side],
        _TYPES[command.type],
        _TIFS[command.tif],
        bool(command.flags & CommandFlag.POST_ONLY),
        command.is_canary,
    )


def _trade_rows(frames: Iterable[Frame]) -> Iterator[list[Row]]:
    machine: ReferenceReplayer | None = None
    for frame in frames:
        machine = machine or ReferenceReplayer(Venue.listed(frame.symbol))
        fills = machine.apply(frame.commands)
        yield [(frame.symbol, frame.epoch, *fields, bool(canary)) for *fields, canary in FILL.iter_unpack(fills)]
