"""Damaged worlds, from files: each leaves red checks for the right symbol, every check evaluated, and no exception."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from engine.codec import GENESIS, encode_frame
from engine.storage import open_store
from expectations.journal import Bounds, read_journal
from expectations.validate import validate
from expectations.validation import Validation
from tests.expectations.exchange import FILL, MEMBERS, RECORD, SYMBOLS, TESTS, Exchange, ack, flow, write

GUILTY = "MSFT"
ACK, SEQ = 2, 8  # kind of a capture record, and the place of its seq


def run(exchange: Exchange, **bounds: Any) -> Validation:
    return validate(exchange.source(**bounds), scope_symbols=SYMBOLS, test_symbols=TESTS)


def red(validation: Validation) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for result in validation.results:
        if not result.passed:
            found.setdefault(result.symbol, set()).add(result.check)
    return found


def facts(validation: Validation, symbol: str = GUILTY) -> Any:
    return next(one for one in validation.facts if one.symbol == symbol)


def frame(symbol: str = GUILTY, **changes: Any) -> bytes:
    fields: dict[str, Any] = {"environment": 1, "epoch": 1, "symbol": symbol, "first_seq": 64, "previous": GENESIS}
    return encode_frame([command.pack() for command in flow(symbol, 7, seed=8)], **(fields | changes))[0]


def test_a_healthy_exchange_passes_and_lists_what_the_kill_left_unacknowledged(exchange: Exchange) -> None:
    validation = run(exchange)
    assert validation.passed()
    assert validation.passed(scope=False)
    for symbol, traded in exchange.traded.items():
        known = facts(validation, symbol)
        assert known.lost == ()
        assert [command.seq for command in known.unacknowledged] == traded.unacknowledged != []
        assert known.journal_seq == known.recovered_seq == 63
        assert known.max_acked_seq == 56
        assert known.above_checkpoint == 3
        assert known.captured_fills == sum(record[0] == 3 for member in MEMBERS for record in traded.heard[member])
        assert known.finished_ns >= validation.started_ns


def test_some_fills_belong_to_unacknowledged_commands(exchange: Exchange) -> None:
    pending = [one for traded in exchange.traded.values() for one in traded.fills if one[0] in traded.unacknowledged]
    assert pending, "the small exchange must contain what the rule about phantoms is for"


def test_the_record_is_plain_json(exchange: Exchange) -> None:
    record = json.loads(json.dumps(run(exchange).record()))
    assert record["declared"] == record["evaluated"] == 35 * 3
    assert isinstance(record["started_ns"], str)
    assert isinstance(record["facts"][0]["unacknowledged"][0]["seq"], int)


def test_a_missing_object_is_a_gap_with_its_ends(exchange: Exchange) -> None:
    exchange.object(GUILTY, 1).unlink()
    validation = run(exchange)
    assert validation.complete
    assert red(validation).keys() == {GUILTY}
    gapless = next(result for result in validation.results if result.check == "frame_gapless" and not result.passed)
    assert gapless.first is not None
    assert gapless.first["gap"] == [22, 42]
    assert facts(validation).journal.gaps == ((22, 42),)
    assert facts(validation).journal_seq == 21


def test_duplicated_objects_pass_and_are_counted(exchange: Exchange) -> None:
    exchange.object(GUILTY, 9).write_bytes(exchange.object(GUILTY, 1).read_bytes())
    validation = run(exchange)
    assert validation.passed()
    assert facts(validation).journal.duplicates == 3


def test_reordered_objects_under_a_wrong_hour_pass_and_are_counted(exchange: Exchange) -> None:
    late = exchange.object(GUILTY, 0)
    wrong = late.parents[1] / "23" / "0000.gz"
    wrong.parent.mkdir()
    late.rename(wrong)
    validation = run(exchange)
    assert validation.passed()
    assert facts(validation).journal.reorder_depth == 6


def test_other_content_at_the_same_seq_is_a_conflict(exchange: Exchange) -> None:
    exchange.object(GUILTY, 9).write_bytes(gzip.compress(frame(first_seq=15)))
    validation = run(exchange)
    assert {"command_seq_once", "frame_gapless", "frame_chain"} <= red(validation)[GUILTY]
    assert validation.complete
    assert facts(validation).journal.conflicts == 7
    assert facts(validation).journal_seq == 14
    heard = [RECORD.unpack(record) for records in exchange.traded[GUILTY].heard.values() for record in records]
    acknowledged = {fields[SEQ] for fields in heard if fields[0] == ACK}
    lost = {command.seq for command in facts(validation).lost}
    assert lost == {seq for seq in acknowledged if seq > 14}, "from two truths on nothing is recovered, whoever says so"


def cut(content: bytes) -> bytes:
    return content[:-20]


def flip(content: bytes) -> bytes:
    return content[:60] + bytes([content[60] ^ 4]) + content[61:]


def no_gzip(content: bytes) -> bytes:
    return b"not a gzip object at all" + content[24:]


@pytest.mark.parametrize("damage", [cut, flip, no_gzip])
def test_an_object_that_does_not_unpack_is_named(exchange: Exchange, damage: Any) -> None:
    path = exchange.object(GUILTY, 1)
    path.write_bytes(damage(path.read_bytes()))
    validation = run(exchange)
    assert validation.complete
    assert red(validation).keys() == {GUILTY}
    unpacks = next(result for result in validation.results if result.check == "object_unpacks" and not result.passed)
    assert unpacks.first is not None
    assert unpacks.first["object"].endswith("0001.gz")
    assert "bad_gzip" in {damage.kind for damage in facts(validation).journal.damages}


@pytest.mark.parametrize(
    ("where", "check", "kind"),
    [
        (0, "object_decodes", "bad_header"),
        (4, "frame_version", "bad_header"),
        (6, "frame_environment", "foreign_environment"),
        (8, "frame_epoch", "bad_header"),
        (12, "frame_symbol", "foreign_symbol"),
        (32, "frame_length", "bad_header"),
        (100, "frame_checksum", "checksum"),
    ],
)
def test_a_flipped_bit_inside_a_frame_is_found(exchange: Exchange, where: int, check: str, kind: str) -> None:
    path = exchange.object(GUILTY, 1)
    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[where] ^= 1
    path.write_bytes(gzip.compress(bytes(plain)))
    validation = run(exchange)
    assert validation.complete
    assert red(validation).keys() == {GUILTY}
    assert check in red(validation)[GUILTY]
    assert (kind, 0) in {(damage.kind, damage.offset) for damage in facts(validation).journal.damages}


def test_an_object_that_ends_within_a_frame_is_found(exchange: Exchange) -> None:
    path = exchange.object(GUILTY, 1)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-5]))
    validation = run(exchange)
    assert "object_decodes" in red(validation)[GUILTY]
    assert "truncated" in {damage.kind for damage in facts(validation).journal.damages}


def test_a_foreign_frame_is_found(exchange: Exchange) -> None:
    exchange.object(GUILTY, 9).write_bytes(gzip.compress(frame("AAPL")))
    assert red(run(exchange)) == {GUILTY: {"frame_symbol"}}


def test_a_frame_of_an_exercise_is_found(exchange: Exchange) -> None:
    exchange.object(GUILTY, 9).write_bytes(gzip.compress(frame(environment=2)))
    assert red(run(exchange)) == {GUILTY: {"frame_environment"}}


def test_a_symbol_without_any_journal_is_counted_and_red(exchange: Exchange) -> None:
    for number in range(3):
        exchange.object(GUILTY, number).unlink()
    validation = run(exchange)
    assert validation.complete
    assert red(validation).keys() == {GUILTY}
    journal = {result.check for result in validation.results if result.suite == "journal"}
    assert journal - red(validation)[GUILTY] == {"command_seq_once"}
    assert facts(validation).journal_seq == 0


def recover_to(exchange: Exchange, seq: int) -> None:
    """The journal and an honest recovery end at `seq`; the members know more."""
    traded = exchange.traded[GUILTY]
    kept = traded.frames[: seq // 7]
    exchange.write_objects(GUILTY, [kept[first : first + 3] for first in range(0, 9, 3)])
    fills = [one for one in traded.fills if one[0] <= seq]
    exchange.recovered(GUILTY, "fills.bin").write_bytes(b"".join(FILL.pack(*one) for one in fills))
    result = {"status": "recovered", "seq": seq, "fills": len(fills)}
    exchange.recovered(GUILTY, "result.json").write_text(json.dumps(result))
    path = exchange.recovered(GUILTY, "checkpoints.jsonl")
    lines = [line for line in path.read_text().splitlines() if json.loads(line)["seq"] <= seq]
    path.write_text("\n".join(lines))


def test_a_lost_tail_is_counted_from_the_captures(exchange: Exchange) -> None:
    recover_to(exchange, 49)
    validation = run(exchange)
    assert validation.complete
    assert {"ack_recovered", "ack_command"} <= red(validation)[GUILTY]
    assert red(validation).keys() == {GUILTY}
    known = facts(validation)
    assert [command.seq for command in known.lost] == [50, 51, 52, 53, 54, 55, 56]
    assert all(command.ack_ns == 1_000 + command.seq for command in known.lost)
    assert (known.last_ack_ns, known.recovered_ack_ns) == (1_056, 1_049)
    assert known.lost_fills
    assert known.unacknowledged == ()


def test_a_planned_exercise_looks_no_further_than_its_recovery_point(exchange: Exchange) -> None:
    recover_to(exchange, 49)
    exchange.write_objects(GUILTY, [exchange.traded[GUILTY].frames])
    for number in (1, 2):
        exchange.object(GUILTY, number).unlink()
    validation = run(exchange, recovery_points={GUILTY: 49})
    assert red(validation) == {}
    assert facts(validation).acked == 47
    assert facts(validation).max_acked_seq == 49


def test_frames_above_the_fence_are_refused_and_counted(exchange: Exchange) -> None:
    recover_to(exchange, 56)
    exchange.write_objects(GUILTY, [exchange.traded[GUILTY].frames])
    for number in (1, 2):
        exchange.object(GUILTY, number).unlink()
    validation = run(exchange, fence_seqs={GUILTY: 56})
    assert red(validation) == {}
    assert facts(validation).journal.refused == 1
    assert facts(validation).journal_seq == 56


def test_another_digest_in_mid_replay_is_a_divergence(exchange: Exchange) -> None:
    path = exchange.recovered(GUILTY, "checkpoints.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["recovered"] = "ab" * 32
    path.write_text("\n".join(json.dumps(line) for line in lines))
    validation = run(exchange)
    assert red(validation) == {GUILTY: {"book_digest"}}
    first = next(result.first for result in validation.results if not result.passed)
    assert first is not None
    assert first["seq"] == 40


def test_a_phantom_fill_fails(exchange: Exchange) -> None:
    """A second fill of an acknowledged command, which no member has heard of."""
    traded = exchange.traded[GUILTY]
    seq, number, maker, taker, price, _, flags = next(one for one in traded.fills if not one[6])
    fills = [*traded.fills, (seq, number + 100, maker, taker, price, 0, flags)]
    exchange.recovered(GUILTY, "fills.bin").write_bytes(b"".join(FILL.pack(*one) for one in fills))
    result = {"status": "recovered", "seq": 63, "fills": len(fills)}
    exchange.recovered(GUILTY, "result.json").write_text(json.dumps(result))
    assert red(run(exchange)) == {GUILTY: {"fill_witnessed"}}


@pytest.mark.parametrize("name", ["result.json", "fills.bin", "checkpoints.jsonl"])
@pytest.mark.parametrize("content", [None, b"\xff{nonsense\n"])
def test_an_absent_or_unreadable_result_is_red(exchange: Exchange, name: str, content: bytes | None) -> None:
    path: Path = exchange.recovered(GUILTY, name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    validation = run(exchange)
    assert validation.complete
    assert red(validation).keys() == {GUILTY}


def test_an_acknowledgement_of_another_command_at_that_seq_is_lost(exchange: Exchange) -> None:
    wrong = flow(GUILTY, 63)[4]
    exchange.traded[GUILTY].heard[1].append(ack(GUILTY, 9, wrong))
    exchange.write_captures()
    validation = run(exchange)
    assert red(validation) == {GUILTY: {"ack_command"}}
    assert [(command.seq, command.command_id) for command in facts(validation).lost] == [(9, wrong.command_id)]


def test_acknowledgements_of_another_epoch_and_without_seq_are_left_out(exchange: Exchange) -> None:
    command = flow(GUILTY, 63)[4]
    exchange.traded[GUILTY].heard[1] += [ack(GUILTY, 900, command, epoch=2), ack(GUILTY, 0, command, status=4)]
    exchange.write_captures()
    validation = run(exchange)
    assert validation.passed()
    assert validation.unsequenced == 1


def test_captures_that_say_nothing_are_no_witness(exchange: Exchange) -> None:
    for member in MEMBERS:
        (exchange.root / "captures" / f"{member:05d}.bin.gz").unlink()
    validation = run(exchange)
    assert validation.evaluated < validation.declared
    assert {result.check for result in validation.results if not result.evaluated} == {"ack_recovered", "ack_command"}


def test_an_unreadable_capture_leaves_its_checks_unevaluated_and_is_named(exchange: Exchange) -> None:
    path = exchange.root / "captures" / "00002.bin.gz"
    path.write_bytes(path.read_bytes()[:-40])
    validation = run(exchange)
    assert validation.evaluated < validation.declared
    assert "00002.bin.gz" in validation.errors[0]


def test_a_test_symbol_fails_apart(exchange: Exchange) -> None:
    exchange.object("ZZT1", 1).unlink()
    validation = run(exchange)
    assert validation.passed()
    assert not validation.passed(scope=False)


def test_symbols_must_be_exactly_scope_plus_tests(exchange: Exchange) -> None:
    with pytest.raises(ValueError, match="scope_symbols plus test_symbols"):
        validate(exchange.source(), scope_symbols=SYMBOLS)


def test_a_later_epoch_continues_seq_and_chain(tmp_path: Path) -> None:
    exchange = write(tmp_path, ("AAPL",))
    frames = exchange.traded["AAPL"].frames
    bounds = Bounds("AAPL", environment=1, epoch=1)
    store = open_store(f"file://{tmp_path}/journal/")
    exchange.write_objects("AAPL", [frames[:3], frames[:0], frames[:0]])
    first = read_journal(store, bounds).account
    exchange.write_objects("AAPL", [frames[3:], frames[:0], frames[:0]])
    later = Bounds("AAPL", environment=1, epoch=1, start_seq=first.contiguous_seq, start_frame=first.last_frame)
    assert read_journal(store, later).account.damages == ()
    assert read_journal(store, later).account.contiguous_seq == 63
