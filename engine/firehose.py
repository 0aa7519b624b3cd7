"""The journal's way out: one record to one delivery stream, confirmed or an error that says whether to try again.

boto3 costs about a millisecond a put in threads; this client and its cached signing key cost a fifth of that. It
is kept to the one call that the live path needs: PutRecord.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import json
import logging
import os
import re
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import aiohttp

from engine import clock

__all__ = ["Credentials", "Firehose", "FirehoseDeniedError", "FirehoseError", "KeyRing", "Signer"]

LOG = logging.getLogger(__name__)
SERVICE = "firehose"
TARGET = "Firehose_20150804.PutRecord"
CONTENT_TYPE = "application/x-amz-json-1.1"
HTTP_OK = 200
NS_PER_S = 1_000_000_000
KEY_LIFE_NS = 30 * NS_PER_S
STALE_KEYS = ("ExpiredToken", "UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature")
CODE = re.compile(r"[A-Za-z]+")


class FirehoseError(Exception):
    """A put that was not confirmed; the same bytes may be put again."""


class FirehoseDeniedError(FirehoseError):
    """A put that the fence (an explicit deny) refused; trying again is pointless and wrong."""


class Credentials(Protocol):
    """What botocore's frozen credentials offer."""

    access_key: str
    secret_key: str
    token: str | None


class KeyRing:
    """Current credentials, read from botocore in a thread: a refresh asks the container agent and may take seconds."""

    def __init__(self, session: Any) -> None:
        self._source = session.get_credentials()
        if self._source is None:
            raise FirehoseError("no credentials: neither environment nor container agent offers any")
        self._current: Credentials | None = None
        self._read_ns = 0
        self._lock = asyncio.Lock()

    async def current(self) -> Credentials:
        """Credentials that were read at most 30 s ago (botocore refreshes them ten minutes before they expire)."""
        async with self._lock:
            keys = self._current
            if keys is None or clock.lease_ns() - self._read_ns > KEY_LIFE_NS:
                keys = self._current = await self._read()
                self._read_ns = clock.lease_ns()
            return keys

    async def _read(self) -> Credentials:
        try:
            keys: Credentials = await asyncio.to_thread(self._source.get_frozen_credentials)
        except Exception as error:  # botocore's providers raise what they like; without credentials nothing is put
            raise FirehoseError(f"read credentials: {type(error).__name__}: {error}") from error
        return keys

    def forget(self) -> None:
        """Read them again before the next put: the service called them expired or unknown."""
        self._current = None


class Signer:
    """AWS Signature Version 4 for one host and one operation; the signing key is derived once per day and key.

    Source: AWS General Reference, "Create a signed AWS API request".
    """

    def __init__(self, host: str, region: str) -> None:
        self._host = host
        self._region = region
        self._cached: tuple[tuple[str, str], bytes] | None = None

    def headers(self, body: bytes, keys: Credentials, at_ns: int) -> dict[str, str]:
        """Headers of a POST of `body` to `/`, signed at `at_ns` (wall clock)."""
        moment = dt.datetime.fromtimestamp(at_ns // NS_PER_S, dt.UTC)
        stamp = moment.strftime("%Y%m%dT%H%M%SZ")
        headers = {"content-type": CONTENT_TYPE, "host": self._host, "x-amz-date": stamp}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        headers["x-amz-target"] = TARGET
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.new(self._key(keys, stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _key(self, keys: Credentials, day: str) -> bytes:
        label = (keys.secret_key, day)
        if self._cached is None or self._cached[0] != label:
            key = f"AWS4{keys.secret_key}".encode()
            for part in (day, self._region, SERVICE, "aws4_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._cached = (label, key)
        return self._cached[1]


class Firehose:
    """Client of one region's Firehose; `async with` opens and closes its connection pool."""

    def __init__(
        self, *, region: str, keys: KeyRing, endpoint: str | None = None, pool: int = 12, timeout_s: float = 3.0
    ) -> None:
        self._endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL") or f"https://firehose.{region}.amazonaws.com"
        self._keys = keys
        self._signer = Signer(urlsplit(self._endpoint).netloc, region)
        self._pool = pool
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool (8 to 16 connections were measured best for 100 symbols)."""
        connector = aiohttp.TCPConnector(limit=self._pool, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool; a put under way is cut off."""
        if self._session is not None:
            await self._session.close()

    async def put(self, stream: str, record: bytes) -> None:
        """Return once the service has confirmed that it holds `record`.

        Raises:
            FirehoseDeniedError: access denied; halt.
            FirehoseError: anything else; the record may or may not be held, so put the same bytes again.
        """
        assert self._session is not None, "use `async with Firehose(...)`"
        body = b'{"DeliveryStreamName":"%b","Record":{"Data":"%b"}}' % (stream.encode(), base64.b64encode(record))
        try:
            keys = await self._keys.current()
            headers = self._signer.headers(body, keys, clock.now_ns())
            async with self._session.post(self._endpoint, data=body, headers=headers) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise FirehoseError(f"PutRecord {stream}: {type(error).__name__}: {error}") from error
        self._check(stream, response, answer)

    def _check(self, stream: str, response: aiohttp.ClientResponse, answer: bytes) -> None:
        document = _document(answer)
        if response.status == HTTP_OK and document.get("RecordId") and not document.get("FailedPutCount"):
            return
        code = _code(response.headers.get("x-amzn-errortype"), document, answer)
        what = f"PutRecord {stream}: HTTP {response.status} {code}".rstrip()
        if code.startswith("AccessDenied"):
            raise FirehoseDeniedError(what)
        if code.startswith(STALE_KEYS):
            self._keys.forget()
        raise FirehoseError(what)


def _document(answer: bytes) -> dict[str, Any]:
    try:
        document = json.loads(answer)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(header: str | None, document: dict[str, Any], answer: bytes) -> str:
    """Name of the error: `AccessDeniedException` of header, of `prefix#Name` in __type, or of XML (policy engines)."""
    named = header or document.get("__type") or document.get("code") or document.get("Code")
    if named:
        found = CODE.search(str(named).rpartition("#")[2])
        return found.group() if found else ""
    return "AccessDenied" if b"<Code>AccessDenied" in answer else ""
