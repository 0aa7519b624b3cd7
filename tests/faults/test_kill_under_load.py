"""A kill under load: what was committed and never acknowledged is recovered, listed, and no reason to fail."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drill.core import captures
from drill.core.evidence import Evidence
from drill.core.plan import make_plan
from drill.core.verdict import judge
from drill.report.compose import Sealed, compose
from emulator.admission import free_port
from engine.folders import FolderAddresses
from engine.listing import listing
from engine.messages import Environment
from engine.rehydration import Rehydration
from engine.site import Site
from engine.status import ask_status
from engine.storage import open_store
from expectations.source import Source
from expectations.validate import validate
from expectations.validation import Validation
from tests.core import worlds
from tests.faults.killing_firehose import KillingFirehose
from tests.witness.fake_exchange import FakeNames
from witness.directory import Listed
from witness.house import House, Plan
from witness.routes import Routes

REPOSITORY = Path(__file__).resolve().parents[2]
SYMBOLS = ("AAPL", "MSFT")
SABOTAGED = "ZZT1"
INSTRUMENTS = listing((*SYMBOLS, SABOTAGED))
NUMBERS = {one.symbol: one.number for one in INSTRUMENTS}
MEMBERS, RATE, SEED = 5, 1500, 7
CHECKPOINT_EVERY = 50
RECORD = struct.Struct("<BBBBHHIIQQqqIBBBBq")
ACK = 2
NS = 1_000_000_000


@dataclass(frozen=True)
class Killed:
    """An exchange that traded under load until its engine was killed: journal, captures, and what the test saw."""

    root: Path
    firehose: KillingFirehose
    captured: dict[int, bytes]
    """Each member's capture, by member."""

    def heard(self, symbol: str) -> set[tuple[int, int]]:
        """(seq, command id) of every acknowledgement in any capture, by a decoder of the test's own."""
        rows = (row for content in self.captured.values() for row in RECORD.iter_unpack(content))
        return {(row[8], row[9]) for row in rows if row[0] == ACK and row[4] == NUMBERS[symbol]}

    def committed(self, symbol: str) -> set[tuple[int, int]]:
        """(seq, command id) of every command in the records that Firehose kept, by the oracle's decoder."""
        return {
            (frame.first_seq + place, command["command_id"])
            for frame in self.firehose.committed[symbol]
            for place, command in enumerate(frame.commands)
        }

    def silent(self) -> set[tuple[str, int, int]]:
        """(symbol, seq, command id): committed, and no member was told."""
        return {(one, *row) for one in SYMBOLS for row in self.committed(one) - self.heard(one)}


async def engine_process(root: Path, endpoint: str, ports: dict[str, int]) -> asyncio.subprocess.Process:
    keys = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AEX_"))}
    place = ("--site", "primary", "--environment", "LIVE", "--epoch", "1", "--address", "127.0.0.1")
    stores = ("--control", f"file://{root}/control/", "--recovered", f"file://{root}/recovered/")
    kept = ("--snapshots", f"file://{root}/snapshots/", "--snapshot-every-s", "1")
    pace = ("--commit-ms", "50", "--checkpoint-every", str(CHECKPOINT_EVERY), "--stream-region", "us-west-2")
    numbers = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    with (root / "engine.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine", "trade", *place, "--symbols", ",".join(NUMBERS), *stores, *kept, *pace,
            *numbers,
            env={**inherited, **keys}, cwd=REPOSITORY, stderr=log,
        )  # fmt: skip


async def opened(port: int, engine: asyncio.subprocess.Process) -> None:
    while engine.returncode is None:
        try:
            if (await ask_status("127.0.0.1", port))["state"] == "open":
                return
        except OSError:
            await asyncio.sleep(0.05)
    pytest.fail("the engine ended while it started; its log is engine.log in the test's folder")


@pytest.fixture
async def killed(tmp_path: Path) -> AsyncIterator[Killed]:
    """Members trade over sockets until the fake Firehose kills the engine between the commit and its confirmation."""
    firehose = KillingFirehose(tmp_path / "journal/epoch=1", SYMBOLS[0])
    ports = {name: free_port() for name in ("orders", "status", "feed")}
    engine = await engine_process(tmp_path, await firehose.open(), ports)
    firehose.engine = engine
    try:
        await opened(ports["status"], engine)
        captured = await trade_until_killed(tmp_path, ports["orders"], engine)
        yield Killed(tmp_path, firehose, captured)
    finally:
        if engine.returncode is None:
            engine.kill()
            await engine.wait()
        await firehose.close()


async def trade_until_killed(root: Path, port: int, engine: asyncio.subprocess.Process) -> dict[int, bytes]:
    listed = [Listed(one.symbol, one.number, one.lot, one.reference_price, one.test) for one in INSTRUMENTS]
    names = FakeNames({f"{one.symbol.lower()}.aex.example": "127.0.0.1" for one in INSTRUMENTS})
    plan = Plan(members=MEMBERS, customers=10, rate=RATE, seed=SEED, captures=root / "captures", port=port)
    house = House(plan, listed, Routes(names, "aex.example", listed), lambda word: None)  # type: ignore[arg-type]
    trading = asyncio.create_task(house.run())
    await engine.wait()
    while house.sessions:  # noqa: ASYNC110 - the sockets' own end: what arrived before it is captured before it
        await asyncio.sleep(0.01)
    house.stop()
    await trading
    return {member: (root / f"captures/{member:05d}.bin").read_bytes() for member in range(1, MEMBERS + 1)}


async def rehydrated(root: Path) -> dict[str, Any]:
    """Recover as the DR site's engine task does; its results by symbol."""
    control = open_store(f"file://{root}/control/")
    for name in ("recover", "open"):
        control.put(f"epoch=2/{name}.json", b'{"from_epoch":1,"rehydrate":"both"}')
    site = Site(name="dr-abcdef", environment=Environment.DRILL, epoch=2, build="00", instruments=INSTRUMENTS)
    recovered = f"file://{root}/recovered/"
    folders = FolderAddresses(
        journal=f"file://{root}/journal/",
        lineage=recovered,
        recovered=recovered,
        snapshots=f"file://{root}/snapshots/",
    )
    await Rehydration(site=site, control=control, folders=folders, poll_s=0.01).run()
    store = open_store(f"{recovered}epoch=2/")
    return {symbol: msgspec.json.decode(store.get(f"{symbol}/result.json")) for symbol in NUMBERS}


def sabotage(killed: Killed) -> None:
    """The negative control: an object from the middle of the test symbol's journal is gone before the replay."""
    middle = sorted(first for symbol, first in killed.firehose.objects if symbol == SABOTAGED)
    killed.firehose.objects[SABOTAGED, middle[len(middle) // 2]].unlink()


def validated(root: Path) -> Validation:
    source = Source(
        journal_store_uri=f"file://{root}/journal/epoch=1/",
        recovered_uri=f"file://{root}/recovered/epoch=2/",
        captures_uri=f"file://{root}/captures/",
        symbols=tuple(NUMBERS),
        environment=int(Environment.LIVE),
        epoch=1,
        checkpoint_every=CHECKPOINT_EVERY,
    )
    return validate(source, scope_symbols=SYMBOLS, test_symbols=(SABOTAGED,))


def evidence(killed: Killed, recovered: dict[str, Any], validation: Validation) -> Evidence:
    """A drill in which recovery, captures and validation are this exchange's; its times and its rates are drawn."""
    record, in_scope = validation.record(), {NUMBERS[symbol]: symbol for symbol in SYMBOLS}
    read = captures.read(killed.captured, 1, in_scope)
    plan = make_plan(
        {}, drill_id=worlds.DRILL, trigger="manual", requester="operator", listing=SYMBOLS, test_symbols=(SABOTAGED,),
        primary_region="us-east-1", dr_region="us-west-2", nonce_sha256=worlds.NONCE_SHA,
    )  # fmt: skip
    facts = [fact for fact in record["facts"] if fact["scope"]]
    drawn = worlds.documents()
    members = {str(member): str(at) for member, at in read.first_ack_by_member.items()}
    finished = {fact["symbol"]: str(worlds.T0 + 50 * NS) for fact in record["facts"]}
    mine: dict[str, Any] = {
        "registration": {
            **drawn["registration"], "plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256(),
        },
        "acked-primary": {
            **drawn["acked-primary"], "acknowledged": read.acknowledged, "fills": read.fills,
            "unanswered": len(read.sent_unanswered), "first_ack_by_member": members,
        },
        # The drawn windows hold 100 commands of the two symbols in scope out of three: 15/s in all.
        "preflight": {**drawn["preflight"], "rate": 15},
        "acked-seqs": msgspec.json.decode(msgspec.json.encode({"acked": read.acked})),
        "acked-dr": {
            **drawn["acked-dr"], "first_ack_by_member": dict.fromkeys(members, str(worlds.T0 + 54 * NS)),
        },
        "stacks": {**drawn["stacks"], "stacks": {}},
        "recovered": {"symbols": recovered, "at_ns": str(worlds.T0 + 41 * NS)},
        "validation": {
            "declared": record["declared"],
            "checks": [{**result, "expectation": result["check"]} for result in record["results"]],
            "contiguous": {fact["symbol"]: int(fact["journal_seq"]) for fact in record["facts"]},
            "finished_ns": finished,
            "acknowledged": sum(int(fact["acked"]) for fact in facts),
            "lost": sum(len(fact["lost"]) for fact in facts),
            "lost_fills": [fill for fact in facts for fill in fact["lost_fills"]],
            "unacknowledged": [command for fact in facts for command in fact["unacknowledged"]],
            "above_checkpoint": sum(int(fact["above_checkpoint"]) for fact in facts),
            "journal": {fact["symbol"]: fact["journal"] for fact in record["facts"]},
            "started_ns": str(worlds.T0 + 45 * NS),
        },
        "word-canary": {"symbols": dict.fromkeys(SYMBOLS, drawn["word-canary"]["symbols"]["AAPL"])},
        "objectives": {"declared": 2, "checks": [worlds.check(symbol, name="recovery time") for symbol in SYMBOLS]},
        "word-reveal": {"nonce": worlds.NONCE, "control": {"kind": "delete", "symbol": SABOTAGED}, "faults": []},
        "inventory": {**drawn["inventory"], "before": {}, "after": {}},
    }  # fmt: skip
    return Evidence(documents=drawn | mine, events=worlds.healthy().events)


async def test_a_kill_leaves_committed_commands_unacknowledged_and_the_drill_passes_with_them_listed(
    killed: Killed,
) -> None:
    fatal, silent = killed.firehose.fatal, killed.silent()
    assert fatal is not None
    owed = {(fatal.symbol, fatal.first_seq + place, one["command_id"]) for place, one in enumerate(fatal.commands)}
    assert owed <= silent, "nothing leaves the engine before the commit is confirmed"
    assert all(killed.heard(symbol) <= killed.committed(symbol) for symbol in SYMBOLS)
    assert len(killed.heard(fatal.symbol)) > 100, "the exchange traded"

    sabotage(killed)
    recovered = await rehydrated(killed.root)
    assert {symbol: row["status"] for symbol, row in recovered.items()} == {
        "AAPL": "recovered", "MSFT": "recovered", SABOTAGED: "damaged"
    }  # fmt: skip
    assert {symbol: recovered[symbol]["commands"] for symbol in SYMBOLS} == {
        symbol: len(killed.committed(symbol)) for symbol in SYMBOLS
    }

    validation = await asyncio.to_thread(validated, killed.root)
    assert validation.complete
    assert [(one.symbol, one.check, one.first) for one in validation.failed()] == []
    assert {one.symbol for one in validation.failed(scope=False)} == {SABOTAGED}
    found = {
        (one.symbol, one.seq, one.command_id) for fact in validation.facts if fact.scope for one in fact.unacknowledged
    }
    assert found == silent
    assert [fact.lost for fact in validation.facts if fact.scope] == [(), ()]

    case = evidence(killed, recovered, validation)
    verdict = judge(case)
    assert (verdict.outcome, verdict.rulings, verdict.control) == ("PASS", (), "caught")
    report = compose(
        case, Sealed(manifest=(), path="report.html", verify="", generated_ns=1, lock="none"), drill=worlds.DRILL
    )
    assert report.result.resumption is not None
    listed = {(one.symbol, one.seq, int(one.command_id)) for one in report.result.resumption.unknown_orders}
    assert listed == silent
    assert report.result.point.unacknowledged == len(silent)
