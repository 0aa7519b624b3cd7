"""Names to addresses: through AEX_RESOLVER=host:port where it is set, else as the system does."""

from __future__ import annotations

import asyncio
import os
import socket

import dns.asyncresolver
import dns.exception

__all__ = ["NameNotFoundError", "resolve"]

RESOLVER_VARIABLE = "AEX_RESOLVER"
LIFETIME_S = 2.0


class NameNotFoundError(Exception):
    """No address for a name now; it may have one later."""


async def resolve(name: str) -> tuple[str, ...]:
    """Every IPv4 address of `name`, sorted; an address stands for itself.

    Raises:
        NameNotFoundError: no answer, or an answer without addresses.
    """
    if _is_address(name):
        return (name,)
    server = os.environ.get(RESOLVER_VARIABLE)
    addresses = await (_ask(server, name) if server else _ask_system(name))
    return tuple(sorted(set(addresses)))


def _is_address(name: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, name)
    except OSError:
        return False
    return True


async def _ask(server: str, name: str) -> list[str]:
    host, _, port = server.partition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [host]
    resolver.port = int(port or 53)
    try:
        answer = await resolver.resolve(name, "A", lifetime=LIFETIME_S, search=False)
    except (dns.exception.DNSException, OSError) as error:
        raise NameNotFoundError(f"{name}: {type(error).__name__} from {server}") from error
    return [str(record.address) for record in answer]


async def _ask_system(name: str) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NameNotFoundError(f"{name}: {error}") from error
    return [str(entry[4][0]) for entry in found]
