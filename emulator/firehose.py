"""PutRecord and PutRecordBatch, answered on the event loop.

Only the plain, allowed put is answered here. Whatever is odd (unknown stream, bad signature, denied, malformed) goes
to MiniStack, which words the error; its own delivery is pointed at the same buffers.
"""

from __future__ import annotations

import binascii
import itertools
from typing import Any

import msgspec
from ministack.core.responses import get_account_id, get_region
from ministack.services import firehose as store

from emulator import signature
from emulator.clock import wall_ns
from emulator.delivery import Buffers, buffered
from emulator.identity import Callers

PUT = b"Firehose_20150804.PutRecord"
BATCH = b"Firehose_20150804.PutRecordBatch"
MOST_RECORD = 1000 * 1024
MOST_RECORDS = 500
MOST_BATCH = 4 * 1024 * 1024


class Record(msgspec.Struct, frozen=True):
    """A record on the wire: base64 text."""

    Data: bytes


class Put(msgspec.Struct, frozen=True):
    """PutRecord's request."""

    DeliveryStreamName: str
    Record: Record


class PutBatch(msgspec.Struct, frozen=True):
    """PutRecordBatch's request."""

    DeliveryStreamName: str
    Records: list[Record]


class Desk:
    """Takes puts for all streams."""

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self._callers = Callers()
        self._counter = itertools.count()
        self._put = msgspec.json.Decoder(Put)
        self._batch = msgspec.json.Decoder(PutBatch)

    def install(self) -> None:
        """Point MiniStack's own delivery (unusual puts, Kinesis sources) at the buffers."""
        original = store._deliver_records_to_s3

        def deliver(stream: dict[str, Any], end: dict[str, Any], records: list[tuple[str, bytes]]) -> None:
            end["records"].clear()  # MiniStack keeps every record for ever
            if not buffered(stream):
                original(stream, end, records)
                return
            stream_id = (get_account_id(), get_region(), stream["name"])
            self._buffers.append(stream_id, stream, [payload for _id, payload in records])

        store._deliver_records_to_s3 = deliver

    def answer(self, target: bytes, headers: dict[bytes, bytes], body: bytes) -> bytes | None:
        """The response body of an allowed put, its records buffered; None when MiniStack should answer."""
        signed = signature.parse(headers.get(b"authorization", b"").decode("latin-1"))
        if signed is None:
            return None
        caller = self._callers.find(signed.key, headers.get(b"x-amz-security-token", b"").decode("latin-1"))
        if caller is None or not signature.valid(signed, caller.secret, headers, body):
            return None
        try:
            name, payloads = self._read(target, body)
        except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
            return None
        stream = store._streams.get_scoped(caller.account, signed.region, name)
        if stream is None or stream["status"] != "ACTIVE" or not buffered(stream) or not _within_limits(payloads):
            return None
        action = "firehose:PutRecord" if target == PUT else "firehose:PutRecordBatch"
        if not caller.may(action, stream["arn"], signed.region):
            return None
        self._buffers.append((caller.account, signed.region, name), stream, payloads)
        return self._confirm(target, len(payloads))

    def _read(self, target: bytes, body: bytes) -> tuple[str, list[bytes]]:
        if target == PUT:
            put = self._put.decode(body)
            return put.DeliveryStreamName, [put.Record.Data]
        batch = self._batch.decode(body)
        return batch.DeliveryStreamName, [record.Data for record in batch.Records]

    def _record_id(self) -> str:
        return f"{wall_ns():020d}{next(self._counter):012d}"

    def _confirm(self, target: bytes, count: int) -> bytes:
        if target == PUT:
            return b'{"RecordId":"%s","Encrypted":false}' % self._record_id().encode()
        entries = ",".join(f'{{"RecordId":"{self._record_id()}"}}' for _ in range(count))
        return f'{{"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{entries}]}}'.encode()


def _within_limits(payloads: list[bytes]) -> bool:
    return (
        0 < len(payloads) <= MOST_RECORDS
        and all(len(payload) <= MOST_RECORD for payload in payloads)
        and sum(map(len, payloads)) <= MOST_BATCH
    )
