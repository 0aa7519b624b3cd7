"""What one look at a condition saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """Done or not, one line of progress with counts, and what the step wants to know."""

    done: bool
    text: str
    found: dict[str, Any] = field(default_factory=dict)
