"""Which address serves which instrument now: each symbol's public name, resolved again when there is a reason to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from witness.directory import Listed
from witness.resolver import NameUnresolvedError, Resolver

LOG = logging.getLogger(__name__)


def zone_of(name: str) -> str:
    """The zone of a public name: `exchange.aex.example` -> `aex.example`."""
    _, _, zone = name.partition(".")
    if not zone:
        raise ValueError(f"{name!r} is no public name: expected host.zone, such as exchange.aex.example")
    return zone


def symbol_name(symbol: str, zone: str) -> str:
    """The public name of a symbol's engine."""
    return f"{symbol.lower()}.{zone}"


class Routes:
    """Addresses by instrument number. The cache of the resolver decides how often a question really leaves the host."""

    def __init__(self, resolver: Resolver, zone: str, instruments: Sequence[Listed]) -> None:
        self.by_number: dict[int, str] = {}
        self._resolver = resolver
        self._names = {listed.number: symbol_name(listed.symbol, zone) for listed in instruments}

    @property
    def addresses(self) -> set[str]:
        """Every address that serves something."""
        return set(self.by_number.values())

    def served_by(self, address: str) -> list[int]:
        """Numbers that are traded at `address`."""
        return [number for number, served in self.by_number.items() if served == address]

    async def refresh(self) -> bool:
        """Ask for every name; a name without an answer keeps its last address. True when something moved."""
        answers = await asyncio.gather(*(self._ask(number) for number in self._names))
        fresh = {number: address for number, address in answers if address}
        moved = any(self.by_number.get(number) != address for number, address in fresh.items())
        self.by_number.update(fresh)
        return moved

    async def _ask(self, number: int) -> tuple[int, str]:
        try:
            return number, await self._resolver.address(self._names[number])
        except NameUnresolvedError as error:
            LOG.debug("%s", error)
            return number, ""
