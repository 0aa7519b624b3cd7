"""A member's file after a failover: complete, right, and clear about what the member was not told."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.__main__ import main
from engine.capture import RECORD, read_capture
from engine.codec import decode_frame
from engine.errors import CaptureError
from engine.listing import instrument
from engine.messages import Command, Kind, Side, Status, TimeInForce, command_id
from engine.reconciliation import Reconciliation
from engine.venue import Venue
from tests.engine.epochs import traded
from tests.engine.test_journal_command import filed
from tests.engine.written_journal import SYMBOL, written
from tests.property.flows import MEMBERS, flows
from witness import capture as witness_capture

NUMBER = instrument(SYMBOL).number
SENT, ACK, FILL, CANCELLED = 1, 2, 3, 4


def captured(flow: list[Command], member: int, *, told: int, lost: tuple[Command, ...] = ()) -> bytes:
    """What a member's gateway wrote: everything sent, and the answers to the first `told` commands of the market."""
    venue, records = Venue(SYMBOL), []
    for seq, command in enumerate(flow, 1):
        outcome = venue.apply(seq, command)
        if command.member == member:
            records.append(record(SENT, 0, command))
            if seq <= told:
                records.append(record(ACK, seq, command, status=outcome.status, reason=outcome.reason))
        if seq <= told:
            for fill_no, (maker, taker, price, qty) in enumerate(outcome.fills):
                records += [
                    RECORD.pack(FILL, 0, 0, 1, NUMBER, fill_no, 1, 0, seq, order, 0, price, qty, 0, 0, 0, 0, 0)
                    for order in (maker, taker)
                    if order >> 48 == member
                ]
            records += [
                RECORD.pack(CANCELLED, 0, outcome.reason, 0, NUMBER, 0, 1, 0, seq, order, 0, 0, qty, 0, 0, 0, 0, 0)
                for order, qty in outcome.cancels
                if order >> 48 == member
            ]
    records += [record(SENT, 0, command) for command in lost]
    return b"".join(records)


def record(kind: int, seq: int, command: Command, *, status: int = 0, reason: int = 0) -> bytes:
    fields = (command.price, command.qty, command.kind, command.side, command.type, command.tif, 0)
    if command.price < 0:
        fields = (0, *fields[1:])
    return RECORD.pack(kind, status, reason, 0, NUMBER, 0, 1, 0, seq, command.command_id, command.ts_ns, *fields)


def reconciled(
    flow: list[Command], member: int, folder: Path, *, told: int, lost: tuple[Command, ...] = ()
) -> Reconciliation:
    path = folder / f"{member:05d}.bin"
    path.write_bytes(captured(flow, member, told=told, lost=lost))
    followed = Reconciliation(Venue(SYMBOL), member, capture=read_capture(path, member))
    for raw in written(flow)[0]:
        followed.apply(decode_frame(raw))
    followed.close()
    return followed


@given(flow=flows(), member=st.sampled_from(MEMBERS))
def test_it_agrees_with_the_book_and_with_every_fill_and_who_was_told_of_all_is_certain_of_all(
    flow: list[Command], member: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    orders = reconciled(flow, member, tmp_path_factory.mktemp("captures"), told=len(flow)).orders
    venue, filled, notional = Venue(SYMBOL), dict.fromkeys(orders, 0), dict.fromkeys(orders, 0)
    for seq, command in enumerate(flow, 1):
        for maker, taker, price, qty in venue.apply(seq, command).fills:
            for order_id in (maker, taker):
                if order_id >> 48 == member:
                    filled[order_id] += qty
                    notional[order_id] += qty * price
    resting = {
        order.order_id: (order.price, order.open_qty)
        for book in (venue.book, venue.canary)
        for order in book.index.values()
        if order.order_id >> 48 == member
    }
    opened = {identity: order for identity, order in orders.items() if order.state == "open"}
    assert {identity: (order.price, order.open_qty) for identity, order in opened.items()} == resting
    assert all(order.open_qty == 0 for order in orders.values() if order.state != "open")
    assert {identity: order.filled_qty for identity, order in orders.items()} == filled
    assert {identity: order.notional for identity, order in orders.items()} == notional
    assert all(order.filled_qty == order.qty for order in orders.values() if order.state == "filled")
    assert {order.outcome for order in orders.values() if "disconnected" not in order.reason} <= {"certain"}


@given(data=st.data(), flow=flows(), member=st.sampled_from(MEMBERS))
def test_unknown_are_exactly_the_orders_to_which_something_happened_that_was_not_told(
    data: st.DataObject, flow: list[Command], member: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = data.draw(st.integers(0, len(flow)))
    orders = reconciled(flow, member, tmp_path_factory.mktemp("captures"), told=told).orders
    venue, known, answered, expected = Venue(SYMBOL), set(), set(), set()
    for seq, command in enumerate(flow, 1):
        outcome = venue.apply(seq, command)
        named = command.target_id if command.kind <= Kind.REDUCE else 0  # others end orders without naming them
        order = command.command_id if command.kind == Kind.NEW else named
        if command.member == member and command.kind == Kind.NEW and order in known:
            continue  # a resend that came too late: what became of the first one is what counts
        if command.member == member:
            known |= {order} if command.kind == Kind.NEW else set()
            answered |= {command.command_id} if seq <= told else set()
            expected |= {order} & known if command.command_id not in answered else set()
        if seq > told:
            expected |= known & {identity for fill in outcome.fills for identity in fill[:2]}
            expected |= known & {identity for identity, _ in outcome.cancels}
    disconnected = {identity for identity, order in orders.items() if order.reason == "disconnected"}
    assert {identity for identity, order in orders.items() if order.outcome == "unknown"} == expected | disconnected


def test_the_layout_is_the_one_that_members_write() -> None:
    assert RECORD.format == witness_capture.RECORD.format
    kinds = (witness_capture.SENT, witness_capture.ACK, witness_capture.FILL, witness_capture.CANCELLED)
    assert kinds == (SENT, ACK, FILL, CANCELLED)


# A small exchange, lost after seq 6; the DR site goes on. Member 1 was told up to seq 4.


def new(member: int, number: int, side: Side, qty: int, price: int) -> Command:
    return Command(number, command_id(member, number), 0, price, qty, 7, Kind.NEW, side)


FLOW = [
    new(1, 1, Side.BUY, 10, 100),
    new(1, 2, Side.BUY, 10, 99),
    new(1, 3, Side.BUY, 10, 98),
    new(2, 1, Side.SELL, 4, 100),
    Command(5, command_id(1, 4), command_id(1, 2), 0, 0, 7, Kind.CANCEL),
    new(2, 2, Side.SELL, 6, 100),
    new(2, 3, Side.SELL, 1, 98),
]
LOST = (new(1, 5, Side.BUY, 3, 97), Command(9, command_id(1, 6), command_id(1, 3), 0, 0, 7, Kind.CANCEL))


@pytest.fixture
def address(tmp_path: Path) -> str:
    return filed(traded(FLOW, [6]), tmp_path / "bucket")


def run(capsys: Any, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    capsys.readouterr()
    status = main(["reconcile", *words, "--json"])
    told = capsys.readouterr()
    return status, [json.loads(line) for line in told.out.splitlines()], told.err


def test_with_its_capture_a_member_learns_the_fate_of_every_order(address: str, capsys: Any, tmp_path: Path) -> None:
    capture = tmp_path / "00001.bin.gz"
    capture.write_bytes(gzip.compress(captured(FLOW, 1, told=4, lost=LOST)))
    status, orders, said = run(capsys, address, "--member", "1", "--capture", str(capture))
    assert status == 0
    assert [(order["number"], order["request"], order["outcome"], order["ended"]) for order in orders] == [
        (1, "new", "unknown", "filled, 10 of 10 filled"),
        (2, "new", "unknown", "cancelled, 0 of 10 filled"),
        (3, "new", "unknown", "open, 1 of 10 filled, 9 open @ 98"),
        (5, "new", "unknown", "never received: not executed, send it again if it is still wanted"),
        (6, "cancel", "unknown", "never received: not executed, send it again if it is still wanted"),
    ]
    assert [order["untold"] for order in orders] == [
        ["fill of 6 @ 100 (seq 6)"],
        ["cancel #4: cancelled (seq 5)"],
        ["fill of 1 @ 98 (seq 7)"],
        ["new #5: never received, so not executed"],
        ["cancel #6: never received, so not executed"],
    ]
    assert "5 orders, 5 of unknown outcome, by its own capture" in said


def test_without_a_capture_the_last_frame_of_a_lost_epoch_is_in_doubt(address: str, capsys: Any) -> None:
    status, orders, said = run(capsys, address, "--member", "1")
    assert status == 0
    assert [(order["number"], order["outcome"], order["untold"]) for order in orders] == [
        (1, "unknown", ["fill of 6 @ 100 (seq 6)"]),  # frames hold four commands: seqs 5 and 6 were epoch 1's last
        (2, "unknown", ["cancel #4: cancelled (seq 5)"]),
        (3, "certain", []),
    ]
    assert "--capture makes it exact" in said


def test_only_the_unknown_and_as_csv(address: str, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "member-1.csv"
    assert main(["reconcile", address, "--member", "1", "--unknown", "--out", str(out)]) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [(row["order_id"], row["state"], row["filled_qty"], row["notional"]) for row in rows] == [
        (str(command_id(1, 1)), "filled", "10", "1000"),
        (str(command_id(1, 2)), "cancelled", "0", "0"),
    ]
    assert (rows[0]["ended"], rows[0]["untold"]) == ("filled, 10 of 10 filled", "fill of 6 @ 100 (seq 6)")


def test_what_the_exchange_cancelled_is_told_with_its_reason(tmp_path: Path, capsys: Any) -> None:
    flow = [
        Command(1, command_id(1, 1), 0, 100, 5, 7, Kind.NEW, Side.BUY, 0, TimeInForce.DAY),
        Command(2, command_id(1, 2), 0, 100, 5, 7, Kind.NEW, Side.BUY),
        Command(3, command_id(65_001, 1), 0, 0, 0, 0, Kind.DAY_END),
        Command(4, command_id(65_002, 1), command_id(1, 0), 0, 0, 0, Kind.MASS_CANCEL),
    ]
    status, orders, _ = run(capsys, filed(traded(flow, []), tmp_path), "--member", "1")
    assert status == 0
    assert [(order["ended"], order["outcome"], order["untold"]) for order in orders] == [
        ("cancelled (day_end), 0 of 5 filled", "certain", []),
        ("cancelled (disconnected), 0 of 5 filled", "unknown", ["5 cancelled: disconnected (seq 4)"]),
    ]


def test_an_order_refused_without_a_seq_was_told(tmp_path: Path, capsys: Any, address: str) -> None:
    refused = new(1, 9, Side.BUY, 1, 90)
    raw = record(SENT, 0, refused) + record(ACK, 0, refused, status=Status.REJECTED, reason=6)
    path = tmp_path / "00001.bin"
    path.write_bytes(captured(FLOW, 1, told=7) + raw + b"torn")
    _, orders, _ = run(capsys, address, "--member", "1", "--capture", str(path))
    assert [order["outcome"] for order in orders] == ["certain"] * 4
    assert orders[-1]["ended"] == "rejected (halted), 0 of 1 filled"


def test_a_damaged_journal_is_reconciled_as_far_as_it_goes_with_status_1(address: str, capsys: Any) -> None:
    path = Path(address.removeprefix("file://"), "journal", f"epoch=2/symbol={SYMBOL}/frames.gz")
    path.write_bytes(b"nonsense")
    status, orders, said = run(capsys, address, "--member", "1")
    assert (status, orders[2]["ended"]) == (1, "open, 0 of 10 filled, 10 open @ 98")
    assert "AAL bad_gzip" in said


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (record(SENT, 0, new(2, 1, Side.BUY, 1, 1)), "expected member 1, found 2"),
        (bytes([9]) + record(SENT, 0, FLOW[0])[1:], "found kind 9"),
        (b"\x01" * 64, "found kind 1 of 257"),
    ],
)
def test_a_file_that_is_no_capture_of_this_member_is_refused(
    address: str, capsys: Any, tmp_path: Path, raw: bytes, said: str
) -> None:
    path = tmp_path / "00001.bin"
    path.write_bytes(raw)
    assert main(["reconcile", address, "--member", "1", "--capture", str(path)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert said in told.err


@given(raw=st.binary(max_size=300), name=st.sampled_from(("00001.bin", "00001.bin.gz")))
def test_any_file_is_a_capture_or_a_capture_error(
    raw: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("captures") / name
    path.write_bytes(raw)
    try:
        read_capture(path, 1)
    except CaptureError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either end is right
