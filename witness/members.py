"""`python -m witness members`: the members' house with its edges."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal

from witness import clock
from witness.bucket import Speaker, WitnessBucket
from witness.directory import PORT, Answer, BadAnswerError, Line
from witness.handover import Handover
from witness.house import House, Plan
from witness.resolver import NameUnresolvedError, Resolver
from witness.routes import Routes, zone_of

RETRY_SECONDS = 0.4
ANSWER_SECONDS = 3.0
COLLECTIONS = (10_000, 20, 1_000)
"""Garbage collection of the young, the older, and all objects: allocations, then rounds of the one before."""
LOG = logging.getLogger(__name__)


async def learn_listing(name: str, resolver: Resolver, port: int = PORT) -> Answer:
    """Ask the directory for the listing until it answers with at least one instrument."""
    while True:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                line = await Line.connect(await resolver.address(name), port)
                try:
                    answer = await line.ask("listing", clock.now_ns)
                finally:
                    line.close()
            if answer.instruments:
                return answer
            LOG.info("directory %s lists nothing yet", name)
        except (OSError, NameUnresolvedError, BadAnswerError) as error:
            LOG.info("no listing from %s yet: %s", name, error or type(error).__name__)
        await asyncio.sleep(RETRY_SECONDS)


async def trade(plan: Plan, name: str, bucket: WitnessBucket) -> None:
    """Trade until SIGTERM or SIGINT."""
    resolver, loop = Resolver(), asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        listing = await learn_listing(name, resolver)
    except asyncio.CancelledError:
        return
    routes = Routes(resolver, zone_of(name), listing.instruments)
    speaker = Speaker(bucket)
    house = House(plan, listing.instruments, routes, lambda word: speaker.latest("members/latest.json", word))
    handover = Handover(bucket, house.freeze, loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, house.stop)
    handover.start()
    gc.freeze()  # a collection of the whole heap would stop this house's clock, and be told as the exchange's latency
    gc.set_threshold(*COLLECTIONS)
    try:
        await house.run()
    finally:
        await asyncio.to_thread(handover.close)
        await asyncio.to_thread(speaker.close)
