"""SigV4 for one kind of request: POST / without a query, header-signed. The key derivation is cached."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from emulator.clock import wall_ns

MOST_SKEW_NS = 300 * 1_000_000_000
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signed:
    """The Authorization header in parts."""

    key: str
    scope: str
    region: str
    names: str
    signature: str


def parse(authorization: str) -> Signed | None:
    """Read an Authorization header; None when it is not a plain SigV4 one."""
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        return None
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    key, _, scope = fields.get("Credential", "").partition("/")
    parts = scope.split("/")
    if not key or len(parts) != 4 or "Signature" not in fields:  # noqa: PLR2004 - date/region/service/aws4_request
        return None
    return Signed(key, scope, parts[1], fields.get("SignedHeaders", ""), fields["Signature"])


@lru_cache(maxsize=256)
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=256)
def _signed_at_ns(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def valid(signed: Signed, secret: str, headers: dict[bytes, bytes], body: bytes) -> bool:
    """Whether the secret's owner signed exactly these headers and this body within five minutes of now."""
    stamp = headers.get(b"x-amz-date", b"").decode("ascii", "replace")
    try:
        skew_ns = abs(wall_ns() - _signed_at_ns(stamp))
    except ValueError:
        return False
    if skew_ns > MOST_SKEW_NS or stamp[:8] != signed.scope[:8] or "host" not in signed.names:
        return False
    digest = hashlib.sha256(body).hexdigest()
    claimed = headers.get(b"x-amz-content-sha256")
    if claimed is not None and claimed.decode("ascii", "replace") != digest:
        return False
    lines = "".join(
        f"{name}:{' '.join(headers.get(name.encode(), b'').decode('utf-8', 'replace').split())}\n"
        for name in signed.names.split(";")
    )
    canonical = f"POST\n/\n\n{lines}\n{signed.names}\n{digest}"
    text = f"{ALGORITHM}\n{stamp}\n{signed.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.digest(_signing_key(secret, signed.scope), text.encode(), "sha256").hex()
    return hmac.compare_digest(expected, signed.signature)
