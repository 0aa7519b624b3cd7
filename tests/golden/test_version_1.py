"""What was written in version 1 stays readable, and means what it meant, as long as there is an engine.

A test that fails here is not to be mended by writing the files again (`write_version_1.py` says how they came about):
it says that this engine would misread the records of five years.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from engine.codec import decode_frame, encode_again
from engine.fill import FILL
from engine.journal import JournalReader
from engine.messages import COMMAND_SIZE, Command, Kind, OrderType, Reason, Side, Status, TimeInForce
from engine.replay import recover
from engine.restore import restore
from engine.storage import open_store
from engine.venue import Venue
from oracle.book import NaiveVenue
from oracle.frames import read_frames

FOLDER = Path(__file__).with_name("version_1")
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())
SYMBOL = EXPECTED["symbol"]
OBJECTS = f"journal/epoch=1/symbol={SYMBOL}/2016/11/30/14"
HASHES = {
    "coarse.bin": "55192886fe26a0a3d63bb75598699cc6245186c90aa2b5321860b8dcee015120",
    "expected.json": "944ddbb5b0516cd0439e190a696f1e443efba144a124fe4251d4505be5469049",
    f"{OBJECTS}/000000.gz": "a1c63f17c282e5d9703207e9e9b59e5377bcd69e6b7ddb466d65c9a99381076f",
    f"{OBJECTS}/000001.gz": "dcd431663518b046b08b0ffad45b1ace5e05122d526bdf44c4884fdaa2db94df",
    f"{OBJECTS}/000002.gz": "f74b86b2e7e40b22a71c476c32655bf878937d652e8a5c520ddc785b36a72857",
    "state.bin": "480dcd5aadcede03f2aea456b73c20de6cc59bcb2db3dc546f7acf94f9680c0c",
}
"""SHA-256 of each file: whoever changes one has to say so here."""


def journal() -> Any:
    return open_store(f"file://{FOLDER}/journal/epoch=1")


def commands() -> list[Command]:
    reader = JournalReader(journal(), SYMBOL, environment=1, epoch=1)
    return [command for frame in reader for command in frame.unpacked()]


def test_no_file_was_touched() -> None:
    found = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == HASHES


def test_the_journal_gives_the_same_state_the_same_fills_and_every_checkpoint() -> None:
    packed: list[bytes] = []
    recovery = recover(journal(), SYMBOL, environment=1, now_ns=lambda: 0, epoch=1, on_fills=packed.append)
    assert (recovery.status, recovery.seq, recovery.digest.hex()) == (
        "recovered",
        EXPECTED["seq"],
        EXPECTED["digest"],
    )
    fills = [list(fill[:6]) for fill in FILL.iter_unpack(b"".join(packed))]
    assert hashlib.sha256(json.dumps(fills).encode()).hexdigest() == EXPECTED["fills_sha256"]
    assert (recovery.fills, recovery.checkpoints) == (EXPECTED["fills"], len(EXPECTED["checkpoints"]))
    assert recovery.account.duplicates == EXPECTED["duplicates"]
    assert recovery.venue.canonical_bytes() == (FOLDER / "state.bin").read_bytes()
    recovery.venue.check()


@pytest.mark.parametrize(("name", "digest"), [("state.bin", "digest"), ("coarse.bin", "coarse_digest")])
def test_a_state_is_restored_with_its_digest(name: str, digest: str) -> None:
    raw = (FOLDER / name).read_bytes()
    venue = restore(raw)
    venue.check()
    assert (venue.seq, venue.digest().hex()) == (EXPECTED["seq"], EXPECTED[digest])
    assert venue.canonical_bytes() == raw


def test_the_oracle_reads_the_same_journal_to_the_same_digests() -> None:
    frames = {
        frame.digest: frame
        for path in sorted(FOLDER.rglob("*.gz"))
        for frame in read_frames(gzip.decompress(path.read_bytes()))
    }
    naive, digests = NaiveVenue(SYMBOL), {}
    for frame in sorted(frames.values(), key=lambda frame: (frame.first_seq, len(frame.commands))):
        for command in frame.commands:
            naive.apply(command)
            digests[naive.seq] = naive.digest().hex()
        assert all(digests[seq] == mark.hex() for seq, mark in frame.checkpoints.items() if frame.commands)
    assert (len(frames), naive.seq, naive.digest().hex()) == (EXPECTED["frames"], EXPECTED["seq"], EXPECTED["digest"])
    assert {str(seq): digests[seq] for seq in map(int, EXPECTED["checkpoints"])} == EXPECTED["checkpoints"]


def test_the_writer_of_version_1_writes_these_bytes_still() -> None:
    for path in sorted(FOLDER.rglob("*.gz")):
        raw, at = gzip.decompress(path.read_bytes()), 0
        while at < len(raw):
            frame = decode_frame(raw, at)
            again, digest = encode_again(frame)
            assert again == raw[at : at + frame.size]
            assert digest == frame.digest
            at += frame.size


def test_everything_that_version_1_has_a_word_for_happens() -> None:
    flow = commands()
    assert all(len(command.pack()) == COMMAND_SIZE for command in flow)
    for field, values in (("kind", Kind), ("side", Side), ("type", OrderType), ("tif", TimeInForce)):
        assert {getattr(command, field) for command in flow} == set(values)
    assert {command.flags for command in flow} == {0, 1, 2, 3}
    statuses, reasons = set(), set()
    for venue in (Venue(SYMBOL), Venue(SYMBOL, tick=5, lot=10)):
        outcomes = [venue.apply(seq, command) for seq, command in enumerate(flow, start=1)]
        statuses |= {outcome.status for outcome in outcomes}
        reasons |= {outcome.reason for outcome in outcomes}
    assert (statuses, reasons) == (set(Status), set(Reason) - {Reason.DUPLICATE_ORDER})
