from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tests.witness.fake_exchange import FakeNames
from tests.witness.test_house import until
from witness.directory import Answer, BadAnswerError, parse
from witness.monitor import Beat, Monitor, Watch
from witness.resolver import Resolver

NAME = "exchange.aex.example"


def beat(n: int, state: str | None, epoch: int = 1) -> Beat:
    answer = Answer("primary", epoch, state, 0, n, n + 1, ()) if state else None
    return Beat(n * 100, n * 100 + 50, answer)


def test_the_third_miss_is_the_detection_and_carries_the_first() -> None:
    watch = Watch()
    words = [watch.see(beat(n, state)) for n, state in enumerate(["open", None, "open", None, "closed", None, None])]
    assert [word["state"] if word else None for word in words] == ["up", None, None, None, None, "down", None]
    assert words[5] == {"state": "down", "at_ns": "550", "first_missed_ns": "300", "epoch": 1}


def test_another_epoch_is_a_change_of_state_even_without_a_miss() -> None:
    watch = Watch()
    watch.see(beat(0, "open"))
    word = watch.see(beat(1, "open", 2))
    assert word
    assert (word["state"], word["epoch"]) == ("up", 2)


async def test_the_monitor_detects_a_loss_and_finds_the_exchange_under_its_new_address(
    ports: tuple[int, int, int], addresses: tuple[str, str], start_exchange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("witness.monitor.INTERVAL_SECONDS", 0.02)
    primary = await start_exchange(addresses[0])
    names, words = FakeNames({NAME: addresses[0]}), []
    latest: dict[str, Any] = {}
    monitor = Monitor(
        NAME,
        cast("Resolver", names),
        lambda _, word: words.append(word),
        lambda _, word: latest.update(word),
        port=ports[2],
    )
    run = asyncio.create_task(monitor.run())
    await until(lambda: [word["state"] for word in words] == ["up"])
    assert abs(int(words[0]["offset_ns"])) < 500_000_000
    await primary.stop()
    await until(lambda: [word["state"] for word in words] == ["up", "down"])
    await start_exchange(addresses[1], epoch=2)
    names.table[NAME] = addresses[1]
    await until(lambda: len(words) == 3)
    run.cancel()
    assert (words[2]["state"], words[2]["epoch"]) == ("up", 2)
    assert int(words[1]["first_missed_ns"]) <= int(words[1]["at_ns"]) < int(words[2]["at_ns"])
    assert set(latest["hosts"]) == set(addresses)


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"site":"x"}\n', b'{"site":"x","epoch":"?","state":"open"}\n'])
def test_what_is_no_answer_is_refused_with_the_host_named(line: bytes) -> None:
    with pytest.raises(BadAnswerError, match=r"directory 127\.0\.0\.9"):
        parse(line, host="127.0.0.9", sent_ns=1, received_ns=2)
