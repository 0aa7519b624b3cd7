"""Pseudonyms of members: evidence names no broker-dealer, and whoever leaves the house with it takes none along.

A pseudonym is 40 bits of HMAC-SHA256 over the member's number under a key that stays in the house. The same member has
the same pseudonym in every document, so counts, sets and the recovery point come out the same. It is put in where a
document is filed, so that what is hashed, signed, judged and handed out are the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

BITS = 40
MEMBER_SHIFT = 48  # a command's id has its member above these bits
BY_MEMBER = "_by_member"


class PseudonymClash(ValueError):
    """Two members have one pseudonym under this key; a new key is needed."""


class Pseudonyms:
    """Replaces members' numbers in documents.

    What it knows as a member's number: the value of `member`, the list of `members`, keys of `..._by_member`, the
    second level of `acked` (symbol, member), and the part of `command_id` and `order_id` above bit 48.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[int, int] = {}
        self._owner: dict[int, int] = {}

    def of(self, member: int) -> int:
        """The member's pseudonym. Raises PseudonymClash."""
        if member not in self._given:
            drawn = int.from_bytes(hmac.digest(self._key, b"member|%d" % member, hashlib.sha256)[: BITS // 8], "big")
            if self._owner.setdefault(drawn, member) != member:
                raise PseudonymClash(f"two members have pseudonym {drawn} under this key; put a new key in its place")
            self._given[member] = drawn
        return self._given[member]

    def conceal(self, document: Any) -> Any:
        """A copy of a JSON-like document in which members have pseudonyms; numbers stay numbers, digits stay digits."""
        if isinstance(document, Mapping):
            return {name: self._field(str(name), value) for name, value in document.items()}
        if isinstance(document, list | tuple):
            return [self.conceal(item) for item in document]
        return document

    def _field(self, name: str, value: Any) -> Any:
        if name == "member":
            return self._number(value)
        if name == "members" and isinstance(value, list | tuple):
            return sorted(self._number(one) for one in value)
        if name in {"command_id", "order_id"}:
            return self._identifier(value)
        if name.endswith(BY_MEMBER) and isinstance(value, Mapping):
            return {self._key_of(member): self.conceal(held) for member, held in value.items()}
        if name == "acked" and isinstance(value, Mapping):
            return {symbol: self._acked(rows) for symbol, rows in value.items()}
        return self.conceal(value)

    def _acked(self, rows: Any) -> Any:
        if not isinstance(rows, Mapping):
            return rows  # rows of plain numbers are the bulk of the evidence, and name nobody
        return {self._key_of(member): held for member, held in rows.items()}

    def _key_of(self, member: Any) -> Any:
        return str(self.of(int(member)))

    def _number(self, value: Any) -> Any:
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
            return value
        return type(value)(self.of(int(value)))

    def _identifier(self, value: Any) -> Any:
        """A command's id with its member concealed: `<pseudonym>-<counter>`, text since it outgrows 64 bits."""
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
            return value
        number = int(value)
        return f"{self.of(number >> MEMBER_SHIFT)}-{number & ((1 << MEMBER_SHIFT) - 1)}"
