"""A time-stamp authority of our own: a certificate, and answers to RFC 3161 requests, in DER written by hand.

Small on purpose: SHA-256, one signer, the attributes that RFC 3161 and RFC 5035 ask for. It shares nothing with the
library that checks its answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SHA256, ECDSA_SHA256 = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE_V2, POLICY = "1.2.840.113549.1.9.16.2.47", "1.3.6.1.4.1.99999.1"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element: tag, length, content."""
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray([first * 40 + second])
    for arc in rest:
        chunks = [arc & 0x7F]
        while arc := arc >> 7:
            chunks.append(arc & 0x7F | 0x80)
        out += bytes(reversed(chunks))
    return tlv(0x06, bytes(out))


def algorithm(dotted: str) -> bytes:
    return sequence(oid(dotted))


def attribute(dotted: str, value: bytes) -> bytes:
    return sequence(oid(dotted), tlv(0x31, value))


@dataclass(frozen=True)
class Asked:
    """What a request asks for: the imprint as it stands in the request, and the nonce (0: none)."""

    imprint: bytes
    nonce: int


def read(request: bytes) -> Asked:
    """The parts of a TimeStampReq that an answer repeats."""
    from rfc3161_client._rust import parse_timestamp_request  # noqa: PLC0415

    parsed = parse_timestamp_request(request)
    imprint = sequence(
        sequence(oid(parsed.message_imprint.hash_algorithm.dotted_string), tlv(0x05)),
        tlv(0x04, parsed.message_imprint.message),
    )
    return Asked(imprint, parsed.nonce or 0)


class Authority:
    """A root, and a time-stamping certificate under it."""

    def __init__(self) -> None:
        root, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = self._certificate("Test root", root, root, "Test root", stamping=False)
        self._own = self._certificate("Test TSA", self._key, root, "Test root", stamping=True)
        self._serial = 0

    @property
    def pem(self) -> bytes:
        """The root, as an auditor gets it."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    @staticmethod
    def _certificate(
        subject: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, issuer: str, *, stamping: bool
    ) -> x509.Certificate:
        name, issued = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (subject, issuer))
        made = (
            x509.CertificateBuilder(issued, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=not stamping, path_length=None), critical=True)
        )
        if stamping:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        return made.sign(by, hashes.SHA256())

    def answer(self, request: bytes, *, at: datetime = NOW, alter: Callable[[bytes], bytes] = bytes) -> bytes:
        """The TimeStampResp to a request; `alter` changes the stamped content after it was signed."""
        asked = read(request)
        self._serial += 1
        info = sequence(
            integer(1),
            oid(POLICY),
            asked.imprint,
            integer(self._serial),
            tlv(0x18, f"{at:%Y%m%d%H%M%SZ}".encode()),
            integer(asked.nonce) if asked.nonce else b"",
        )
        own = self._own.public_bytes(serialization.Encoding.DER)
        named = sequence(sequence(sequence(tlv(0x04, hashlib.sha256(own).digest()))))
        attributes = sorted(
            [
                attribute(CONTENT_TYPE, oid(TST_INFO)),
                attribute(MESSAGE_DIGEST, tlv(0x04, hashlib.sha256(info).digest())),
                attribute(SIGNING_CERTIFICATE_V2, named),
            ]
        )
        signature = self._key.sign(tlv(0x31, *attributes), ec.ECDSA(hashes.SHA256()))
        signer = sequence(
            integer(1),
            sequence(self._own.issuer.public_bytes(), integer(self._own.serial_number)),
            algorithm(SHA256),
            tlv(0xA0, *attributes),
            algorithm(ECDSA_SHA256),
            tlv(0x04, signature),
        )
        signed = sequence(
            integer(3),
            tlv(0x31, algorithm(SHA256)),
            sequence(oid(TST_INFO), tlv(0xA0, tlv(0x04, alter(info)))),
            tlv(0xA0, *sorted([own, self.root.public_bytes(serialization.Encoding.DER)])),
            tlv(0x31, signer),
        )
        return sequence(sequence(integer(0)), sequence(oid(SIGNED_DATA), tlv(0xA0, signed)))
