"""Faults of the catalogue on stored objects and on the world's port: done once, told at the close, taken back whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import google_crc32c
import pytest
from blake3 import blake3

from tests.witness.memory_s3 import MemoryS3
from tests.witness.test_saboteur import damages, hash_of
from witness.bucket import ObjectClient, Order, WitnessBucket
from witness.injections import INJECTIONS, Injections
from witness.injections.snapshots import HEADER as SNAPSHOT
from witness.stored_changes import StoredChanges
from witness.stored_object import HEADER, unpack
from witness.world_port import WorldPort

JOURNAL = "aex-journal-000000000000"
REAL = ("AAL", "AAPL", "ADBE")
COMMAND = struct.Struct("<qQQqIHBBBBB5x")
ON_OBJECTS = ("F01", "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F09", "F10", "F17", "F22", "F27")


def journal(symbol: str, epoch: int, first: int, previous: bytes, objects: int = 6) -> tuple[list[bytes], int, bytes]:
    """A chained journal of one epoch, three frames an object, each with a checkpoint; also the next seq and link."""
    seq, stored = first, []
    for _ in range(objects):
        body = b""
        for _ in range(3):
            commands = b"".join(
                COMMAND.pack(seq + n, 1 << 48 | seq + n, 0, 5000 + n, 10, 1, 1, 0, 0, 0, 0) for n in range(4)
            )
            payload = commands + struct.pack("<Q32s", seq + 3, blake3(b"%d" % seq).digest())
            header = HEADER.pack(b"AEXF", 1, 1, 0, epoch, symbol.encode(), seq, 4, 1, 0, len(payload), previous)
            frame = header + payload + struct.pack("<I", google_crc32c.value(header + payload))
            previous, seq = blake3(frame).digest(), seq + 4
            body += frame
        stored.append(gzip.compress(body))
    return stored, seq, previous


def snapshot(symbol: str, seq: int) -> bytes:
    """A snapshot's file with a state of which only its length and its last trade matter here."""
    state = bytes(30) + struct.pack("<qI", 5000, 10) + bytes(200)
    digest = blake3(state).digest()
    body = SNAPSHOT.pack(b"AEXP", 1, 1, 0, 2, symbol.encode(), seq, 1, digest, bytes(32), len(state)) + state
    return body + blake3(body).digest()


@pytest.fixture
def world(s3: MemoryS3, bucket: WitnessBucket) -> MemoryS3:
    """Two epochs of three symbols, snapshots of the second, captures, and the armed nonce."""
    for symbol in REAL:
        seq, previous = 1, bytes(32)
        for epoch in (1, 2):
            stored, seq, previous = journal(symbol, epoch, seq, previous)
            for n, body in enumerate(stored):
                folder = f"journal/epoch={epoch}/symbol={symbol}/2026/11/20/19"
                s3.put_object(Bucket=JOURNAL, Key=f"{folder}/matching-engine-{symbol}-{hash_of(n)}.gz", Body=body)
        for at in (72, 84, 96):
            key = f"snapshots/epoch=2/symbol={symbol}/{at:020d}.snap"
            s3.put_object(Bucket=JOURNAL, Key=key, Body=snapshot(symbol, at))
    for member in (1, 2):
        key = f"captures/d1/loss/{member:05d}.bin.gz"
        s3.put_object(Bucket=bucket.name, Key=key, Body=gzip.compress(bytes(640)))
    s3.put_object(Bucket=bucket.name, Key="orders/d1/arm.json", Body=json.dumps({"nonce": "ab" * 32}).encode())
    return s3


class FakePort:
    """The port of a world that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def add(self, *rules: dict[str, Any]) -> None:
        self.calls += [("add", rule["id"], rule) for rule in rules]

    def withdraw(self, ids: list[str]) -> dict[str, int]:
        self.calls.append(("withdraw", *ids))
        return {}

    def struck(self, _: str) -> int:
        return 99

    def furnish(self, cluster: str, environment: dict[str, str]) -> None:
        self.calls.append(("furnish", cluster, environment))

    def kill(self, cluster: str, services: Any = (), *, hold: bool = False) -> list[str]:
        self.calls.append(("kill", cluster, tuple(services), hold))
        return ["task-1"]

    def release(self, cluster: str) -> None:
        self.calls.append(("release", cluster))


class FakeAccount:
    """IAM and CloudWatch Logs, as far as two faults need them; the role comes late."""

    class exceptions:  # noqa: N801 - boto3's own name
        class NoSuchEntityException(Exception):
            pass

    def __init__(self) -> None:
        self.policies: list[str] = []
        self.groups: list[str] = []
        self.late = 2

    def put_role_policy(self, *, RoleName: str, **_: Any) -> None:  # noqa: N803
        if self.late:
            self.late -= 1
            raise self.exceptions.NoSuchEntityException
        self.policies.append(RoleName)

    def delete_role_policy(self, *, RoleName: str, **_: Any) -> None:  # noqa: N803
        if RoleName not in self.policies:
            raise self.exceptions.NoSuchEntityException
        self.policies.remove(RoleName)

    def create_log_group(self, *, logGroupName: str) -> None:  # noqa: N803
        self.groups.append(logGroupName)

    def delete_log_group(self, *, logGroupName: str) -> None:  # noqa: N803
        self.groups.remove(logGroupName)


@pytest.fixture
def port() -> FakePort:
    return FakePort()


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount()


@pytest.fixture
def injections(
    world: MemoryS3, bucket: WitnessBucket, tmp_path: Path, port: FakePort, account: FakeAccount
) -> Injections:
    def client(part: str, service: str, _: str) -> Any:
        assert part == "fault", "never with the control's role"
        return world if service == "s3" else account

    unblind = lambda _: {"symbol": "ZZT1"}  # noqa: E731
    return Injections(bucket, client, cast("WorldPort", port), tmp_path, unblind)


def order(*faults: str, phase: str = "sabotage", from_epoch: int = 2) -> Order:
    body = {
        "faults": faults,
        "phase": phase,
        "site": "dr-abc",
        "region": "us-west-2",
        "journal": JOURNAL,
        "evidence": "aex-evidence-000000000000",
        "from_epoch": from_epoch,
        "epoch": from_epoch + 1,
        "symbols": REAL,
        "captures": "captures/d1/loss/",
    }
    return Order("d1", f"inject-{phase}", "m", body)


def word(s3: MemoryS3, bucket: WitnessBucket, name: str) -> Any:
    return json.loads(s3.content(bucket.name, f"words/d1/{name}.json") or b"null")


def until(done: Callable[[], Any]) -> None:
    """What an injector does beside has been done."""
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stored(s3: MemoryS3, *buckets: str) -> dict[tuple[str, str], bytes | None]:
    return {(bucket, key): s3.content(bucket, key) for bucket in buckets for key in s3.keys(bucket)}


def test_every_fault_of_the_catalogue_that_is_not_a_persons_act_has_an_injection() -> None:
    from drill.core.faults import CATALOGUE  # noqa: PLC0415 - a witness imports nothing of the drill; its test may

    assert set(INJECTIONS) == {fault.id for fault in CATALOGUE if not fault.by_operator}


@pytest.mark.parametrize("fault", ON_OBJECTS)
def test_a_fault_on_objects_is_done_once_and_heals_to_the_same_bytes(
    fault: str, world: MemoryS3, bucket: WitnessBucket, injections: Injections
) -> None:
    before = stored(world, JOURNAL, bucket.name)
    injections.inject(order(fault))
    assert word(world, bucket, "fault-sabotage")["applied"] == [fault]
    [told] = injections.accounts("d1")
    assert told["fault"] == fault
    hit = stored(world, JOURNAL)
    assert fault == "F22" or hit != {key: content for key, content in before.items() if key[0] == JOURNAL}
    injections.inject(order(fault))
    assert stored(world, JOURNAL) == hit, "what was said is not done again"
    injections.heal(order(fault))
    after = stored(world, JOURNAL, bucket.name)
    assert {key: after[key] for key in before} == before
    assert {key for key in after if key[0] == JOURNAL} == {key for key in before if key[0] == JOURNAL}


def seen(world: MemoryS3, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    monkeypatch.setattr("tests.witness.test_saboteur.PREFIX", "journal/epoch=2/")
    return {symbol: damages(world, symbol) - {"gap", "chain"} for symbol in REAL}


@pytest.mark.parametrize(("fault", "kind"), [("F04", "conflict"), ("F06", "bad_gzip")])
def test_damage_is_of_its_kind_and_of_one_symbol(
    fault: str, kind: str, world: MemoryS3, injections: Injections, monkeypatch: pytest.MonkeyPatch
) -> None:
    injections.inject(order(fault))
    [told] = injections.accounts("d1")
    found = seen(world, monkeypatch)
    assert found.pop(told["symbol"]) == {kind}
    assert not any(found.values())


def test_exchanged_journals_are_foreign_to_both_symbols(
    world: MemoryS3, injections: Injections, monkeypatch: pytest.MonkeyPatch
) -> None:
    injections.inject(order("F17"))
    [told] = injections.accounts("d1")
    found = seen(world, monkeypatch)
    assert {symbol for symbol, kinds in found.items() if kinds} == {told["symbol"], told["other"]}


def test_a_lost_tail_leaves_no_gap(world: MemoryS3, injections: Injections) -> None:
    injections.inject(order("F02"))
    [told] = injections.accounts("d1")
    prefix = f"journal/epoch=2/symbol={told['symbol']}/"
    left = [unpack(key, world.content(JOURNAL, key) or b"") for key in world.keys(JOURNAL, prefix)]
    seqs = {seq for one in left for seq in one.seqs}
    assert seqs == set(range(73, told["first_seq"]))
    assert told["last_seq"] == 144


def test_a_diverged_primary_has_chained_and_summed_its_own_wrong_digests(
    world: MemoryS3, injections: Injections
) -> None:
    before = stored(world, JOURNAL)
    injections.inject(order("F10"))
    [told] = injections.accounts("d1")
    previous, changed = None, []
    prefix = f"journal/epoch=2/symbol={told['symbol']}/"
    objects = [unpack(key, world.content(JOURNAL, key) or b"") for key in world.keys(JOURNAL, prefix)]
    placed = [(one, frame) for one in objects for frame in one.frames]
    for one, frame in sorted(placed, key=lambda pair: pair[1].first_seq):
        image = one.content[frame.offset : frame.offset + frame.size]
        fields = HEADER.unpack_from(image)
        assert previous is None or fields[11] == previous, "the chain holds"
        assert struct.pack("<I", google_crc32c.value(image[:-4])) == image[-4:]
        (seq, digest) = struct.unpack_from("<Q32s", image, HEADER.size + 4 * 48)
        if digest != blake3(b"%d" % frame.first_seq).digest():
            changed.append(seq)
        previous = blake3(image).digest()
    assert min(changed) >= told["first_seq"] > 73
    assert len(changed) > 3
    later = [key for _, key in before if key.startswith("snapshots/") and f"symbol={told['symbol']}/" in key]
    assert all(world.content(JOURNAL, key) is None for key in later if int(key[-25:-5]) >= told["first_seq"])


def test_a_forged_snapshot_looks_whole(world: MemoryS3, injections: Injections) -> None:
    injections.inject(order("F07"))
    [told] = injections.accounts("d1")
    raw = world.content(JOURNAL, told["object"]) or b""
    assert raw != snapshot(told["symbol"], 96)
    assert blake3(raw[:-32]).digest() == raw[-32:]
    assert SNAPSHOT.unpack_from(raw)[8] == blake3(raw[SNAPSHOT.size : -32]).digest()


def test_a_zombies_frame_follows_the_fenced_epochs_last_one(world: MemoryS3, injections: Injections) -> None:
    injections.inject(order("F27"))
    [told] = injections.accounts("d1")
    late = unpack(told["object"], world.content(JOURNAL, told["object"]) or b"")
    assert (late.frames[0].first_seq, min(late.seqs)) == (73, 73), "where the next epoch has its own first frame"
    assert told["epoch"] == 1


def test_an_exchange_in_its_first_epoch_has_no_zombie_and_the_word_says_so(
    world: MemoryS3, bucket: WitnessBucket, injections: Injections
) -> None:
    injections.inject(order("F27", from_epoch=1))
    said = word(world, bucket, "fault-sabotage")
    assert said["applied"] == []
    assert "first epoch" in said["failed"]["F27"]


def test_rules_hosts_and_holds_are_taken_back_before_anything_is_revealed(
    world: MemoryS3, injections: Injections, port: FakePort, account: FakeAccount
) -> None:
    injections.inject(order("F11", "F12", "F16", "F20", phase="build"))
    injections.inject(order("F13", "F14", phase="rehydrate"))
    until(lambda: account.policies and ("withdraw", "d1/F13") in port.calls)
    injections.withdraw("d1")
    told = {one["fault"]: one for one in injections.accounts("d1")}
    assert set(told) == {"F11", "F12", "F13", "F14", "F16", "F20"}
    assert told["F13"]["tasks"] == ["task-1"], "what was killed beside is in the account by now"
    assert ("kill", "aex-dr-abc-MatchingEngine", ("engines-00",), True) in port.calls
    assert ("kill", "aex-dr-abc-MatchingEngine", (), False) in port.calls
    withdrawn = [call for call in port.calls if call[0] == "withdraw"][-1]
    assert {f"d1/{fault}" for fault in told} <= set(withdrawn)
    assert port.calls[-2:] == [("furnish", "aex-dr-abc-MatchingEngine", {}), ("release", "aex-dr-abc-MatchingEngine")]
    assert account.policies == [], "CloudFormation can delete the role"


def test_what_was_left_behind_on_purpose_is_removed_when_the_drill_is_healed(
    injections: Injections, account: FakeAccount
) -> None:
    injections.inject(order("F15", phase="tear_down"))
    injections.withdraw("d1")
    assert account.groups == ["/aex/dr-abc/forgotten"], "the inventory must find it"
    injections.heal(order("F15"))
    assert account.groups == []


def test_without_the_port_of_a_world_a_fault_of_the_world_is_unsupported(
    world: MemoryS3, bucket: WitnessBucket, tmp_path: Path
) -> None:
    on_aws = Injections(bucket, lambda *_: world, None, tmp_path, lambda _: {})
    on_aws.inject(order("F11", phase="build"))
    assert "port of an emulated world" in word(world, bucket, "fault-build")["failed"]["F11"]


def test_changes_are_taken_back_in_reverse_order_also_by_another_process(s3: MemoryS3, tmp_path: Path) -> None:
    s3.put_object(Bucket="b", Key="k", Body=b"true")
    store = cast("ObjectClient", s3)
    changes = StoredChanges(store, tmp_path)
    changes.put("b", "k", b"false")
    changes.delete("b", "k")
    changes.put("b", "new", b"x")
    assert StoredChanges(store, tmp_path).undo() == 3
    assert (s3.content("b", "k"), s3.content("b", "new")) == (b"true", None)
    assert StoredChanges(store, tmp_path).undo() == 0
    assert hashlib.sha256(b"true").hexdigest() in {path.name for path in tmp_path.iterdir()}
