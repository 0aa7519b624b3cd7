"""The key that signs evidence: a KMS key (ECDSA P-256), or a file where there is no KMS."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

    from drill.core.evidence.keys import PublicKey, Signer

FILE = "file:"
ALGORITHM = "ECDSA_SHA_256"


class KmsKey:
    """An asymmetric KMS key: its private half never leaves the service."""

    def __init__(self, session: boto3.Session, region: str, key: str) -> None:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - slow, and only who signs needs it

        from drill.core.evidence.keys import PublicKey  # noqa: PLC0415

        self._api = client(session, "kms", region)
        answer = self._api.get_public_key(KeyId=key)
        # The key id, not the alias: between two calls an alias may be pointed at another key.
        self._key = str(answer["KeyId"])
        loaded = serialization.load_der_public_key(answer["PublicKey"])
        shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self._public = PublicKey(loaded.public_bytes(*shape), key)

    @property
    def public(self) -> PublicKey:
        """The public half, as KMS gives it out."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature (DER) over the message; it is hashed here, since KMS takes 4 KiB at most."""
        digest = hashlib.sha256(message).digest()
        answer = self._api.sign(KeyId=self._key, Message=digest, MessageType="DIGEST", SigningAlgorithm=ALGORITHM)
        return bytes(answer["Signature"])


def signing_key(session: boto3.Session, region: str, reference: str) -> Signer:
    """The key that a setting names: a KMS key id, ARN or alias, or `file:` and the path of a PEM file."""
    if reference.startswith(FILE):
        from drill.core.evidence.keys import FileKey  # noqa: PLC0415

        return FileKey(Path(reference.removeprefix(FILE)))
    return KmsKey(session, region, reference)
