"""Delivery streams' buffers: records wait here by size and time, then become one object each in S3.

A record is in exactly one batch from the moment its put is confirmed until its object is stored. A delivery that
fails (no bucket, role without permission) is tried again each second for as long as the process lives, as Firehose
does for 24 hours, and shows as growing DataFreshness.
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

SWEEP_SECONDS = 0.05
RETRY_NS = 1_000_000_000
DEFAULT_SECONDS = 300.0
DEFAULT_MEBIBYTES = 5.0

StreamId = tuple[str, str, str]
logger = logging.getLogger("emulator.delivery")


class Batch:
    """Records of one stream that will become one object; `first_ns` is steady, `arrived_ns` wall time of the oldest."""

    __slots__ = ("arrived_ns", "first_ns", "parts", "size", "stream")

    def __init__(self, stream: dict[str, Any]) -> None:
        self.stream = stream
        self.parts: list[bytes] = []
        self.size = 0
        self.first_ns = steady_ns()
        self.arrived_ns = wall_ns()


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


def object_key(batch: Batch) -> str:
    """PREFIX + stream-version-YYYY-MM-DD-HH-MM-SS-uuid, times of the oldest record; `.gz` when compressed."""
    target = destination(batch.stream)
    at = utc(batch.arrived_ns)
    stamp = store._java_time("yyyy-MM-dd-HH-mm-ss", at)
    suffix = f"{batch.stream['name']}-{batch.stream.get('version', 1)}-{stamp}-{uuid4()}"
    try:
        prefix = store._evaluate_prefix(target.get("Prefix", ""), at)
    except store._DeliveryError as wrong:
        template = target.get("ErrorOutputPrefix") or f"{wrong.output_type}/"
        prefix = store._evaluate_prefix(template, at, error_type=wrong.output_type)
    extension = target.get("FileExtension") or (".gz" if target.get("CompressionFormat") == "GZIP" else "")
    return f"{prefix}{suffix}{extension}"


def _object_body(batch: Batch) -> bytes:
    body = b"".join(batch.parts)
    return gzip.compress(body, 1) if destination(batch.stream).get("CompressionFormat") == "GZIP" else body


class Buffers:
    """All streams' buffers. `append` may be called from any thread; everything else runs on the event loop."""

    def __init__(self) -> None:
        self._buffers: dict[StreamId, Buffer] = {}
        self._lock = threading.Lock()
        self._deliveries: set[asyncio.Task[None]] = set()
        self.draining = False

    def append(self, stream_id: StreamId, stream: dict[str, Any], payloads: list[bytes]) -> None:
        """Take records over; from here on they are never dropped."""
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
                    buffer.open = Batch(stream)
                buffer.open.parts.append(payload)
                buffer.open.size += len(payload)

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
            refused = await _store(stream_id, batch)
        except Exception as wrong:  # noqa: BLE001 - whatever fails, the records stay and the delivery is tried again
            refused = repr(wrong)
        if refused:
            logger.warning("stream %s: delivery refused, trying again: %s", stream_id[2], refused)
            buffer.retry_ns = steady_ns() + RETRY_NS
        else:
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


async def _store(stream_id: StreamId, batch: Batch) -> str:
    """Put one batch into its bucket; returns why it was refused, or nothing."""
    account, region, name = stream_id
    target = destination(batch.stream)
    bucket, key = store._s3_bucket_from_arn(target["BucketARN"]), object_key(batch)
    role = target.get("RoleARN", "")
    if not role_may(role, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}", region):
        return f"role {role or 'missing'} may not s3:PutObject into {bucket}"
    body = await asyncio.to_thread(_object_body, batch)
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
        "host": "s3.localhost",
    }
    with request_scope(account, region):
        status, _headers, answer = await s3.handle_request(
            "PUT", f"/{bucket}/{key}", headers, body, {}, internal=True, enforce_bucket_region=False
        )
    return "" if status < 300 else f"{name}: {status} {answer[:200]!r}"  # noqa: PLR2004
