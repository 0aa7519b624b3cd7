"""What ran: versions of the packages that a verdict rests on, and a content hash of our own sources."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("apache-airflow", "great-expectations", "boto3", "troposphere", "msgspec", "sortedcontainers", "blake3")
SOURCES = ("engine", "drill", "expectations", "templates", "witness", "oracle")


def content_hash(package: str) -> str | None:
    """SHA-256 over names and contents of a package's Python sources in sorted order; None where it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Package versions and source hashes; a package that is absent is named so, never left out."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    for package in SOURCES:
        found[f"sources:{package}"] = content_hash(package) or "not installed"
    return found
