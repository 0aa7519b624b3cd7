"""Draws from the drill's secret nonce: the same nonce and label, the same choice; nobody can guess it before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Nonce:
    """A secret of the drill, as hexadecimal digits."""

    __slots__ = ("_secret", "hex")

    def __init__(self, text: str) -> None:
        """Raises ValueError for anything but hexadecimal digits."""
        self._secret = bytes.fromhex(text)
        self.hex = text

    def number(self, label: str) -> int:
        """A whole number of 256 bits for this label: sha256(nonce || label)."""
        return int.from_bytes(hashlib.sha256(self._secret + label.encode()).digest(), "big")

    def choose(self, label: str, among: Sequence[T]) -> T:
        """One of a non-empty sequence."""
        if not among:
            raise ValueError(f"nothing to choose from for {label}")
        return among[self.number(label) % len(among)]

    def shuffled(self, label: str, among: Sequence[T]) -> list[T]:
        """All of them, in an order that only the nonce tells."""
        return sorted(among, key=lambda one: self.number(f"{label}/{one}"))
