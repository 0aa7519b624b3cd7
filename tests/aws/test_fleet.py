"""Tasks as ECS reports them, and status lines as engines send them."""

from __future__ import annotations

import json
import socket
from threading import Thread

import pytest

from drill.aws import fleet
from drill.aws.fleet import ProbeError

LINE = {
    "site": "dr-t1",
    "environment": "LIVE",
    "epoch": 2,
    "build": "ab",
    "state": "recovered",
    "now_ns": 1500,
    "symbols": {"AAPL": {"state": "recovered", "seq": 7, "digest": "cd"}, "ZZT1": {"state": "damaged", "seq": 3}},
}


@pytest.fixture
def answering():
    """Serve each given body to one connection on a loopback port."""
    listeners = []

    def serve(body: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(body)

        Thread(target=answer, daemon=True).start()
        return int(listener.getsockname()[1])

    yield serve
    for listener in listeners:
        listener.close()


def test_an_engine_tells_state_symbols_and_its_clock(answering):
    moments = iter((1000, 1200))
    port = answering(json.dumps(LINE).encode() + b"\n")
    said = fleet.probe("127.0.0.1", port=port, now_ns=lambda: next(moments))
    assert (said.state, said.epoch, said.build) == ("recovered", 2, "ab")
    assert (said.symbols["AAPL"].seq, said.symbols["AAPL"].digest, said.symbols["ZZT1"].digest) == (7, "cd", "")
    assert said.offset_ns == 400


@pytest.mark.parametrize("body", [b"", b"no json\n", b"{}\n", b"[]\n", b'{"symbols": {"A": 1}}\n'])
def test_an_answer_that_is_no_status_line_is_an_error(answering, body):
    with pytest.raises(ProbeError, match=r"127\.0\.0\.1"):
        fleet.probe("127.0.0.1", port=answering(body))


def test_a_silent_engine_is_in_the_result(answering):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = fleet.probe_all(["127.0.0.1"], port=port)
    assert isinstance(found["127.0.0.1"], ProbeError)


@pytest.mark.parametrize(
    "entry",
    [
        {
            "attachments": [
                {"details": [{"name": "subnetId", "value": "s"}, {"name": "privateIPv4Address", "value": "127.1.2.3"}]}
            ]
        },
        {"containers": [{"networkInterfaces": [{"privateIpv4Address": "127.1.2.3"}]}]},
    ],
)
def test_the_address_is_the_interface_of_the_task(entry):
    described = {"taskArn": "arn:task", "group": "service:engines-00", "lastStatus": "RUNNING"} | entry
    task = fleet._task("aex-dr-t1-MatchingEngine", described)
    assert (task.address, task.service, task.started_ns) == ("127.1.2.3", "engines-00", 0)
    assert fleet._task("c", {"taskArn": "arn:task"}).address == ""
