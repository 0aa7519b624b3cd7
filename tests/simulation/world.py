"""What surrounds the exchange: object store, Firehose, network, names. Everything of it may be slow, late or broken.

The nemesis draws from one generator, so a seed gives the same history in each run. It never breaks a promise that the
real thing makes: an object is put whole or not at all; what Firehose confirmed is delivered at least once; a denied
role's records are refused from the moment on which the deny is in force.
"""

from __future__ import annotations

import asyncio
import gzip
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import StorageError
from engine.firehose import FirehoseDeniedError, FirehoseError
from engine.storage import CHUNK, Entry, MemoryStore
from tests.simulation.loop import SimulatedLoop

__all__ = ["Bucket", "Delivery", "Nemesis", "Process", "View"]

TIMEOUT_S = 3.0
"""The production client's own limit for a put."""

APART_S = 1e-6
"""Between two deliveries of one connection: a loop's heap does not keep the order of equal times."""


class Nemesis:
    """Draws what goes wrong; `calm` ends it."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.calm = False
        self.strength = self.draw.choice((0.0, 0.02, 0.05, 0.15))
        self.outage_until = 0.0

    def strikes(self, chance: float = 1.0) -> bool:
        """Whether something goes wrong now."""
        return self.draw.random() < self.strength * chance and not self.calm

    def latency(self) -> float:
        """Seconds that a call takes."""
        return self.draw.uniform(0.001, 0.02) if not self.strikes() else self.draw.uniform(0.05, 2.0)


class Process:
    """One engine's process: alive or dead, and maybe cut off from the control folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.cut_off = False


class Bucket(MemoryStore):
    """Objects with the time at which they were written; the truth, without any fault."""

    def __init__(self, name: str, loop: SimulatedLoop) -> None:
        super().__init__(name)
        self._loop = loop
        self._written: dict[str, int] = {}

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for entry in super().list(prefix):
            yield Entry(entry.key, entry.size, "", self._written[entry.key])

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        super().put(key, data, if_absent=if_absent)
        self._written[key] = self._loop.now_ns()


class View:
    """A bucket as one process sees it: calls fail now and then, or always when it is cut off."""

    def __init__(self, bucket: Bucket, process: Process, nemesis: Nemesis, *, cuttable: bool = False) -> None:
        self.address = bucket.address
        self._bucket = bucket
        self._process = process
        self._nemesis = nemesis
        self._cuttable = cuttable

    def _call(self, operation: str, key: str, chance: float) -> Bucket:
        if (self._cuttable and self._process.cut_off) or self._nemesis.strikes(chance):
            raise StorageError(operation, where=self.address + key, cause="503 SlowDown", hint="try again")
        return self._bucket

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return iter(list(self._call("list objects", prefix, 0.1).list(prefix)))

    def get(self, key: str) -> bytes:
        return self._call("get object", key, 0.1).get(key)

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        return self._call("get object", key, 0.02).chunks(key, size)

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        if self._nemesis.strikes(0.2):  # torn: the object is there, or not, and nobody says which
            if self._nemesis.draw.random() < 0.5:
                self._bucket.put(key, data, if_absent=if_absent)
            raise StorageError("put object", where=self.address + key, cause="connection reset", hint="try again")
        self._call("put object", key, 0.0).put(key, data, if_absent=if_absent)

    def put_file(self, key: str, path: Path) -> None:
        self.put(key, path.read_bytes())

    def exists(self, key: str) -> bool:
        return self._call("head object", key, 0.1).exists(key)

    def delete(self, key: str) -> None:
        self._call("delete object", key, 0.1).delete(key)


class Delivery:
    """Firehose: confirms records, buffers them, delivers them late, in any order, and some of them twice."""

    def __init__(self, loop: SimulatedLoop, nemesis: Nemesis, journal: Bucket) -> None:
        self._loop = loop
        self._nemesis = nemesis
        self._journal = journal
        self._buffers: defaultdict[tuple[int, str], list[bytes]] = defaultdict(list)
        self._under_way = 0
        self.denied: set[int] = set()
        self.stuck: set[int] = set()
        """Epochs whose site is cut off so badly that most of its records arrive when nobody expects them any more."""
        self.records: list[tuple[int, bytes]] = []
        """Epoch and bytes of every record that was ever offered: what the live engines wrote."""

    def drained(self) -> bool:
        """Whether everything that was accepted lies in the bucket."""
        return not self._under_way and not any(self._buffers.values())

    def client(self, epoch: int) -> DeliveryClient:
        """What an engine of that epoch puts through."""
        return DeliveryClient(self, epoch)

    async def put(self, epoch: int, symbol: str, record: bytes) -> None:
        """Confirm a record, or fail in any of the ways in which a put can fail."""
        self.records.append((epoch, record))
        nemesis, draw = self._nemesis, self._nemesis.draw
        if self._loop.time() < nemesis.outage_until and not nemesis.calm:
            await asyncio.sleep(0.05)
            raise FirehoseError("HTTP 503 ServiceUnavailable")
        arrived: asyncio.Future[None] = self._loop.create_future()
        slow = nemesis.strikes(0.5)
        delay = draw.uniform(0.005, 0.05) if not slow else draw.uniform(1.0, 8.0)
        if epoch in self.stuck and draw.random() < 0.8:
            delay = draw.uniform(12.0, 40.0)
        lost = nemesis.strikes(0.5)
        # A record on its way arrives whatever becomes of its sender.
        self._loop.call_later(delay, self._arrive, epoch, symbol, record, arrived, lost)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.shield(arrived)
        except TimeoutError as error:
            raise FirehoseError("TimeoutError") from error
        await asyncio.sleep(draw.uniform(0.001, 0.02))
        if nemesis.strikes():
            raise FirehoseError("connection reset by peer")  # it is held all the same

    def _arrive(self, epoch: int, symbol: str, record: bytes, arrived: asyncio.Future[None], lost: bool) -> None:
        if epoch in self.denied:
            if not arrived.cancelled():
                arrived.set_exception(FirehoseDeniedError("HTTP 400 AccessDeniedException"))
                arrived.exception()
            return
        if lost:
            if not arrived.cancelled():
                arrived.set_exception(FirehoseError("HTTP 500"))
                arrived.exception()
            return
        buffer = self._buffers[epoch, symbol]
        if not buffer:
            self._loop.call_later(self._nemesis.draw.uniform(0.5, 5.0), self._flush, epoch, symbol)
        buffer.append(record)
        if self._nemesis.strikes():
            buffer.append(record)
        if not arrived.cancelled():
            arrived.set_result(None)

    def _flush(self, epoch: int, symbol: str) -> None:
        """Cut the buffer into objects, in any order, each on its own way to the bucket."""
        draw = self._nemesis.draw
        records, self._buffers[epoch, symbol] = self._buffers[epoch, symbol], []
        draw.shuffle(records)
        cut = draw.randint(1, len(records)) if draw.random() < 0.3 else len(records)
        for some in (records[:cut], records[cut:]):
            if some:
                for _ in range(1 + self._nemesis.strikes(0.5)):
                    self._under_way += 1
                    self._loop.call_later(draw.uniform(0.0, 3.0), self._deliver, epoch, symbol, some)

    def _deliver(self, epoch: int, symbol: str, records: list[bytes]) -> None:
        draw = self._nemesis.draw
        name = f"{draw.randint(0, 23):02}/{draw.getrandbits(48):012x}.gz"
        key = f"epoch={epoch}/symbol={symbol}/2016/11/30/{name}"
        self._journal.put(key, gzip.compress(b"".join(records), 1, mtime=0))
        self._under_way -= 1


class DeliveryClient:
    """The sink of one engine."""

    def __init__(self, delivery: Delivery, epoch: int) -> None:
        self._delivery = delivery
        self._epoch = epoch

    async def put(self, stream: str, record: bytes) -> None:
        """As production's client: return once confirmed, or raise."""
        await self._delivery.put(self._epoch, stream.split("-")[2], record)


class Wire(asyncio.Transport):
    """An engine's end of one connection; bytes keep their order, until it breaks."""

    def __init__(self, loop: SimulatedLoop, nemesis: Nemesis, protocol: Any, peer: Any) -> None:
        super().__init__()
        self._loop = loop
        self._nemesis = nemesis
        self._protocol = protocol
        self._peer = peer
        self._there_s = self._back_s = 0.0
        self.broken = False

    def write(self, data: Any) -> None:
        """To the member."""
        self._back_s = max(self._back_s + APART_S, self._loop.time() + self._nemesis.draw.uniform(0.001, 0.03))
        if not self.broken:
            self._loop.call_at(self._back_s, self._deliver, self._peer.received, bytes(data))

    def send(self, data: bytes) -> None:
        """To the engine."""
        self._there_s = max(self._there_s + APART_S, self._loop.time() + self._nemesis.draw.uniform(0.001, 0.03))
        if not self.broken:
            self._loop.call_at(self._there_s, self._deliver, self._protocol.data_received, data)

    def _deliver(self, receive: Any, data: bytes) -> None:
        if not self.broken:
            receive(data)

    def breaks(self, *, tells_engine: bool = True) -> None:
        """Both ends learn of it; a dead engine learns nothing."""
        if self.broken:
            return
        self.broken = True
        if tells_engine:
            self._protocol.connection_lost(None)
        self._peer.lost()

    def abort(self) -> None:
        self._loop.call_soon(self.breaks)

    def close(self) -> None:
        self._loop.call_at(max(self._back_s + APART_S, self._loop.time()), self.breaks)

    def pause_reading(self) -> None:
        """Nothing more is read; what comes is lost, as it is when the process ends."""
        self._protocol = _Deaf(self._protocol)

    def get_write_buffer_size(self) -> int:
        return 0


class _Deaf:
    def __init__(self, protocol: Any) -> None:
        self.connection_lost = protocol.connection_lost

    def data_received(self, data: bytes) -> None:
        """Unread."""
