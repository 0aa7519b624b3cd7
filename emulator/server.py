"""The one process: uvicorn in front, puts and /_aex/ answered here, everything else by MiniStack's app."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from types import FrameType
from typing import Any
from uuid import uuid4

import msgspec
import uvicorn
from ministack import app as gateway
from ministack.app import app as ministack
from ministack.core import router

from emulator import faults, identity, resources
from emulator.control import PREFIX, Control
from emulator.delivery import Buffers, deliver_left
from emulator.dns import Resolver
from emulator.faults import FaultDesk
from emulator.firehose import BATCH, PUT, Desk
from emulator.keys import Keys
from emulator.ledger import Ledger
from emulator.metrics import publish_each_second
from emulator.settings import Settings
from emulator.spool import Spool, SpoolError
from emulator.tasks import Scheduler

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

DRAIN_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 3600
COLLECTIONS = (10_000, 20, 1_000)
"""Of the young, the older, and all objects: allocations, then rounds of the one before."""
UNAVAILABLE = b'{"__type":"ServiceUnavailableException","message":"the record could not be stored; put it again"}'
logger = logging.getLogger("emulator")


class Front:
    """The ASGI application."""

    def __init__(self, desk: Desk, control: Control, fault_desk: FaultDesk) -> None:
        self._desk = desk
        self._control = control
        self._faults = fault_desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route one request."""
        # Loopback stands in for TLS: policies that refuse plain HTTP (aws:SecureTransport) must hold here as on AWS.
        scope = {**scope, "scheme": "https"}
        if scope["type"] != "http":
            await ministack(scope, receive, send)
            return
        if scope["path"].startswith(PREFIX):
            await self._own(scope, receive, send)
            return
        if not self._faults.idle:
            body = await _body(receive) if self._faults.needs_body() else None
            request = faults.request_of(scope, body or b"")
            rule = self._faults.find(request)
            if rule is not None and await faults.answer(rule, request, send):
                return
            receive = receive if body is None else _replay(body, receive)
        headers = dict(scope["headers"])
        target = headers.get(b"x-amz-target")
        if target not in (PUT, BATCH) or scope["path"] != "/" or scope["query_string"]:
            await ministack(scope, receive, send)
            return
        body = await _body(receive)
        if b"content-encoding" not in headers:
            try:
                answer = self._desk.answer(target, headers, body)
            except SpoolError as full:
                logger.error("%s", full)  # noqa: TRY400 - one line says it all
                await _send(send, 503, b"application/x-amz-json-1.1", UNAVAILABLE)
                return
            if answer is not None:
                await _send(send, 200, b"application/x-amz-json-1.1", answer)
                return
        await ministack(scope, _replay(body, receive), send)

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        arguments = (scope["method"], scope["path"], authorization, body)
        if scope["method"] == "POST":
            answer = await asyncio.to_thread(self._control.answer, *arguments)
        else:
            answer = self._control.answer(*arguments)
        await _send(send, answer.status, b"application/json", msgspec.json.encode(answer.content))


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give MiniStack a body that was already read, then the connection's own messages."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


async def _send(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", str(uuid4()).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _stop_in_order(server: Any) -> asyncio.Event:
    """Let signals ask us to stop, instead of closing uvicorn's listener at once; returns what they set."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def handle_exit(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(asked.set)

    server.handle_exit = handle_exit
    return asked


def _config(front: Front) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        http="httptools",
        loop="none",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        backlog=1024,
    )


async def _serve(settings: Settings, api: socket.socket, names: socket.socket) -> None:
    ledger, spool, scheduler = Ledger(settings.state), Spool(settings.state), Scheduler(settings)
    buffers = Buffers(spool)
    desk, fault_desk = Desk(buffers), FaultDesk()
    identity.install()
    survivors = ledger.restore()
    ledger.install()
    _load_services()
    resources.install(ledger)
    fault_desk.install()
    Keys(settings.state).install()
    left = await deliver_left(spool)
    desk.install()
    scheduler.start()
    _spare_pauses()
    server = uvicorn.Server(_config(Front(desk, Control(scheduler, buffers, fault_desk), fault_desk)))
    asked = _stop_in_order(server)
    loop = asyncio.get_running_loop()
    transport, _protocol = await loop.create_datagram_endpoint(Resolver, sock=names)
    duties = [asyncio.create_task(buffers.sweep()), asyncio.create_task(publish_each_second(buffers))]
    serving = asyncio.create_task(server.serve(sockets=[api]))
    kept = f"{len(survivors)} buckets kept, {left} records delivered late"
    _say(f"serving on {settings.endpoint}, DNS on {settings.resolver}/udp, {kept}")
    stop = asyncio.create_task(asked.wait())
    await asyncio.wait([serving, stop], return_when=asyncio.FIRST_COMPLETED)
    # Tasks first, while the API still answers them; then what they confirmed; then the listener.
    await asyncio.to_thread(scheduler.close)
    waiting = await buffers.drain(DRAIN_SECONDS)
    if waiting:
        _say(f"{waiting} confirmed records could not be delivered; they are on disk for the next start")
    for duty in (*duties, stop):
        duty.cancel()
    transport.close()
    server.should_exit = True
    await serving
    _say("stopped")


def _load_services() -> None:
    """Import every service now: MiniStack imports on first use, on the loop, and would hold every put meanwhile.

    For the same reason it may not look up what a request for no service of its own was signed for: it would parse the
    models of all of AWS, for seconds. Whoever signs for a service means one.
    """
    for name in gateway._registry_module_names():
        gateway._get_module(name)
    router._is_aws_service_name = bool


def _spare_pauses() -> None:
    """Leave what lives as long as the process out of garbage collection, and collect the whole heap rarely.

    A collection holds every put while it lasts: 0.3 s for what a deployed exchange needs (280,000 objects, 2026-11-21),
    and longer beside a busy drill, which members saw as acknowledgements that all came late together.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)


def _say(line: str) -> None:
    sys.stderr.write(f"emulator: {line}\n")
    sys.stderr.flush()


def serve(settings: Settings, api: socket.socket, names: socket.socket) -> None:
    """Serve on these sockets until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.WARNING)
    settings.run.mkdir(parents=True, exist_ok=True)
    settings.state.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, api, names))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
