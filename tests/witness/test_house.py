from __future__ import annotations

import asyncio
import gzip
import json
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.witness.fake_exchange import LISTED, FakeNames
from tests.witness.memory_s3 import MemoryS3
from witness.bucket import WitnessBucket
from witness.handover import Handover
from witness.house import House, Plan
from witness.routes import Routes

NAMES = [f"sym{n}.aex.example" for n in range(1, 7)]
RECORD = struct.Struct("<4B2H2I2Q2qI4Bq")


async def until(true: Callable[[], bool]) -> None:
    """Poll for a condition; the suite's own timeout is the limit."""
    while not true():  # noqa: ASYNC110 - the condition is the code's own state, which sets no event
        await asyncio.sleep(0.01)


def house_at(folder: Path, port: int, names: FakeNames, *, rate: int = 2000) -> House:
    plan = Plan(members=5, customers=10, rate=rate, seed=7, captures=folder, port=port)
    routes = Routes(names, "aex.example", LISTED)  # type: ignore[arg-type]
    return House(plan, LISTED, routes, lambda word: None)


def decoded(folder: Path) -> list[tuple[int, ...]]:
    return [record for path in sorted(folder.glob("*.bin")) for record in RECORD.iter_unpack(path.read_bytes())]


async def test_every_command_that_arrived_is_captured_as_sent_and_every_answer_as_ack(
    tmp_path: Path, ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any
) -> None:
    exchange = await start_exchange(addresses[0])
    house = house_at(tmp_path, ports[0], FakeNames(dict.fromkeys(NAMES, addresses[0])))
    run = asyncio.create_task(house.run())
    await until(lambda: house.tally.summary()["acked"] > 500)
    house.stop()
    await run
    records = decoded(tmp_path)
    sent = {record[9]: record for record in records if record[0] == 1}
    acks = {record[9]: record for record in records if record[0] == 2}
    arrived = {order.command.command_id for order in exchange.commands}
    assert len(acks) > 500
    assert set(acks) == arrived == set(sent), "a house that stops hears out what is under way"
    for command_id, ack in acks.items():
        own = sent[command_id]
        assert (ack[4], ack[11:17], ack[17]) == (own[4], own[11:17], own[10])
    assert sorted(set(exchange.logins)) == [1, 2, 3, 4, 5]


async def test_members_find_the_exchange_again_when_its_names_move_and_never_reuse_an_id(
    tmp_path: Path, ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any
) -> None:
    primary = await start_exchange(addresses[0])
    names = FakeNames(dict.fromkeys(NAMES, addresses[0]))
    house = house_at(tmp_path, ports[0], names)
    run = asyncio.create_task(house.run())
    await until(lambda: house.tally.summary()["acked"] > 200)
    await primary.stop()
    await until(lambda: not house.sessions)
    offered = house.tally.summary()["sent"]
    await asyncio.sleep(0.1)
    assert house.tally.summary()["sent"] == offered, "nothing is offered while nobody is connected"
    backup = await start_exchange(addresses[1], epoch=2)
    names.table = dict.fromkeys(NAMES, addresses[1])
    await until(lambda: 2 in house.tally.epochs and house.tally.epochs[2].acked > 200)
    house.stop()
    await run
    sent = Counter((record[9], record[3]) for record in decoded(tmp_path) if record[0] == 1)
    assert max(sent.values()) == 1, "no id is used for two commands, and none is asked for twice"
    assert len(set(backup.logins)) == 5
    assert {record[6] for record in decoded(tmp_path) if record[0] == 2} == {1, 2}


async def test_what_was_not_answered_is_sent_again_before_anything_new_to_whoever_serves_the_symbol(
    tmp_path: Path, ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any
) -> None:
    primary = await start_exchange(addresses[0])
    names = FakeNames(dict.fromkeys(NAMES, addresses[0]))
    house = house_at(tmp_path, ports[0], names)
    run = asyncio.create_task(house.run())
    await until(lambda: house.tally.summary()["acked"] > 200)
    primary.mute_orders = True
    await until(lambda: len(primary.commands) > house.tally.summary()["acked"] + 50)
    await primary.stop()
    await until(lambda: not house.sessions)
    unknown = {member: dict(drafts) for member, drafts in house._unknown.items()}
    assert sum(map(len, unknown.values())) > 50
    backup = await start_exchange(addresses[1], epoch=2)
    names.table = dict.fromkeys(NAMES, addresses[1])
    await until(lambda: 2 in house.tally.epochs and house.tally.epochs[2].acked > 200)
    house.stop()
    await run
    for member, drafts in unknown.items():
        arrived = [order for order in backup.commands if order.command.member == member]
        again = arrived[: len(drafts)]
        assert [order.command.command_id for order in again] == sorted(drafts)
        assert [(order.number, order.command.target_id, order.command.qty) for order in again] == [
            (draft[2], draft[3], draft[5]) for _, draft in sorted(drafts.items())
        ]
    records = decoded(tmp_path)
    wanted = {command_id for drafts in unknown.values() for command_id in drafts}
    assert {record[9] for record in records if record[0] == 1 and record[3] == 1} == wanted
    answers = [record for record in records if record[0] == 2 and record[9] in wanted]
    assert {record[9] for record in answers} == wanted
    assert {(record[3], record[6], record[17]) for record in answers} == {(1, 2, 0)}, "repeated, epoch 2, no speed"
    assert house.tally.epochs[2].resent == house.tally.epochs[2].learned == len(wanted)


async def test_a_refusing_exchange_is_tried_by_one_scout_at_a_time(
    tmp_path: Path, ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any
) -> None:
    exchange = await start_exchange(addresses[0])
    exchange.refuse = True
    house = house_at(tmp_path, ports[0], FakeNames(dict.fromkeys(NAMES, addresses[0])))
    run = asyncio.create_task(house.run())
    await until(lambda: len(exchange.logins) >= 3)
    assert len(house._trying) <= 1
    assert not house.sessions
    exchange.refuse = False
    await until(lambda: len(house.sessions) == 5)
    house.stop()
    await run


async def test_a_restarted_house_starts_above_every_id_it_may_have_used(tmp_path: Path) -> None:
    names = FakeNames({})
    first = house_at(tmp_path, 1, names)
    first.flow.next_number[3] += 50_000_000
    first._reserve()
    used = max(first.flow.next_number.values())
    first.captures.close()
    second = house_at(tmp_path, 1, names)
    assert min(second.flow.next_number.values()) > used
    second.captures.close()


async def test_a_handover_is_a_consistent_copy_and_is_made_once(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    ports: tuple[int, int, int],
    addresses: tuple[str, str],
    start_exchange: Any,
    s3: MemoryS3,
    bucket: WitnessBucket,
) -> None:
    await start_exchange(addresses[0])
    house = house_at(tmp_path, ports[0], FakeNames(dict.fromkeys(NAMES, addresses[0])))
    run = asyncio.create_task(house.run())
    await until(lambda: house.tally.summary()["acked"] > 300)
    s3.put_object(Bucket=bucket.name, Key="orders/d1/handover.json", Body=b'{"name":"loss"}')
    handover = Handover(bucket, house.freeze, asyncio.get_running_loop())
    assert await asyncio.to_thread(handover.poll) == 1
    again = Handover(bucket, house.freeze, asyncio.get_running_loop())
    assert await asyncio.to_thread(again.poll) == 0
    house.stop()
    await run
    word = json.loads(s3.content(bucket.name, "words/d1/handover-loss.json") or b"")
    assert word["members"] == 5
    total = 0
    for name in word["files"]:
        copied = gzip.decompress(s3.content(bucket.name, word["prefix"] + name) or b"")
        assert (tmp_path / name.removesuffix(".gz")).read_bytes().startswith(copied)
        total += len(copied) // 64
    assert total == word["records"] > 600


@pytest.mark.parametrize("torn", [1, 63])
async def test_a_torn_last_record_is_cut_off_on_restart(tmp_path: Path, torn: int) -> None:
    (tmp_path / "00001.bin").write_bytes(b"\1" * 128 + b"\2" * torn)
    house = house_at(tmp_path, 1, FakeNames({}))
    house.captures.close()
    assert (tmp_path / "00001.bin").read_bytes() == b"\1" * 128
