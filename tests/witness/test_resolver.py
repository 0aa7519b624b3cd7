from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from dnslib import CNAME, QTYPE, RR, A, DNSRecord

from witness.resolver import NameUnresolvedError, Resolver

ALIASES = {"aal.aex.example.": "engines-00.primary.aex.internal."}
ADDRESSES = {"engines-00.primary.aex.internal.": ["127.5.0.2", "127.5.0.1"], "exchange.aex.example.": ["127.5.0.9"]}


class Zone(asyncio.DatagramProtocol):
    """Answers an alias with the alias alone, as a zone does that does not serve the alias's target."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ttl = 60
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = DNSRecord.parse(data)
        name = str(request.q.qname)
        self.asked.append(name)
        reply = request.reply()
        if name in ALIASES:
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(ALIASES[name]), ttl=self.ttl))
        for address in ADDRESSES.get(name, ()):
            reply.add_answer(RR(name, QTYPE.A, rdata=A(address), ttl=self.ttl))
        assert self.transport
        self.transport.sendto(reply.pack(), addr)


@pytest.fixture
async def zone() -> AsyncIterator[tuple[Zone, Resolver]]:
    loop = asyncio.get_running_loop()
    transport, served = await loop.create_datagram_endpoint(Zone, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    yield served, Resolver(f"{host}:{port}")
    transport.close()


async def test_an_alias_is_followed_into_another_zone_and_addresses_are_sorted(zone: tuple[Zone, Resolver]) -> None:
    assert await zone[1].addresses("aal.aex.example") == ("127.5.0.1", "127.5.0.2")


async def test_an_answer_is_kept_for_its_time_to_live_and_not_longer(zone: tuple[Zone, Resolver]) -> None:
    served, resolver = zone
    for _ in range(3):
        await resolver.address("exchange.aex.example")
    assert len(served.asked) == 1
    served.ttl = 0
    fresh = Resolver(":".join(map(str, resolver._server or ())))
    for _ in range(3):
        await fresh.address("exchange.aex.example")
    assert len(served.asked) == 4


async def test_a_name_without_an_address_is_named_in_the_error_and_not_asked_for_at_once_again(
    zone: tuple[Zone, Resolver],
) -> None:
    served, resolver = zone
    for _ in range(3):
        with pytest.raises(NameUnresolvedError, match=r"nobody\.aex\.example"):
            await resolver.address("nobody.aex.example")
    assert len(served.asked) == 1
