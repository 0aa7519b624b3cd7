"""Which code runs here: one digest over the sources of the engine package."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["build_digest"]


def build_digest() -> str:
    """SHA-256, in hex, over every .py of the package: relative path, NUL, length, NUL, content; sorted by path."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()
