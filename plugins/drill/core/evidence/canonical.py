"""Canonical JSON (RFC 8785): one document, one sequence of bytes, one hash.

Integers from 2^53 on and fractions are not used in these documents: nanoseconds are strings of digits.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec
import rfc8785

T = TypeVar("T")


class NotCanonical(ValueError):
    """Bytes that are no canonical JSON document of the expected form."""


def canonical(document: Any) -> bytes:
    """The document's one canonical form."""
    content: bytes = rfc8785.dumps(msgspec.to_builtins(document))
    return content


def sha256(content: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def reread(content: bytes, form: type[T]) -> T:
    """Read a document that must be canonical to the byte: no second spelling of the same content gets past.

    Raises NotCanonical, also for duplicate or unknown keys, other numbers and foreign bytes.
    """
    try:
        plain = msgspec.json.decode(content)
        again = rfc8785.dumps(plain)
        document = msgspec.convert(plain, form)
    except (msgspec.MsgspecError, rfc8785.CanonicalizationError, RecursionError, UnicodeError) as refused:
        raise NotCanonical(f"no {form.__name__} in canonical JSON: {refused}") from refused
    if again != content:
        raise NotCanonical(f"this {form.__name__} is not written in canonical JSON (RFC 8785)")
    return document
