"""F28: every member's name logs in ten times at once, and again as soon as it is replaced, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.messages import Environment
from engine.wire import Login
from witness import clock
from witness.injections.scene import Account, Scene
from witness.resolver import Resolver
from witness.routes import symbol_name
from witness.session import PORT

TIMES = 10
ZONE = "aex.example"
LOOK_S = 0.1
CONNECT_S = 2.0
READ_BYTES = 65_536
LOG = logging.getLogger(__name__)


def reconnect(scene: Scene) -> Account:
    """Start the storm beside; it ends when the drill is restored."""
    members = int((scene.witness.word("members/latest.json") or {"members": 1})["members"])

    def act(stopped: Callable[[], bool]) -> Account:
        logins = asyncio.run(_storm(scene, members, stopped))
        return {"logins": logins, "ended_ns": str(clock.now_ns())}

    scene.later(act)
    return {"members": members, "sessions": members * TIMES}


async def _storm(scene: Scene, members: int, stopped: Callable[[], bool]) -> int:
    """Every session of the storm, until it is over; returns how often somebody logged in."""
    resolver = Resolver()
    addresses = {await resolver.address(symbol_name(symbol, ZONE)) for symbol in scene.symbols}
    logins = [0]
    sessions = [
        asyncio.create_task(_session(member, address, logins))
        for address in sorted(addresses)
        for member in range(1, members + 1)
        for _ in range(TIMES)
    ]
    await asyncio.to_thread(_until, stopped)
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)
    return logins[0]


def _until(stopped: Callable[[], bool]) -> None:
    while not stopped():
        clock.nap(LOOK_S)


async def _session(member: int, address: str, logins: list[int]) -> None:
    """One of them: log in, hear whatever comes, and come again when another of the same name has replaced it."""
    while True:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(address, PORT)
        except OSError as refused:
            LOG.debug("%s: %s", address, refused)
            await asyncio.sleep(LOOK_S)
            continue
        try:
            writer.write(Login(member, int(Environment.LIVE)).pack())
            logins[0] += 1
            while await reader.read(READ_BYTES):
                pass
        except OSError as ended:
            LOG.debug("%s: member %d: %s", address, member, ended)
        finally:
            writer.close()
