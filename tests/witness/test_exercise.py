"""Members of planned exercises: they stand by, come when called, go home; nobody else's orders are theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.messages import Environment
from tests.witness.fake_exchange import FakeNames
from tests.witness.memory_s3 import MemoryS3
from tests.witness.test_house import NAMES, until
from witness.bucket import Order, Speaker, WitnessBucket
from witness.exercise import Standby
from witness.handover import of_drill, of_environment

ZONE = "dr-abcdef.drill.aex.example"
CALL = {"name": f"exchange.{ZONE}", "members": 3, "customers": 5, "rate": 1000, "seed": 7}


class Called:
    """A standby with its bucket."""

    def __init__(self, s3: MemoryS3, bucket: WitnessBucket) -> None:
        self.s3, self.bucket = s3, bucket

    def order(self, drill: str, verb: str, **body: Any) -> None:
        self.s3.put_object(
            Bucket=self.bucket.name,
            Key=f"orders/{drill}/{verb}.json",
            Body=json.dumps({"drill": drill, **body}).encode(),
        )

    def word(self, path: str) -> Any:
        content = self.s3.content(self.bucket.name, f"words/{path}")
        return None if content is None else json.loads(content)

    def acked(self, drill: str) -> int:
        return int((self.word(f"{drill}/members.json") or {"acked": 0})["acked"])


@pytest.fixture
async def called(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    ports: tuple[int, int, int],
    addresses: tuple[str, str],
    start_exchange: Any,
    s3: MemoryS3,
    bucket: WitnessBucket,
) -> AsyncIterator[Called]:
    await start_exchange(addresses[0], epoch=2)
    at_dr = {name.replace("aex.example", ZONE): addresses[0] for name in NAMES}
    names = FakeNames({**at_dr, f"exchange.{ZONE}": addresses[0]})
    speaker = Speaker(bucket)
    standby = Standby(bucket, speaker, tmp_path / "captures", names, ports=(ports[0], ports[2]))  # type: ignore[arg-type]
    running = asyncio.create_task(standby.run())
    yield Called(s3, bucket)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.to_thread(speaker.close)


async def test_they_stand_by_until_a_drill_calls_and_go_home_when_it_closes(called: Called, tmp_path: Path) -> None:
    await until(lambda: called.word("members/standby.json") is not None)
    assert called.word("members/standby.json")["drill"] is None
    called.order("drill-one", "members", **CALL)
    await until(lambda: called.acked("drill-one") > 200)
    assert called.word("drill-one/members.json")["members"] == 3
    called.order("drill-one", "handover", name="final", environment="DRILL")
    await until(lambda: called.word("drill-one/handover-final.json") is not None)
    assert called.word("drill-one/handover-final.json")["members"] == 3
    called.order("drill-one", "close")
    await until(lambda: not any(task.get_name() == "drill-one" for task in asyncio.all_tasks()))
    assert sorted(path.name for path in (tmp_path / "captures").iterdir()) == ["drill-one"]


async def test_the_next_drill_finds_them_and_the_last_ones_captures_go(called: Called, tmp_path: Path) -> None:
    for drill in ("drill-one", "drill-two"):
        called.order(drill, "members", **CALL)
        await until(lambda name=drill: called.acked(name) > 50)  # type: ignore[misc]
        called.order(drill, "close")
    await until(lambda: not any(task.get_name() == "drill-two" for task in asyncio.all_tasks()))
    assert [path.name for path in (tmp_path / "captures").iterdir()] == ["drill-two"]


async def test_a_call_that_cannot_be_read_is_answered_and_the_next_one_heard(called: Called) -> None:
    called.order("drill-bad", "members", name="exchange", members=3)
    await until(lambda: called.word("drill-bad/members-error.json") is not None)
    assert "drill-bad" in called.word("drill-bad/members-error.json")["error"]
    called.order("drill-one", "members", **CALL)
    await until(lambda: called.acked("drill-one") > 50)


async def test_a_closed_drill_calls_nobody(called: Called) -> None:
    called.order("drill-old", "close")
    called.order("drill-old", "members", **CALL)
    called.order("drill-one", "members", **CALL)
    await until(lambda: called.acked("drill-one") > 50)
    assert called.word("drill-old/members.json") is None


@pytest.mark.parametrize(
    ("body", "live", "drill"),
    [({}, True, False), ({"environment": "LIVE"}, True, False), ({"environment": "DRILL"}, False, True)],
)
def test_a_handover_is_obeyed_by_the_members_it_names(body: dict[str, str], live: bool, drill: bool) -> None:
    order = Order("drill-one", "handover", "mark", body)
    assert of_environment(Environment.LIVE)(order) is live
    assert of_drill("drill-one", Environment.DRILL)(order) is drill
    assert of_drill("drill-two", Environment.DRILL)(order) is False
