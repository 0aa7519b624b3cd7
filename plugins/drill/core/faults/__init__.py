"""The fault catalogue (method.md §5): what can be injected on request, and what the verdict must then be."""

from __future__ import annotations

from drill.core.faults.agreement import Observed, observe
from drill.core.faults.catalogue import CATALOGUE
from drill.core.faults.fault import Fault

__all__ = ["CATALOGUE", "INJECTABLE", "Fault", "Observed", "due", "fault", "observe"]

INJECTABLE = tuple(entry.id for entry in CATALOGUE)


def fault(fault_id: str) -> Fault:
    """The catalogue's entry; raises KeyError for an id that this version does not inject."""
    return {entry.id: entry for entry in CATALOGUE}[fault_id]


def due(fault_ids: tuple[str, ...], phase: str) -> tuple[str, ...]:
    """Those of a drill's faults that the injector is to bring about as `phase` begins; others are an operator's."""
    return tuple(name for name in fault_ids if fault(name).phase == phase and not fault(name).by_operator)
