"""Where this task listens: its own address, as the container agent tells it."""

from __future__ import annotations

import os

import aiohttp

__all__ = ["LOOPBACK", "own_address"]

LOOPBACK = "127.0.0.1"
METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
METADATA_TIMEOUT_S = 5.0


async def own_address() -> str:
    """IPv4 address of the task (task metadata endpoint, version 4), or loopback where there is no container agent.

    Raises:
        RuntimeError: the agent answered, but without an address.
    """
    uri = os.environ.get(METADATA_VARIABLE)
    if not uri:
        return LOOPBACK
    timeout = aiohttp.ClientTimeout(total=METADATA_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(uri) as response:
        document = await response.json(content_type=None)
    try:
        return str(document["Networks"][0]["IPv4Addresses"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise RuntimeError(f"{METADATA_VARIABLE}={uri}: no Networks[0].IPv4Addresses[0] in the answer") from error
