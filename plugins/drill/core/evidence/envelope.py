"""DSSE envelopes (secure-systems-lab/dsse v1): a payload, and signatures over its type and bytes.

The envelope is stored as canonical JSON with canonical base64, so that it has one spelling only: whatever byte of it
is changed, it is another envelope with another hash, or none at all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

import msgspec

from drill.core.evidence.canonical import canonical, reread
from drill.core.evidence.keys import PublicKey, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class BadEnvelope(ValueError):
    """An envelope that is none: other type, no signature, or base64 with a second spelling."""


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signature; `keyid` as in keys.PublicKey."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stored form; `payload` and `sig` are base64."""

    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: tuple[Signature, ...]

    @property
    def content(self) -> bytes:
        """The payload's bytes."""
        return base64.b64decode(self.payload)

    def signers(self, keys: Mapping[str, PublicKey]) -> list[str] | None:
        """Ids of the keys that signed, in order; None where a signature does not verify with the key it names.

        A signature of a key that is not among `keys` counts as one that does not verify.
        """
        message = encoding(self.payload_type, self.content)
        for one in self.signatures:
            key = keys.get(one.keyid)
            if key is None or not key.verifies(message, base64.b64decode(one.sig)):
                return None
        return [one.keyid for one in self.signatures]


def encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, `DSSEv1 <len> <type> <len> <payload>`."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, signers: Sequence[Signer]) -> bytes:
    """The envelope around a payload, signed by each of `signers` in order, as it is stored."""
    message = encoding(PAYLOAD_TYPE, payload)
    return canonical(
        Envelope(
            payload=base64.b64encode(payload).decode(),
            payload_type=PAYLOAD_TYPE,
            signatures=tuple(
                Signature(keyid=signer.public.keyid, sig=base64.b64encode(signer.sign(message)).decode())
                for signer in signers
            ),
        )
    )


def read_envelope(content: bytes) -> Envelope:
    """The envelope in these bytes; signatures are not verified. Raises BadEnvelope or NotCanonical."""
    envelope = reread(content, Envelope)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise BadEnvelope(f"payload type {envelope.payload_type!r}, expected {PAYLOAD_TYPE!r}")
    if not envelope.signatures:
        raise BadEnvelope("no signature")
    for text in (envelope.payload, *(one.sig for one in envelope.signatures)):
        if _respelled(text) != text:
            raise BadEnvelope("base64 that is not the canonical spelling of its bytes")
    return envelope


def _respelled(text: str) -> str:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, ValueError) as refused:
        raise BadEnvelope(f"no base64: {refused}") from refused
