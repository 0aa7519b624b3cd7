"""Delivery streams' buffers: records wait here by size and time, then become one object each in S3.

A record is in exactly one batch from the moment its put is confirmed until its object is stored. A delivery that
fails (no bucket, role without permission) is tried again each second for as long as the process lives, as Firehose
does for 24 hours, and shows as growing DataFreshness. Each record is in its batch's file before its put is confirmed
(emulator/spool.py).
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
from collections import deque
from typing import Any
from uuid import uuid4

from ministack.core.responses import request_scope
from ministack.services import firehose as store
from ministack.services import s3

from emulator.clock import steady_ns, utc, wall_ns
from emulator.identity import role_may
from emulator.spool import Address, Left, Page, Spool

SWEEP_SECONDS = 0.05
RETRY_NS = 1_000_000_000
DEFAULT_SECONDS = 300.0
DEFAULT_MEBIBYTES = 5.0

StreamId = tuple[str, str, str]
logger = logging.getLogger("emulator.delivery")


class Batch:
    """Records of one stream that will become one object; `first_ns` is steady time of the oldest."""

    __slots__ = ("address", "first_ns", "page", "parts", "size", "stream")

    def __init__(self, stream_id: StreamId, stream: dict[str, Any], spool: Spool) -> None:
        name = str(uuid4())
        self.stream = stream
        self.parts: list[bytes] = []
        self.size = 0
        self.first_ns = steady_ns()
        self.address = address_of(stream_id, stream, name, wall_ns())
        self.page: Page = spool.open(name, self.address)

    def append(self, payload: bytes) -> None:
        """Take a record over, on disk first. Raises SpoolError: then it is not taken."""
        self.page.append(payload)
        self.parts.append(payload)
        self.size += len(payload)


class Buffer:
    """One stream's open batch and those on their way."""

    __slots__ = ("busy", "open", "retry_ns", "sealed")

    def __init__(self) -> None:
        self.open: Batch | None = None
        self.sealed: deque[Batch] = deque()
        self.busy = False
        self.retry_ns = 0

    def oldest_ns(self) -> int | None:
        """Steady time of the oldest record that is not yet in S3."""
        if self.sealed:
            return self.sealed[0].first_ns
        return self.open.first_ns if self.open is not None else None


def destination(stream: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the stream's destination."""
    found: dict[str, Any] = stream["destinations"][0]["config"]
    return found


def hints(stream: dict[str, Any]) -> tuple[float, float]:
    """The stream's buffering hints as (seconds, bytes)."""
    given = destination(stream).get("BufferingHints") or {}
    seconds = float(given.get("IntervalInSeconds", DEFAULT_SECONDS))
    return seconds, float(given.get("SizeInMBs", DEFAULT_MEBIBYTES)) * 2**20


def buffered(stream: dict[str, Any]) -> bool:
    """Whether this stream is one this module delivers: S3, nothing that rewrites records."""
    ends = stream["destinations"]
    if len(ends) != 1 or ends[0]["type"] not in ("ExtendedS3", "S3"):
        return False
    rewriting = ("ProcessingConfiguration", "DynamicPartitioningConfiguration", "DataFormatConversionConfiguration")
    return not any((ends[0]["config"].get(name) or {}).get("Enabled") for name in rewriting)


def address_of(stream_id: StreamId, stream: dict[str, Any], name: str, arrived_ns: int) -> Address:
    """Where a batch goes: PREFIX + stream-version-YYYY-MM-DD-HH-MM-SS-name, times of the oldest record."""
    account, region, _name = stream_id
    target = destination(stream)
    at = utc(arrived_ns)
    stamp = store._java_time("yyyy-MM-dd-HH-mm-ss", at)
    suffix = f"{stream['name']}-{stream.get('version', 1)}-{stamp}-{name}"
    try:
        prefix = store._evaluate_prefix(target.get("Prefix", ""), at)
    except store._DeliveryError as wrong:
        template = target.get("ErrorOutputPrefix") or f"{wrong.output_type}/"
        prefix = store._evaluate_prefix(template, at, error_type=wrong.output_type)
    zipped = target.get("CompressionFormat") == "GZIP"
    extension = target.get("FileExtension") or (".gz" if zipped else "")
    return Address(
        account=account,
        region=region,
        stream=stream["name"],
        bucket=store._s3_bucket_from_arn(target["BucketARN"]),
        key=f"{prefix}{suffix}{extension}",
        gzip=zipped,
    )


class Buffers:
    """All streams' buffers. `append` may be called from any thread; everything else runs on the event loop."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._buffers: dict[StreamId, Buffer] = {}
        self._lock = threading.Lock()
        self._deliveries: set[asyncio.Task[None]] = set()
        self.draining = False

    def append(self, stream_id: StreamId, stream: dict[str, Any], payloads: list[bytes]) -> None:
        """Take records over; from here on they are never dropped.

        Raises:
            SpoolError: one could not be written; those before it are taken, and the put must not be confirmed.
        """
        _seconds, most = hints(stream)
        with self._lock:
            buffer = self._buffers.setdefault(stream_id, Buffer())
            for payload in payloads:
                if buffer.open is not None and (
                    buffer.open.stream is not stream or buffer.open.size + len(payload) > most
                ):
                    buffer.sealed.append(buffer.open)
                    buffer.open = None
                if buffer.open is None:
                    buffer.open = Batch(stream_id, stream, self._spool)
                buffer.open.append(payload)

    def age_seconds(self, stream_id: StreamId) -> float:
        """DataFreshness: age of the oldest record not yet delivered, 0 when there is none."""
        buffer = self._buffers.get(stream_id)
        oldest = buffer.oldest_ns() if buffer is not None else None
        return 0.0 if oldest is None else (steady_ns() - oldest) / 1e9

    def waiting(self) -> int:
        """How many records are not yet in S3."""
        with self._lock:
            return sum(
                len(batch.parts)
                for buffer in self._buffers.values()
                for batch in (*buffer.sealed, *([buffer.open] if buffer.open else []))
            )

    def _seal_due(self, stream_id: StreamId, buffer: Buffer, now_ns: int) -> None:
        with self._lock:
            batch = buffer.open
            if batch is None:
                return
            seconds, most = hints(batch.stream)
            gone = store._streams.get_scoped(*stream_id) is not batch.stream
            if self.draining or gone or batch.size >= most or now_ns - batch.first_ns >= seconds * 1e9:
                buffer.sealed.append(batch)
                buffer.open = None

    async def sweep(self) -> None:
        """Seal what is due and deliver what is sealed, until cancelled."""
        while True:
            self.start_due()
            await asyncio.sleep(SWEEP_SECONDS)

    def start_due(self) -> None:
        """Start one delivery for each stream that has a sealed batch and none on its way."""
        now_ns = steady_ns()
        for stream_id, buffer in list(self._buffers.items()):
            self._seal_due(stream_id, buffer, now_ns)
            if buffer.sealed and not buffer.busy and now_ns >= buffer.retry_ns:
                buffer.busy = True
                delivery = asyncio.create_task(self._deliver(stream_id, buffer))
                self._deliveries.add(delivery)
                delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, stream_id: StreamId, buffer: Buffer) -> None:
        batch = buffer.sealed[0]
        try:
            refused = await _deliver(batch)
        except Exception as wrong:  # noqa: BLE001 - whatever fails, the records stay and the delivery is tried again
            refused = repr(wrong)
        if refused:
            logger.warning("stream %s: delivery refused, trying again: %s", stream_id[2], refused)
            buffer.retry_ns = steady_ns() + RETRY_NS
        else:
            batch.page.strike_off()
            with self._lock:
                buffer.sealed.popleft()
        buffer.busy = False

    async def drain(self, seconds: float) -> int:
        """Deliver everything now; returns how many records could not be delivered in time."""
        self.draining = True
        deadline = steady_ns() + int(seconds * 1e9)
        while self.waiting() and steady_ns() < deadline:
            self.start_due()
            await asyncio.sleep(SWEEP_SECONDS / 5)
        return self.waiting()


async def _deliver(batch: Batch) -> str:
    """Put one batch into its bucket if its role may; returns why it was refused, or nothing."""
    address, role = batch.address, destination(batch.stream).get("RoleARN", "")
    if not role_may(role, "s3:PutObject", f"arn:aws:s3:::{address.bucket}/{address.key}", address.region):
        return f"role {role or 'missing'} may not s3:PutObject into {address.bucket}"
    return await _store(address, batch.parts)


async def _store(address: Address, records: list[bytes]) -> str:
    """Put records as one object; returns why it was refused, or nothing."""
    body = await asyncio.to_thread(_object_body, address, records)
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "host": "s3.localhost",
    }
    with request_scope(address.account, address.region):
        status, _headers, answer = await s3.handle_request(
            "PUT",
            f"/{address.bucket}/{address.key}",
            headers,
            body,
            {},
            internal=True,
            enforce_bucket_region=False,
        )
    return "" if status < 300 else f"{address.stream}: {status} {answer[:200]!r}"  # noqa: PLR2004


def _object_body(address: Address, records: list[bytes]) -> bytes:
    body = b"".join(records)
    return gzip.compress(body, 1) if address.gzip else body


async def deliver_left(spool: Spool) -> int:
    """Deliver what an ended emulator confirmed and did not deliver; returns how many records.

    The role that the stream named is not asked: roles are built again after this, and Firehose had taken the records.
    What is refused (its bucket is gone) stays on disk for the next start.
    """
    delivered = 0
    for left in list(spool.left()):
        delivered += await _deliver_left(left)
    return delivered


async def _deliver_left(left: Left) -> int:
    refused = await _store(left.address, left.records)
    if refused:
        logger.warning(
            "stream %s: %d records stay in %s: %s", left.address.stream, len(left.records), left.page.path, refused
        )
        return 0
    left.page.strike_off()
    return len(left.records)
