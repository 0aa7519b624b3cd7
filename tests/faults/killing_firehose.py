"""A Firehose that keeps every record on disk, and at a chosen one kills the engine before it answers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from asyncio.subprocess import Process
from collections import defaultdict
from pathlib import Path

from aiohttp import web

from oracle.frames import OracleFrame, read_frames

FATAL_AFTER = 300
FATAL_COMMANDS = 5


class KillingFirehose:
    """Answers on loopback. `journal` is the folder of one epoch: one gzip object a record, under names in no order.

    The fatal record is the first of `symbol` that begins above seq 300 and has five commands or more.
    """

    def __init__(self, journal: Path, symbol: str) -> None:
        self.journal = journal
        self.symbol = symbol
        self.committed: defaultdict[str, list[OracleFrame]] = defaultdict(list)
        self.objects: dict[tuple[str, int], Path] = {}
        self.fatal: OracleFrame | None = None
        self.engine: Process | None = None
        self._runner: web.AppRunner | None = None

    async def open(self) -> str:
        """Listen; returns the endpoint's address."""
        application = web.Application(client_max_size=4 << 20)
        application.router.add_post("/", self._put_record)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _put_record(self, request: web.Request) -> web.Response:
        document = json.loads(await request.read())
        record = base64.b64decode(document["Record"]["Data"])
        frame = self._keep(document["DeliveryStreamName"].removeprefix("matching-engine-"), record)
        assert self.engine is not None
        if self.fatal is None and self._is_fatal(frame):
            self.fatal = frame
            self.engine.kill()
            await self.engine.wait()
        return web.json_response({"RecordId": hashlib.sha256(record).hexdigest(), "Encrypted": False})

    def _keep(self, symbol: str, record: bytes) -> OracleFrame:
        [frame] = read_frames(record)
        path = self.journal / f"symbol={symbol}" / "2026/11/20/20" / f"{hashlib.sha256(record).hexdigest()}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(record))
        self.committed[symbol].append(frame)
        self.objects[symbol, frame.first_seq] = path
        return frame

    def _is_fatal(self, frame: OracleFrame) -> bool:
        return frame.symbol == self.symbol and frame.first_seq > FATAL_AFTER and len(frame.commands) >= FATAL_COMMANDS
