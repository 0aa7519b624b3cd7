from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from engine.messages import Environment
from tests.witness.fake_exchange import LISTED, FakeNames
from tests.witness.memory_s3 import MemoryS3
from tests.witness.test_house import NAMES, until
from witness.__main__ import main
from witness.agent import Agent
from witness.bucket import ObjectClient, Order, WitnessBucket
from witness.canary import Canary
from witness.injector import Injector
from witness.killer import EcsKiller, HttpKiller
from witness.resolver import Resolver
from witness.saboteur import Saboteur

SECOND_NS = 1_000_000_000


class FakeKiller:
    def __init__(self) -> None:
        self.kills: list[tuple[str, ...]] = []
        self.failures = 0

    def prepare(self, clusters: Sequence[str], region: str) -> None:
        pass

    def kill(self, clusters: Sequence[str], region: str) -> list[str]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("throttled")
        self.kills.append(tuple(clusters))
        return ["task-1"]


def armed(loss_at_ns: int) -> Order:
    return Order("d1", "arm", "m", {"loss_at_ns": str(loss_at_ns), "clusters": ["c1"], "region": "us-east-1"})


def said(s3: MemoryS3, bucket: WitnessBucket, name: str) -> Any:
    return json.loads(s3.content(bucket.name, f"words/d1/{name}.json") or b"null")


def test_the_site_is_killed_at_the_committed_moment_not_before(s3: MemoryS3, bucket: WitnessBucket) -> None:
    killer, moment = FakeKiller(), time.time_ns() + SECOND_NS // 5
    Injector(bucket, killer).obey(armed(moment), lambda: False)
    word = said(s3, bucket, "loss")
    assert killer.kills == [("c1",)]
    assert int(word["committed_ns"]) == moment <= int(word["actual_ns"]) <= int(word["finished_ns"])
    assert word["tasks"] == ["task-1"]


def test_a_restarted_injector_does_not_kill_twice_but_makes_up_for_a_moment_just_missed(
    s3: MemoryS3, bucket: WitnessBucket
) -> None:
    killer, moment = FakeKiller(), time.time_ns() - SECOND_NS
    for _ in range(2):
        Injector(bucket, killer).obey(armed(moment), lambda: False)
    assert len(killer.kills) == 1


def test_an_old_order_does_not_kill_an_exchange_that_trades_in_earnest(s3: MemoryS3, bucket: WitnessBucket) -> None:
    killer = FakeKiller()
    Injector(bucket, killer).obey(armed(time.time_ns() - 600 * SECOND_NS), lambda: False)
    assert killer.kills == []
    assert "expired" in said(s3, bucket, "loss")["error"]


def test_a_disarmed_injector_does_nothing(s3: MemoryS3, bucket: WitnessBucket) -> None:
    killer = FakeKiller()
    Injector(bucket, killer).obey(armed(time.time_ns() + 3600 * SECOND_NS), lambda: True)
    assert (killer.kills, said(s3, bucket, "loss")) == ([], None)


def test_the_kill_port_of_an_emulator_gets_one_request_that_holds_the_scheduler() -> None:
    bodies: list[Any] = []

    class Port(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = b'{"tasks":["t1","t2"]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/_aex/kill"
    assert HttpKiller(url).kill(["c1"], "us-east-1") == ["t1", "t2"]
    server.shutdown()
    server.server_close()
    assert bodies == [{"clusters": ["c1"], "region": "us-east-1", "hold": True}]


def test_on_ecs_desired_counts_go_to_zero_before_any_task_is_stopped() -> None:
    calls: list[tuple[str, ...]] = []

    class Ecs:
        exceptions = type("Exceptions", (), {"InvalidParameterException": KeyError})

        def list_services(self, cluster: str, nextToken: str = "") -> dict[str, Any]:  # noqa: N803
            return {"serviceArns": ["s2"]} if nextToken else {"serviceArns": ["s1"], "nextToken": "more"}

        def list_tasks(self, cluster: str) -> dict[str, Any]:
            return {"taskArns": ["t1", "late"] if calls else ["t1", "gone"]}

        def update_service(self, cluster: str, service: str, desiredCount: int) -> None:  # noqa: N803
            assert desiredCount == 0
            calls.append(("hold", service))

        def stop_task(self, cluster: str, task: str, reason: str) -> None:
            calls.append(("stop", task))
            if task == "gone":
                raise KeyError(task)

    ended = EcsKiller(lambda _: Ecs()).kill(["c1"], "us-east-1")
    assert sorted(ended) == ["gone", "late", "t1"]
    assert sorted(calls[:2]) == [("hold", "s1"), ("hold", "s2")]
    assert {call for call, _ in calls[2:]} == {"stop"}


def make_agent(s3: MemoryS3, bucket: WitnessBucket, tmp_path: Path, songs: list[Any]) -> Agent:
    def song(name: str, symbols: list[str], environment: Environment) -> dict[str, dict[str, str]]:
        songs.append((name, tuple(symbols), environment))
        return {symbol: {"sent_ns": "1"} for symbol in symbols}

    saboteur = Saboteur(bucket, lambda _: cast("ObjectClient", s3), tmp_path)
    return Agent(bucket, Injector(bucket, FakeKiller()), saboteur, "exchange.aex.example", song)


def put(s3: MemoryS3, bucket: WitnessBucket, verb: str, body: bytes) -> None:
    s3.put_object(Bucket=bucket.name, Key=f"orders/d1/{verb}.json", Body=body)


def test_an_order_is_obeyed_once_again_when_rewritten_and_never_after_a_restart(
    s3: MemoryS3, bucket: WitnessBucket, tmp_path: Path
) -> None:
    songs: list[Any] = []
    put(s3, bucket, "canary", b'{"symbols":["AAL"]}')
    agent = make_agent(s3, bucket, tmp_path, songs)
    agent.poll()
    agent.poll()
    agent.join()
    restarted = make_agent(s3, bucket, tmp_path, songs)
    restarted.poll()
    restarted.join()
    assert songs == [("exchange.aex.example", ("AAL",), Environment.LIVE)]
    put(s3, bucket, "canary", b'{"symbols":["AAL","AAPL"]}')
    again = make_agent(s3, bucket, tmp_path, songs)
    again.poll()
    again.join()
    assert set(said(s3, bucket, "canary")["symbols"]) == {"AAL", "AAPL"}


def test_an_order_that_cannot_be_obeyed_is_answered_with_an_error(
    s3: MemoryS3, bucket: WitnessBucket, tmp_path: Path
) -> None:
    put(s3, bucket, "sabotage", b'{"nonce":"zz"}')
    put(s3, bucket, "canary", b"not json")
    agent = make_agent(s3, bucket, tmp_path, [])
    agent.poll()
    agent.join()
    assert "error" in said(s3, bucket, "sabotage")
    assert said(s3, bucket, "canary") is None


def test_the_agent_survives_a_store_in_trouble(s3: MemoryS3, bucket: WitnessBucket, tmp_path: Path) -> None:
    songs: list[Any] = []
    put(s3, bucket, "canary", b'{"symbols":["AAL"]}')
    s3.failures = 2
    agent = make_agent(s3, bucket, tmp_path, songs)
    thread = threading.Thread(target=agent.run)
    thread.start()
    while not songs:
        time.sleep(0.01)
    agent.stop()
    thread.join()
    assert len(songs) == 1


async def test_canaries_are_acknowledged_matched_and_printed_and_the_unlisted_named(
    ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any
) -> None:
    exchange = await start_exchange(addresses[0])
    hosts = ("exchange.aex.example", "marketdata.aex.example")
    names = FakeNames(dict.fromkeys([*NAMES, *hosts], addresses[0]))
    canary = Canary("exchange.aex.example", cast("Resolver", names), ports=ports, timeout_seconds=10)
    marks = await canary.sing([listed.symbol for listed in LISTED] + ["NOPE"])
    assert marks.pop("NOPE") == {"error": "not listed"}
    for one in marks.values():
        assert set(one) == {"sent_ns", "acked_ns", "matched_ns", "printed_ns"}
        assert int(one["sent_ns"]) <= int(one["acked_ns"])
    assert set(exchange.logins) == {65_000}
    assert all(order.command.flags == 1 for order in exchange.commands)
    assert exchange.canaries == {}


async def test_a_canary_that_nobody_answers_is_an_error_and_takes_its_order_back(
    ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any
) -> None:
    exchange = await start_exchange(addresses[0])
    hosts = ("exchange.aex.example", "marketdata.aex.example")
    names = FakeNames(dict.fromkeys([*NAMES, *hosts], addresses[0]))
    exchange.mute_orders = True
    canary = Canary("exchange.aex.example", cast("Resolver", names), ports=ports, timeout_seconds=0.5)
    marks = await canary.sing(["SYM1"])
    assert marks["SYM1"]["error"].startswith("not acked")
    await until(lambda: any(order.command.kind == 2 for order in exchange.commands))
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "argv",
    [
        ["members", "--name", "exchange", "--captures", "x", "--bucket", "b"],
        ["members", "--name", "a.b", "--captures", "x", "--bucket", "b", "--members", "101"],
        ["members", "--name", "a.b", "--captures", "x", "--bucket", "b", "--rate", "0"],
        ["monitor", "--name", "a.b"],
        ["agent", "--bucket", "b", "--killer", "ftp://x"],
        ["agent", "--bucket", "s3://b/c"],
        [],
    ],
)
def test_a_bad_command_line_ends_with_status_2(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AEX_WITNESS_BUCKET", raising=False)
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err
