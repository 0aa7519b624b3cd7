"""The fault catalogue (method.md §5): what can be injected on request, and what the verdict must then be."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of the catalogue: how it is injected, where it must be seen, and the verdict it must lead to."""

    id: str
    text: str
    seen_in: str
    verdict: str


CATALOGUE = (
    Fault(
        id="F01",
        text="a journal object in the middle of a symbol's journal was deleted through S3 before the replay",
        seen_in="validate",
        verdict="FAIL",
    ),
)

INJECTABLE = tuple(fault.id for fault in CATALOGUE)


def fault(fault_id: str) -> Fault:
    """The catalogue's entry; raises KeyError for an id that this version does not inject."""
    return {entry.id: entry for entry in CATALOGUE}[fault_id]
