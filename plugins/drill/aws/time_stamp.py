"""A third party's word for when a head of the chain was there: RFC 3161, over HTTP. Off unless an address is set."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

from drill.aws.evidence_store import EvidenceError

TIMEOUT_S = 10
MOST_BYTES = 1 << 20


class TimeStampError(EvidenceError):
    """The authority did not grant a time stamp; the message names its address."""


def authority(url: str) -> Callable[[bytes], bytes]:
    """Ask the authority at `url` for time stamps: content -> the response as it came (DER), with its certificates.

    The response is checked for being granted and over this content; who signed it is for the verifier to check.
    """

    def stamp(content: bytes) -> bytes:
        from rfc3161_client import TimestampRequestBuilder  # noqa: PLC0415 - only where an authority is set

        asked = TimestampRequestBuilder().data(content).nonce(nonce=True).cert_request(cert_request=True).build()
        answer = _post(url, asked.as_bytes())
        _granted(url, answer, asked)
        return answer

    return stamp


def _post(url: str, body: bytes) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise TimeStampError(f"time-stamp authority {url}: expected an http or https address (AEX_TSA_URL)")
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/timestamp-query"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
            return bytes(answer.read(MOST_BYTES))
    except (urllib.error.URLError, OSError) as refused:
        raise TimeStampError(f"time-stamp authority {url}: {refused}; AEX_TSA_URL names its address") from refused


def _granted(url: str, answer: bytes, asked: object) -> None:
    from rfc3161_client import PKIStatus, TimeStampRequest, decode_timestamp_response  # noqa: PLC0415

    assert isinstance(asked, TimeStampRequest)
    try:
        response = decode_timestamp_response(answer)
        granted = response.status in {PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS}
        imprint = response.tst_info.message_imprint.message if granted else b""
        nonce = response.tst_info.nonce if granted else None
    except ValueError as refused:
        raise TimeStampError(f"time-stamp authority {url}: no time-stamp response: {refused}") from refused
    if not granted:
        raise TimeStampError(f"time-stamp authority {url}: not granted ({response.status_string})")
    if imprint != asked.message_imprint.message or nonce != asked.nonce:
        raise TimeStampError(f"time-stamp authority {url}: the stamp is over something else than what was asked")
