"""One embedded AWS for the whole folder, on free loopback ports; it ends with the session."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from drill.aws import sites
from emulator.settings import Settings as World
from emulator.settings import client_environment
from templates import Settings

ROOT = Path(__file__).resolve().parents[2]
BOOT_S = 60
REGION = "us-west-2"
REGIONS = ("us-east-1", "us-west-2")


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(endpoint: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + BOOT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the embedded AWS ended: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()
        except urllib.error.HTTPError:
            return  # it answers: who asked without a signature is refused
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the embedded AWS did not answer in {BOOT_S} s: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("aws")
    chosen = World(
        port=free_port(socket.SOCK_STREAM),
        dns_port=free_port(socket.SOCK_DGRAM),
        state=home / "state",
        run=home / "run",
    )
    arguments = ["--port", chosen.port, "--dns-port", chosen.dns_port, "--state", chosen.state, "--run", chosen.run]
    log = home / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "emulator", "serve", *map(str, arguments)], cwd=ROOT, stdout=output, stderr=output
        )
    try:
        wait_for(chosen.endpoint, server, log)
        yield chosen
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="session")
def session(world: World) -> Iterator[boto3.Session]:
    before = dict(os.environ)
    os.environ.update(client_environment(world))
    yield boto3.Session()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def plan() -> Settings:
    """A DR site of three symbols whose engines the tests do not need: their image runs `true`."""
    return Settings(
        symbols=("AAPL", "ZZT1", "ZZT2"),
        symbols_per_task=2,
        site="dr-t1",
        drill_id="t1",
        epoch=2,
        region=REGION,
        recover="journal/epoch=1/",
        vpc_cidr="10.2.0.0/16",
        require_tls=False,
    )


@pytest.fixture(scope="session")
def account(session: boto3.Session, plan: Settings) -> Settings:
    """The account-wide stacks, and the DR site beside them."""
    sites.deploy(session, plan, account=True, timeout_s=60)
    return plan
