"""L4: the oracle replays a journal that an engine wrote, and says which of three digests is the wrong one."""

from __future__ import annotations

import msgspec
import pytest

from drill.core.evidence.pseudonym import Pseudonyms
from drill.core.told import Answered, Told
from drill.second_opinion import Left, Opinion, opinion, sampled
from engine.codec import GENESIS, Checkpoint, encode_frame
from engine.listing import instrument
from engine.messages import Command, Kind
from engine.venue import Venue
from oracle import NaiveVenue, OracleFrame, read_frames

SYMBOL = "AAPL"
FRAMES, COMMANDS = 4, 5


def traded() -> tuple[list[OracleFrame], dict[int, tuple[str, str]]]:
    """Frames of an engine that traded, each with a checkpoint at its end, and what a recovery compared."""
    venue, previous, seq, raw = Venue.listed(SYMBOL), GENESIS, 0, b""
    compared: dict[int, tuple[str, str]] = {}
    for _ in range(FRAMES):
        commands = []
        for _ in range(COMMANDS):
            seq += 1
            identity = 1 << 48 | seq
            command = Command(seq, identity, 0, 10_000 + seq % 3 * 100, 100, 1, int(Kind.NEW), seq % 2, 0, 0, 0)
            venue.apply(seq, command)
            commands.append(command.pack())
        mark = Checkpoint(seq, venue.digest())
        image, previous = encode_frame(
            commands,
            environment=1,
            epoch=1,
            symbol=SYMBOL,
            first_seq=seq - COMMANDS + 1,
            previous=previous,
            checkpoints=[mark],
        )
        compared[seq] = (mark.digest.hex(), mark.digest.hex())
        raw += image
    return list(read_frames(raw)), compared


def ask(frames: list[OracleFrame], compared: dict[int, tuple[str, str]]) -> Opinion:
    return opinion(SYMBOL, frames, compared)


def test_where_all_agree_no_side_is_wrong() -> None:
    found = ask(*traded())
    assert (found.wrong_side, found.checkpoints, found.agreed_seq, found.level) == ("", 4, 20, "L4")


def test_a_primary_that_diverged_from_its_own_journal_is_the_wrong_side() -> None:
    frames, compared = traded()
    other = "00" * 32
    frames[2] = frames[2]._replace(checkpoints={15: bytes.fromhex(other)})
    compared[15] = (other, compared[15][1])
    found = ask(frames, compared)
    assert (found.wrong_side, found.seq, found.agreed_seq) == ("primary", 15, 10)
    assert f"journal and oracle say {found.oracle[:16]}, the primary wrote {other[:16]}" in found.text
    assert SYMBOL in found.text


def test_a_recovery_that_came_to_another_state_is_the_wrong_side() -> None:
    frames, compared = traded()
    compared[10] = (compared[10][0], "11" * 32)
    assert (ask(frames, compared).wrong_side, ask(frames, compared).seq) == ("recovery", 10)


def test_where_nobody_agrees_the_oracle_takes_no_side() -> None:
    frames, compared = traded()
    frames[0] = frames[0]._replace(checkpoints={5: bytes(32)})
    compared[5] = ("00" * 32, "11" * 32)
    assert ask(frames, compared).wrong_side == "unknown"


def test_a_changed_command_shows_at_the_next_checkpoint() -> None:
    frames, compared = traded()
    frames[1].commands[0]["price"] += 100
    found = ask(frames, compared)
    assert (found.wrong_side, found.seq) == ("unknown", 10), "primary and recovery agree, the journal says otherwise"


def told(open_qty: int, seq: int = 13) -> Left:
    """A member was told of one command, that it left so much open."""
    answer = Answered(command_id=1 << 48 | seq, status=1, reason=0, open_qty=open_qty)
    return Left(told=lambda: {(1, seq): Told(answer=answer)})


def wrong_primary(left: Left) -> Opinion:
    """The primary's checkpoint at seq 15 is of another book."""
    frames, compared = traded()
    frames[2] = frames[2]._replace(checkpoints={15: bytes(32)})
    compared[15] = ("00" * 32, compared[15][1])
    return opinion(SYMBOL, frames, compared, left)


def test_the_order_is_named_of_which_members_were_told_otherwise() -> None:
    found = wrong_primary(told(open_qty=99))
    assert found.first is not None
    assert (found.first.seq, found.first.side, found.wrong_side) == (13, "primary", "primary")
    assert "AAPL: first differing order at seq 13, members were told open, 99 open, the oracle says" in found.text
    assert "at seq 15: journal and oracle say" in found.text


def test_where_members_were_told_nothing_else_the_range_is_given_and_how_much_was_looked_at() -> None:
    silent = wrong_primary(Left())
    assert (silent.first, silent.looked) == (None, 0)
    assert "first at seq 15, in an order after seq 10: journal and oracle say" in silent.text
    venue = NaiveVenue(SYMBOL, tick=instrument(SYMBOL).tick_cents, lot=instrument(SYMBOL).lot)
    answers = [venue.apply(command) for frame in traded()[0] for command in frame.commands]
    seq = next(seq for seq in range(11, 16) if answers[seq - 1].open_qty)
    right = wrong_primary(told(answers[seq - 1].open_qty, seq))
    assert (right.first, right.looked) == (None, 1)
    assert "1 answers and fills that members were told agree with the oracle, so no order can be named" in right.text


def test_what_was_told_before_the_last_agreement_is_not_looked_at() -> None:
    assert wrong_primary(told(open_qty=99, seq=8)).looked == 0


def test_the_recovery_is_held_against_its_own_trades() -> None:
    frames, compared = traded()
    compared[10] = (compared[10][0], "11" * 32)
    found = opinion(SYMBOL, frames, compared, Left(fills=bytes(39)))
    assert (found.wrong_side, found.seq, found.agreed_seq) == ("recovery", 10, 5)
    assert found.first is not None
    assert (found.first.side, found.first.said) == ("recovery", "no trade")
    assert 5 < found.first.seq <= 20


def test_the_order_is_filed_without_its_members_name() -> None:
    found = wrong_primary(told(open_qty=99))
    filed = Pseudonyms(bytes(32)).conceal(msgspec.to_builtins(found))
    assert str(filed["first"]["order_id"]).endswith("-13")
    assert str(1 << 48 | 13) not in msgspec.json.encode(filed).decode()


@pytest.mark.parametrize("nonce", ["a" * 64, "b" * 64])
def test_the_sample_is_drawn_by_the_registered_hash(nonce: str) -> None:
    symbols = ("AAPL", "ADBE", "AMZN", "MSFT", "NFLX")
    assert sampled(symbols, nonce) == sampled(tuple(reversed(symbols)), nonce)
    assert len(set(sampled(symbols, nonce))) == 2
    assert set(sampled(symbols, nonce)) <= set(symbols)
