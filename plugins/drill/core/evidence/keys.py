"""Public keys that an auditor holds, and the port through which a drill signs. The only module that needs cryptography.

A key's id is the SHA-256 of its SubjectPublicKeyInfo in DER: it follows from the key and cannot be chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

END = b"-----END PUBLIC KEY-----"


class BadKey(ValueError):
    """A key file that cannot be used; the message says what was expected."""


class PublicKey:
    """An ECDSA P-256 or Ed25519 public key.

    Raises BadKey for anything else: `where` names its source in the message.
    """

    def __init__(self, pem: bytes, where: str = "key") -> None:
        try:
            loaded = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as refused:
            raise BadKey(f"{where}: no public key in PEM ('-----BEGIN PUBLIC KEY-----'): {refused}") from refused
        p256 = isinstance(loaded, EllipticCurvePublicKey) and isinstance(loaded.curve, SECP256R1)
        if not (p256 or isinstance(loaded, Ed25519PublicKey)):
            raise BadKey(f"{where}: expected an ECDSA P-256 or Ed25519 key, got {type(loaded).__name__}")
        self._key = loaded
        der = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.keyid = hashlib.sha256(der).hexdigest()
        self.pem = loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature over the message is this key's."""
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            elif isinstance(self._key, EllipticCurvePublicKey):
                self._key.verify(signature, message, ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


class Signer(Protocol):
    """Who signs: a KMS key, or a key file where there is no network."""

    @property
    def public(self) -> PublicKey:
        """What the signatures are verified with."""

    def sign(self, message: bytes) -> bytes:
        """The signature over the whole message (DER for ECDSA with SHA-256, raw for Ed25519)."""


class FileKey:
    """A private key in a PEM file without password: Ed25519, or ECDSA P-256."""

    def __init__(self, path: Path) -> None:
        try:
            loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as refused:
            raise BadKey(f"{path}: no private key in PEM without password: {refused}") from refused
        if not isinstance(loaded, Ed25519PrivateKey | EllipticCurvePrivateKey):
            raise BadKey(f"{path}: expected an Ed25519 or ECDSA P-256 key, got {type(loaded).__name__}")
        self._key = loaded
        shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self._public = PublicKey(loaded.public_key().public_bytes(*shape), str(path))

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Sign the whole message."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, ECDSA(hashes.SHA256()))


def read_keys(pem: bytes, where: str) -> dict[str, PublicKey]:
    """The keys of a PEM file by key id: one, or the whole published list one after the other.

    Raises BadKey where there is none or one of them is something else.
    """
    blocks = [block + END for block in pem.split(END)[:-1]]
    if not blocks:
        raise BadKey(f"{where}: expected a public key in PEM; print it with `python -m drill key`")
    found = [PublicKey(block.strip(), where) for block in blocks]
    return {key.keyid: key for key in found}


def published(keys: Iterable[PublicKey]) -> bytes:
    """The key list as it is published: PEM blocks one after the other."""
    return b"".join(key.pem for key in keys)
