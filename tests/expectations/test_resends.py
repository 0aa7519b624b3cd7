"""A member that asks again gets the first answer again: one acknowledgement, whoever gives it."""

from __future__ import annotations

import gzip
from typing import Any

from expectations.validate import validate
from tests.expectations.exchange import EPOCH, RECORD, SYMBOLS, TESTS, Exchange

MEMBER = 1


def heard(exchange: Exchange, *records: bytes) -> None:
    """Append to what the member has on file."""
    path = exchange.root / "captures" / f"{MEMBER:05d}.bin.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"".join(records)))


def answers(exchange: Exchange, symbol: str = "AAPL") -> list[tuple[int, ...]]:
    rows = [RECORD.unpack(raw) for raw in exchange.traded[symbol].heard[MEMBER]]
    return [row for row in rows if row[0] == 2]


def repeated(row: tuple[int, ...], *, seq: int | None = None) -> bytes:
    """The same answer to a resend: marked, without a send time."""
    fields = list(row)
    fields[3], fields[17] = 1, 0
    fields[8] = row[8] if seq is None else seq
    return RECORD.pack(*fields)


def found(exchange: Exchange, **bounds: Any) -> Any:
    return validate(exchange.source(**bounds), scope_symbols=SYMBOLS, test_symbols=TESTS)


def test_the_same_answer_twice_is_one_acknowledgement(exchange: Exchange) -> None:
    once = {facts.symbol: facts.acked for facts in found(exchange).facts}
    heard(exchange, *(repeated(row) for row in answers(exchange)[:5]))
    again = found(exchange)
    assert {facts.symbol: facts.acked for facts in again.facts} == once
    assert all(result.passed for result in again.results)
    assert set(once) == {*SYMBOLS, *TESTS}


def test_an_answer_that_only_the_resend_got_is_an_acknowledgement(exchange: Exchange) -> None:
    missing, before = answers(exchange)[3], found(exchange)
    kept = [raw for raw in exchange.traded["AAPL"].heard[MEMBER] if RECORD.unpack(raw) != missing]
    exchange.traded["AAPL"].heard[MEMBER] = [*kept, repeated(missing)]
    exchange.write_captures()
    after = found(exchange)
    assert [facts.acked for facts in after.facts] == [facts.acked for facts in before.facts]
    assert all(result.passed for result in after.results)
    assert missing[6] == EPOCH


def test_an_answer_for_another_command_at_the_same_seq_is_a_phantom_and_red(exchange: Exchange) -> None:
    one, other = answers(exchange)[:2]
    heard(exchange, repeated(one, seq=other[8]))
    red = {(result.check, result.symbol) for result in found(exchange).results if not result.passed}
    assert ("ack_command", "AAPL") in red
