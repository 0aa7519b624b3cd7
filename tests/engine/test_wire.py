from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import wire
from engine.errors import WireError
from engine.messages import Command, command_id

COMMAND = Command(1, command_id(3, 9), command_id(3, 8), -4, 5, 6, 3, 1, 0, 3, 2)
MESSAGES = (
    wire.Login(65_000, 2),
    wire.Order(103, COMMAND),
    wire.Echo(-7),
    wire.LoginAnswer(1, 2, wire.LOGIN_OPEN),
    wire.Ack(1, 2, 3, 4, 5, 1, 0, 6),
    wire.Fill(1, 2, 3, 4, 5, -6, 7, wire.TAKER),
    wire.Cancelled(1, 2, 3, 4, 5, 19),
    wire.EchoAnswer(1, 2),
    wire.Quote(1, 2, 3, 4, 5, 6, 7),
    wire.Print(1, 2, 3, 4, 5, 1),
    wire.Trading(1, 2, 3, 1),
)
ALL = wire.FROM_CLIENT + wire.FROM_ENGINE + wire.FROM_MARKET_DATA
SIZES = {"L": 5, "C": 51, "H": 9, "l": 7, "A": 37, "F": 38, "X": 28, "h": 17, "Q": 39, "P": 28, "T": 16}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_went(message: wire.Message) -> None:
    raw = message.pack()
    assert wire.unpack(raw) == message
    assert SIZES[chr(raw[0])] == len(raw)


def test_no_two_messages_share_a_type() -> None:
    assert len({kind.TYPE for kind in ALL}) == len(ALL) == len(MESSAGES)


@given(cuts=st.sets(st.integers(0, 275)))
def test_a_stream_gives_the_same_messages_wherever_the_reads_cut_it(cuts: set[int]) -> None:
    raw = wire.pack(*MESSAGES)
    edges = [0, *sorted(cuts), len(raw)]
    splitter = wire.Splitter(ALL)
    chunks = [raw[a:b] for a, b in pairwise(edges)]
    assert [message for chunk in chunks for message in splitter.feed(chunk)] == list(MESSAGES)
    assert splitter.pending == 0


def test_an_incomplete_message_waits() -> None:
    splitter = wire.Splitter(wire.FROM_CLIENT)
    assert list(splitter.feed(wire.Echo(1).pack()[:-1])) == []
    assert splitter.pending == 8


def test_what_stands_before_a_foreign_byte_is_given_out_first() -> None:
    stream = wire.Splitter(wire.FROM_CLIENT).feed(wire.Echo(1).pack() + b"?")
    assert next(stream) == wire.Echo(1)
    with pytest.raises(WireError, match=r"byte 9.*unknown type"):
        next(stream)


NOT_FROM_A_CLIENT = (wire.LoginAnswer(1, 1, 1), wire.Quote(1, 1, 1, 0, 0, 0, 0))
BAD_BYTES = (b"", b"?", b"H", wire.Echo(1).pack() + b"\0")
UNKNOWN_VALUES = ({"kind": 0}, {"kind": 9}, {"side": 2}, {"type": 2}, {"tif": 4}, {"flags": 4})


@pytest.mark.parametrize("message", NOT_FROM_A_CLIENT, ids=lambda message: type(message).__name__)
def test_a_peer_may_send_only_its_own_types(message: wire.Message) -> None:
    with pytest.raises(WireError, match="unknown type"):
        list(wire.Splitter(wire.FROM_CLIENT).feed(message.pack()))


@pytest.mark.parametrize("raw", BAD_BYTES)
def test_bytes_that_are_no_message_are_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        wire.unpack(raw)


@pytest.mark.parametrize("values", UNKNOWN_VALUES, ids=str)
def test_an_order_of_unknown_values_is_refused(values: dict[str, int]) -> None:
    fields = {"ts_ns": 0, "command_id": 1, "target_id": 0, "price": 1, "qty": 1, "customer": 0, "kind": 1} | values
    with pytest.raises(WireError, match="read order"):
        wire.unpack(wire.Order(1, Command(**fields)).pack())
