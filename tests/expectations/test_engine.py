"""The engine's own recovery of the small exchange, judged by the validator."""

from __future__ import annotations

import gzip
import json
from typing import Any

from engine.replay import Comparison, recover
from engine.storage import open_store
from expectations.validate import validate
from tests.expectations.exchange import SYMBOLS, TESTS, Exchange

GUILTY = "MSFT"


def rehydrate(exchange: Exchange) -> None:
    """Replace the written results by what the engine makes of the journal."""
    store = open_store(exchange.source().journal_store_uri)
    for symbol in exchange.traded:
        fills, met = bytearray(), list[Comparison]()
        recovery = recover(
            store,
            symbol,
            environment=1,
            now_ns=lambda: 1,
            epoch=1,
            on_fills=fills.extend,
            on_checkpoint=met.append,
        )
        exchange.recovered(symbol, "fills.bin").write_bytes(fills)
        exchange.recovered(symbol, "checkpoints.jsonl").write_bytes(b"".join(one.line() for one in met))
        result = recovery.result(from_epoch=1, epoch=2, build="")
        exchange.recovered(symbol, "result.json").write_text(json.dumps(result))


def run(exchange: Exchange) -> Any:
    rehydrate(exchange)
    return validate(exchange.source(), scope_symbols=SYMBOLS, test_symbols=TESTS)


def test_the_engines_recovery_of_a_whole_journal_is_green(exchange: Exchange) -> None:
    validation = run(exchange)
    assert validation.passed()
    assert validation.passed(scope=False)


def test_engine_and_validator_agree_where_a_damaged_journal_ends(exchange: Exchange) -> None:
    path = exchange.object(GUILTY, 1)
    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[600] ^= 1  # in the second of three frames
    path.write_bytes(gzip.compress(bytes(plain)))
    validation = run(exchange)
    known = next(one for one in validation.facts if one.symbol == GUILTY)
    assert validation.complete
    assert known.recovered_seq == known.journal_seq == 28
    assert [command.seq for command in known.lost] == list(range(29, 57))
    assert {result.symbol for result in validation.results if not result.passed} == {GUILTY}


def test_an_object_cut_short_loses_only_what_was_cut(exchange: Exchange) -> None:
    path = exchange.object(GUILTY, 2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    validation = run(exchange)
    known = next(one for one in validation.facts if one.symbol == GUILTY)
    assert validation.complete
    assert known.recovered_seq == known.journal_seq
    assert 42 <= known.journal_seq < 63
