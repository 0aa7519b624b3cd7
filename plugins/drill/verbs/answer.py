"""What a verb answers: text for a person, or the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` goes to standard output, or `record` as one line of JSON with `--json`; `status` is the exit status."""

    text: str
    record: dict[str, Any] = field(default_factory=dict)
    status: int = 0


class Refused(Exception):
    """A verb cannot do what was asked: one line that says what to do, and the exit status."""

    def __init__(self, text: str, status: int, **more: Any) -> None:
        super().__init__(text)
        self.status = status
        self.more = more
