"""The first differing order: what members were told, and what a recovery traded, against the oracle's own answers."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core.captures import ACK, FILL, RECORD, BadCapture
from drill.core.told import told
from drill.differing import Difference, Played, earliest, first_told, first_traded
from engine.fill import fill_records
from engine.messages import Kind, TimeInForce
from oracle import NaiveVenue

EPOCH, NUMBER, OTHER = 3, 7, 8
MEMBERS = (1, 2)
BASE = 100
"""Orders of this test cross at prices around it, so every few commands trade."""


def played(count: int) -> list[Played]:
    """Two members take turns to buy and to sell; every third order walks through what rests."""
    venue, found = NaiveVenue("AAPL"), []
    for seq in range(1, count + 1):
        command = {
            "ts_ns": seq, "command_id": MEMBERS[seq % 2] << 48 | seq, "target_id": 0, "price": BASE + seq % 3,
            "qty": 10 * (1 + seq % 4), "customer": 1, "kind": int(Kind.NEW), "side": seq % 2, "type": 0,
            "tif": int(TimeInForce.GTC), "flags": 0,
        }  # fmt: skip
        found.append(Played(epoch=EPOCH, seq=seq, command=command, answer=venue.apply(command)))
    return found


def record(kind: int, one: Played, identity: int, **said: int) -> bytes:
    """A record of a capture as a member writes it."""
    row = {"status": 0, "reason": 0, "fill_no": 0, "open_qty": 0, "price": 0, "qty": 0, "number": NUMBER} | said
    return RECORD.pack(
        kind, row["status"], row["reason"], 0, row["number"], row["fill_no"], one.epoch, row["open_qty"], one.seq,
        identity, 5, row["price"], row["qty"], 0, 0, 0, 0, 0,
    )  # fmt: skip


def captured(commands: Iterable[Played]) -> dict[int, bytes]:
    """The captures of members who were told exactly what the oracle answers."""
    files = dict.fromkeys(MEMBERS, b"")
    for one in commands:
        identity, answer = one.command["command_id"], one.answer
        files[identity >> 48] += record(
            ACK, one, identity, status=answer.status, reason=answer.reason, open_qty=answer.open_qty
        )
        for number, (maker, taker, price, qty) in enumerate(answer.trades):
            for order in (maker, taker):
                files[order >> 48] += record(FILL, one, order, fill_no=number, price=price, qty=qty)
    return files


def fills_of(commands: Iterable[Played]) -> bytes:
    return b"".join(fill_records(one.seq, 0, one.answer.trades) for one in commands)


COMMANDS = played(40)
TRADING = [one for one in COMMANDS if one.answer.trades]
TOLD = told(captured(COMMANDS), NUMBER)


def test_members_who_were_told_what_the_oracle_answers_contradict_nothing() -> None:
    assert len(TRADING) > 10
    assert first_told(COMMANDS, TOLD) == (None, len(COMMANDS))


@given(st.sets(st.sampled_from(sorted(TOLD))))
def test_silence_contradicts_nothing(heard: set[tuple[int, int]]) -> None:
    silent = {place: TOLD[place] for place in heard}
    assert first_told(COMMANDS, silent) == (None, len(heard))


@given(st.sampled_from(sorted(TOLD)), st.integers(1, 1000), st.booleans())
def test_the_first_command_that_was_answered_otherwise_is_named(
    place: tuple[int, int], more: int, later_too: bool
) -> None:
    heard = dict(TOLD)
    for where in sorted(TOLD):
        if where == place or (later_too and where > place):
            answer = TOLD[where].answer
            assert answer is not None
            other = msgspec.structs.replace(answer, open_qty=answer.open_qty + more)
            heard[where] = msgspec.structs.replace(TOLD[where], answer=other)
    found, _ = first_told(COMMANDS, heard)
    one = COMMANDS[place[1] - 1]
    assert found is not None
    assert (found.seq, found.order_id, found.side) == (place[1], one.command["command_id"], "primary")
    assert found.said.endswith(f"{one.answer.open_qty + more} open")
    assert found.oracle.endswith(f"{one.answer.open_qty} open")


@given(st.sampled_from(TRADING), st.integers(1, 9))
def test_a_fill_of_another_quantity_names_the_order_that_was_told_of_it(one: Played, more: int) -> None:
    known = TOLD[one.place]
    fill = min(known.fills)
    other = msgspec.structs.replace(fill, qty=fill.qty + more)
    heard = {**TOLD, one.place: msgspec.structs.replace(known, fills=known.fills - {fill} | {other})}
    found, _ = first_told(COMMANDS, heard)
    said = (f"a fill of {fill.qty} at {fill.price}", f"a fill of {fill.qty + more} at {fill.price}")
    assert found == Difference(seq=one.seq, order_id=fill.order_id, side="primary", oracle=said[0], said=said[1])


def test_a_fill_of_an_order_that_did_not_trade_is_named() -> None:
    quiet = next(one for one in COMMANDS if not one.answer.trades)
    files = captured(COMMANDS)
    files[1] += record(FILL, quiet, 1 << 48 | 1, price=BASE, qty=5)
    found, _ = first_told(COMMANDS, told(files, NUMBER))
    assert found is not None
    assert (found.seq, found.oracle, found.said) == (quiet.seq, "no fill", f"a fill of 5 at {BASE}")


def test_other_instruments_and_refusals_without_a_seq_are_not_told_of_this_one() -> None:
    one = COMMANDS[0]
    files = {1: record(ACK, one, 9, number=OTHER) + RECORD.pack(ACK, 4, 6, 0, NUMBER, 0, EPOCH, 0, 0, *[0] * 9)}
    assert told(files, NUMBER) == {}


def test_the_answer_to_a_resend_is_the_first_answer() -> None:
    files = captured(COMMANDS)
    assert told({1: files[1] + files[1], 2: files[2]}, NUMBER) == TOLD


def test_a_torn_capture_is_refused() -> None:
    with pytest.raises(BadCapture, match="capture of member 1: 63 bytes"):
        told({1: bytes(63)}, NUMBER)


def test_a_recovery_that_traded_as_the_oracle_does_contradicts_nothing() -> None:
    assert first_traded(COMMANDS, fills_of(COMMANDS), 0) == (None, len(COMMANDS))


@given(st.sampled_from(TRADING))
def test_the_first_command_at_which_a_recovery_traded_otherwise_is_named(one: Played) -> None:
    maker, taker, price, qty = one.answer.trades[0]
    other = ((maker, taker, price + 1, qty), *one.answer.trades[1:])
    rest = [mine for mine in COMMANDS if mine is not one]
    raw = sorted([*_rows(rest), (one.seq, fill_records(one.seq, 0, other))])
    found, looked = first_traded(COMMANDS, b"".join(image for _, image in raw), 0)
    said = (f"a trade of {qty} at {price}", f"a trade of {qty} at {price + 1}")
    assert found == Difference(seq=one.seq, order_id=maker, side="recovery", oracle=said[0], said=said[1])
    assert looked == one.seq


def _rows(commands: Iterable[Played]) -> list[tuple[int, bytes]]:
    return [(one.seq, fill_records(one.seq, 0, one.answer.trades)) for one in commands]


@pytest.mark.parametrize("missing", [True, False], ids=["a trade too few", "a trade too many"])
def test_a_trade_that_only_one_side_made_is_named(missing: bool) -> None:
    one = TRADING[0] if missing else next(one for one in COMMANDS if not one.answer.trades)
    stray = ((1, 2, BASE, 5),)
    raw = b"".join(
        fill_records(mine.seq, 0, (() if missing else stray) if mine is one else mine.answer.trades)
        for mine in COMMANDS
    )
    found, _ = first_traded(COMMANDS, raw, 0)
    assert found is not None
    assert found.seq == one.seq
    assert (found.oracle == "no trade", found.said == "no trade") == (not missing, missing)


def test_what_lies_before_the_snapshot_was_not_traded_by_the_recovery() -> None:
    base = TRADING[3].seq
    after = [one for one in COMMANDS if one.seq > base]
    assert first_traded(COMMANDS, fills_of(after), base) == (None, len(after))


def test_of_two_sides_the_earlier_difference_is_the_first() -> None:
    def at(seq: int) -> Difference:
        return Difference(seq=seq, order_id=1, side="primary", oracle="", said="")

    assert earliest([at(9), None, at(4)]) == at(4)
    assert earliest([None]) is None
