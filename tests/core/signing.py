"""Keys for tests: made on the spot, Ed25519 because it is quick and deterministic, or P-256 as KMS has them."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from drill.core.evidence.keys import FileKey


def private_key(path: Path, *, p256: bool = False) -> Path:
    """A new private key in a PEM file."""
    made = ec.generate_private_key(ec.SECP256R1()) if p256 else ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(
        made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def signer(folder: Path, name: str = "a", *, p256: bool = False) -> FileKey:
    """A signer with a key of its own."""
    return FileKey(private_key(folder / f"{name}.pem", p256=p256))
