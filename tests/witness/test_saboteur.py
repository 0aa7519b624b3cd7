from __future__ import annotations

import gzip
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import cast

import google_crc32c
import pytest
from blake3 import blake3

from tests.witness.memory_s3 import MemoryS3
from witness.bucket import ObjectClient, Order, WitnessBucket
from witness.nonce import Nonce
from witness.sabotage import KINDS, eligible
from witness.saboteur import Saboteur, journal_of
from witness.stored_object import unpack

JOURNAL = "aex-journal-000000000000"
PREFIX = "journal/epoch=1/"
TESTS = ("ZZT1", "ZZT2", "ZZT3")
REAL = ("AAL", "AAPL", "ADBE")
HEADER = struct.Struct("<4sHBBI8sQIHHI32s")
COMMAND = struct.Struct("<qQQqIHBBBBB5x")


def journal(symbol: str, objects: int = 6, frames: int = 3, commands: int = 4) -> list[bytes]:
    """A chained journal of one symbol, as the contract publishes the format."""
    previous, seq, stored = bytes(32), 1, []
    for _ in range(objects):
        body = b""
        for _ in range(frames):
            payload = b"".join(
                COMMAND.pack(seq + n, 1 << 48 | seq + n, 0, 5000 + n, 10, 1, 1, 0, 0, 0, 0) for n in range(commands)
            )
            header = HEADER.pack(b"AEXF", 1, 1, 0, 1, symbol.encode(), seq, commands, 0, 0, len(payload), previous)
            frame = header + payload + struct.pack("<I", google_crc32c.value(header + payload))
            previous, seq = blake3(frame).digest(), seq + commands
            body += frame
        stored.append(gzip.compress(body))
    return stored


def damages(s3: MemoryS3, symbol: str) -> set[str]:
    """A reader of the test's own: what is wrong with a symbol's journal."""
    found: set[str] = set()
    frames: dict[int, tuple[bytes, bytes, int]] = {}
    for key in s3.keys(JOURNAL, f"{PREFIX}symbol={symbol}/"):
        try:
            body = gzip.decompress(s3.content(JOURNAL, key) or b"")
        except (OSError, EOFError):
            found.add("bad_gzip")
            continue
        at = 0
        while at < len(body):
            _, _, _, _, _, name, first, count, _, _, length, previous = HEADER.unpack_from(body, at)
            frame, at = body[at : at + 76 + length], at + 76 + length
            if google_crc32c.value(frame[:-4]) != struct.unpack("<I", frame[-4:])[0]:
                found.add("checksum")
            elif name.rstrip(b"\0").decode() != symbol:
                found.add("foreign_symbol")
            elif first in frames and frames[first][0] != frame:
                found.add("conflict")
            else:
                frames[first] = (frame, previous, count)
    expected, digest = 1, bytes(32)
    for first, (frame, previous, count) in sorted(frames.items()):
        if first != expected:
            found.add("gap")
        elif previous != digest:
            found.add("chain")
        expected, digest = first + count, blake3(frame).digest()
    return found


SEEN = {
    "delete_middle": "gap",
    "flip_bit": "checksum",
    "truncate": "bad_gzip",
    "conflict": "conflict",
    "swap": "foreign_symbol",
    "forge": "chain",
}


@pytest.fixture
def stored(s3: MemoryS3) -> MemoryS3:
    for symbol in REAL + TESTS:
        for n, body in enumerate(journal(symbol)):
            key = f"{PREFIX}symbol={symbol}/2026/11/20/19/matching-engine-{symbol}-1-{hash_of(n)}.gz"
            s3.put_object(Bucket=JOURNAL, Key=key, Body=body)
    return s3


def hash_of(n: int) -> str:
    """Object names in no order of seq, as uuids are."""
    return hashlib.sha256(str(n).encode()).hexdigest()[:12]


@pytest.fixture
def saboteur(stored: MemoryS3, bucket: WitnessBucket, tmp_path: Path) -> Saboteur:
    return Saboteur(bucket, lambda _: cast("ObjectClient", stored), tmp_path)


def arm(s3: MemoryS3, bucket: WitnessBucket, nonce: str) -> Order:
    plan = {
        "drill": "d1",
        "nonce": nonce,
        "control": True,
        "from_epoch": 1,
        "journal": f"s3://{JOURNAL}/{PREFIX}",
        "test_symbols": TESTS,
    }
    s3.put_object(Bucket=bucket.name, Key="orders/d1/arm.json", Body=json.dumps(plan).encode())
    return Order("d1", "sabotage", "m", {"drill": "d1"})


def nonce_for(kind: str) -> str:
    """The first nonce that draws this kind."""
    for n in range(1000):
        nonce = f"{n:064x}"
        if Nonce(nonce).choose("control/kind", sorted(KINDS)) == kind:
            return nonce
    raise AssertionError(kind)


def snapshot(s3: MemoryS3) -> dict[str, bytes | None]:
    return {key: s3.content(JOURNAL, key) for key in s3.keys(JOURNAL)}


def word(s3: MemoryS3, bucket: WitnessBucket, name: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(s3.content(bucket.name, f"words/d1/{name}.json") or b"null")
    return told


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_changes_what_a_reader_sees_and_restore_brings_identical_bytes_back(
    kind: str, stored: MemoryS3, bucket: WitnessBucket, saboteur: Saboteur
) -> None:
    order, before = arm(stored, bucket, nonce_for(kind)), snapshot(stored)
    versions = {key: list(stack) for key, stack in stored.versions.items() if key[0] == JOURNAL}
    assert all(not damages(stored, symbol) for symbol in TESTS)
    saboteur.sabotage(order)
    seen = {symbol: damages(stored, symbol) for symbol in TESTS}
    assert word(stored, bucket, "sabotage")["applied"] == 1
    assert not stored.keys(bucket.name, "words/d1/reveal.json"), "hidden until everything is validated"
    saboteur.restore(Order("d1", "restore", "m", {}))
    assert snapshot(stored) == before
    left = {key: stack for key, stack in stored.versions.items() if key[0] == JOURNAL and stack}
    assert left == versions, "the true versions themselves are current again, not copies"
    reveal = json.loads(stored.content(bucket.name, "words/d1/reveal.json") or b"")
    assert reveal["control"]["kind"] == kind
    hit = reveal["control"]["symbol"]
    assert SEEN[kind] in seen.pop(hit)
    assert not any(seen.values())
    assert word(stored, bucket, "restore")["restored"] == 1


def test_an_order_obeyed_before_a_restart_is_not_obeyed_again(
    stored: MemoryS3, bucket: WitnessBucket, saboteur: Saboteur
) -> None:
    order = arm(stored, bucket, nonce_for("flip_bit"))
    saboteur.sabotage(order)
    hit = snapshot(stored)
    saboteur.sabotage(order)
    assert snapshot(stored) == hit


def test_an_act_whose_account_was_lost_in_a_kill_is_taken_back_before_it_is_done_again(
    stored: MemoryS3, bucket: WitnessBucket, saboteur: Saboteur, tmp_path: Path
) -> None:
    order, before = arm(stored, bucket, nonce_for("delete_middle")), snapshot(stored)
    saboteur.sabotage(order)
    (tmp_path / "d1.json").unlink()
    stored.versions.pop((bucket.name, "words/d1/sabotage.json"))
    saboteur.sabotage(order)
    assert len(snapshot(stored)) == len(before) - 1
    saboteur.restore(Order("d1", "restore", "m", {}))
    assert snapshot(stored) == before


def test_restore_puts_the_original_bytes_where_versions_may_not_be_deleted(
    stored: MemoryS3, bucket: WitnessBucket, saboteur: Saboteur, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, delete = snapshot(stored), stored.delete_object

    def denied(**request: str) -> object:
        if "VersionId" in request:
            raise PermissionError("AccessDenied")
        return delete(**request)

    saboteur.sabotage(arm(stored, bucket, nonce_for("truncate")))
    monkeypatch.setattr(stored, "delete_object", denied)
    saboteur.restore(Order("d1", "restore", "m", {}))
    assert snapshot(stored) == before


def test_only_objects_with_neighbours_whose_commands_stand_nowhere_else_are_hit() -> None:
    objects = [unpack(f"k{n}", body) for n, body in enumerate(journal("ZZT1", objects=4))]
    again = unpack("twin", journal("ZZT1", objects=4)[1])
    assert [stored.key for stored in eligible(objects)] == ["k1", "k2"]
    assert [stored.key for stored in eligible([*objects, again])] == ["k2"]
    assert eligible(objects[:2]) == []


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [("s3://b", "journal/epoch=7/"), ("s3://b/journal/", "journal/epoch=7/"), ("s3://b/x/epoch=2", "x/epoch=2/")],
)
def test_the_journal_is_named_by_bucket_or_by_epoch(uri: str, prefix: str) -> None:
    assert journal_of({"journal": uri, "from_epoch": 7}) == ("b", prefix)


@pytest.mark.parametrize("make", [lambda: Nonce("xyz"), lambda: journal_of({"journal": "file:///x"})])
def test_malformed_orders_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"hex|s3://"):
        make()


@pytest.mark.parametrize("drawn", range(12))
def test_nothing_above_the_recovery_point_of_an_exercise_is_touched(drawn: int, s3, tmp_path) -> None:
    """Damage there would go unseen, for nobody looks there; 6 objects of 12 commands, the point in the fifth."""
    points = dict.fromkeys(TESTS, 50)
    before = {key: s3.content(JOURNAL, key) for key in filled(s3)}
    bucket = WitnessBucket(cast("ObjectClient", s3), "aex-witness-000000000000")
    saboteur = Saboteur(bucket, lambda _: cast("ObjectClient", s3), tmp_path)
    plan = {
        "nonce": hashlib.sha256(bytes([drawn])).hexdigest(),
        "journal": f"s3://{JOURNAL}/{PREFIX}",
        "control": True,
        "test_symbols": list(TESTS),
        "recovery_points": points,
    }
    saboteur.sabotage(Order("d1", "sabotage", "1", plan))
    touched = {key for key, content in before.items() if s3.content(JOURNAL, key) != content}
    touched |= set(s3.keys(JOURNAL)) - set(before)
    assert len(touched) == 1
    account = json.loads((tmp_path / "d1.json").read_bytes())["control"]
    hit = account.get("copy_of") or account["object"]
    assert max(unpack(hit, before[hit] or b"").seqs) <= 50


def filled(s3: MemoryS3) -> list[str]:
    """Test symbols' journals as objects; their keys."""
    for symbol in TESTS:
        for number, stored in enumerate(journal(symbol)):
            s3.put_object(Bucket=JOURNAL, Key=f"{PREFIX}symbol={symbol}/{number:03d}.gz", Body=stored)
    return s3.keys(JOURNAL)
