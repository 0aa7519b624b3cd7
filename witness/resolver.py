"""Names to addresses, through `AEX_RESOLVER=host:port` (absent: the system's resolver), time to live respected.

CNAMEs are followed by hand when an answer stops at one: the zone of the exchange and the namespaces of its sites may
be served by different servers.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver

from witness.clock import SECOND_NS, monotonic_ns

SETTING = "AEX_RESOLVER"
QUERY_SECONDS = 1.0
MAX_ALIASES = 8
UNKNOWN_TTL_NS = 5 * SECOND_NS
FAILURE_TTL_NS = SECOND_NS // 2
AT_ONCE = 16


class NameUnresolvedError(OSError):
    """A name has no address just now: says which name and what the server answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Addresses of a name, sorted, good until `expires_ns` (monotonic)."""

    addresses: tuple[str, ...]
    expires_ns: int


class Resolver:
    """Caches answers for their time to live, as a host's own cache does."""

    def __init__(self, server: str | None = None) -> None:
        """`server`: "host:port"; None reads the setting."""
        server = server if server is not None else os.environ.get(SETTING, "")
        host, _, port = server.rpartition(":")
        self._server = (host, int(port)) if host else None
        self._cache: dict[str, Answer] = {}
        self._failures: dict[str, tuple[int, NameUnresolvedError]] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def address(self, name: str) -> str:
        """The first address of `name`."""
        return (await self.addresses(name))[0]

    async def addresses(self, name: str) -> tuple[str, ...]:
        """All addresses of `name`; raises NameUnresolvedError."""
        known = self._cache.get(name)
        if known and known.expires_ns > monotonic_ns():
            return known.addresses
        failed_until_ns, failure = self._failures.get(name, (0, None))
        if failure and failed_until_ns > monotonic_ns():
            raise failure
        try:
            async with self._gate:
                answer = await (self._ask(name, *self._server) if self._server else _ask_system(name))
        except NameUnresolvedError as error:
            self._failures[name] = (monotonic_ns() + FAILURE_TTL_NS, error)
            raise
        self._cache[name] = answer
        return answer.addresses

    async def _ask(self, name: str, host: str, port: int) -> Answer:
        target, ttl = dns.name.from_text(name), 2**31
        for _ in range(MAX_ALIASES):
            query = dns.message.make_query(target, dns.rdatatype.A)
            try:
                response = await dns.asyncquery.udp(query, host, timeout=QUERY_SECONDS, port=port)
                assert isinstance(response, dns.message.QueryMessage), f"{target}: the answer is no answer to a query"
                chain = response.resolve_chaining()
            except (dns.exception.DNSException, OSError) as error:
                raise NameUnresolvedError(f"cannot resolve {name}: {host}:{port} for {target}: {error}") from error
            ttl = min(ttl, chain.minimum_ttl)
            if chain.answer is not None:
                found = sorted(record.to_text() for record in chain.answer)
                return Answer(tuple(found), monotonic_ns() + ttl * SECOND_NS)
            if chain.canonical_name == target:
                break
            target = chain.canonical_name
        raise NameUnresolvedError(f"cannot resolve {name}: {host}:{port} has no address for {target}")


async def _ask_system(name: str) -> Answer:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NameUnresolvedError(f"cannot resolve {name} with the system's resolver: {error}") from error
    return Answer(tuple(sorted({str(entry[4][0]) for entry in found})), monotonic_ns() + UNKNOWN_TTL_NS)
