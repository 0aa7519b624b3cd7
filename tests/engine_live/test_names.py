"""Where a task is and where others are: the container agent's answer, the drill's resolver, the build digest."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import pytest
from aiohttp import web

from engine import build
from engine.address import LOOPBACK, own_address
from engine.resolver import NameNotFoundError, resolve

NAME = "engines-00.primary.aex.internal."
RECORDS = {
    NAME: [dns.rrset.from_text(NAME, 1, "IN", "A", "127.9.0.2", "127.9.0.1")],
    "aal.aex.example.": [
        dns.rrset.from_text("aal.aex.example.", 1, "IN", "CNAME", NAME),
        dns.rrset.from_text(NAME, 1, "IN", "A", "127.9.0.3"),
    ],
}


class Zone(asyncio.DatagramProtocol):
    """Answers from RECORDS, with no records for any other name."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = dns.message.make_response(dns.message.from_wire(data))
        answer.answer = RECORDS.get(str(answer.question[0].name).lower(), [])
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def _zone(monkeypatch: Any) -> Any:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Zone, ("127.0.0.1", 0))
    monkeypatch.setenv("AEX_RESOLVER", f"127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    yield
    transport.close()


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize(
    ("name", "addresses"),
    [(NAME, ("127.9.0.1", "127.9.0.2")), ("aal.aex.example", ("127.9.0.3",)), ("127.4.5.6", ("127.4.5.6",))],
)
async def test_names_resolve_through_the_drills_resolver(name: Any, addresses: Any) -> None:
    assert await resolve(name) == addresses


@pytest.mark.usefixtures("_zone")
async def test_a_name_without_addresses_is_not_found() -> None:
    with pytest.raises(NameNotFoundError, match=r"nobody\.aex\.example"):
        await resolve("nobody.aex.example")


async def test_without_a_resolver_the_system_answers(monkeypatch: Any) -> None:
    monkeypatch.delenv("AEX_RESOLVER", raising=False)
    assert await resolve("localhost") == ("127.0.0.1",)


async def test_the_container_agent_tells_the_address(monkeypatch: Any) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"Networks": [{"IPv4Addresses": ["127.3.2.1"]}]})

    application = web.Application()
    application.router.add_get("/v4/task", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"http://127.0.0.1:{runner.addresses[0][1]}/v4/task")
    assert await own_address() == "127.3.2.1"
    await runner.cleanup()


async def test_without_an_agent_it_is_loopback(monkeypatch: Any) -> None:
    monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)
    assert await own_address() == LOOPBACK


def test_the_build_digest_changes_with_any_source(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "__file__", str(tmp_path / "build.py"))
    empty = build.build_digest()
    assert empty == hashlib.sha256().hexdigest()
    (tmp_path / "book.py").write_text("bid = 1\n")
    first = build.build_digest()
    (tmp_path / "book.py").write_text("bid = 2\n")
    second = build.build_digest()
    (tmp_path / "book.py").rename(tmp_path / "look.py")
    assert len({empty, first, second, build.build_digest()}) == 4
