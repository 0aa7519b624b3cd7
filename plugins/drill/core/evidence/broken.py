"""The one error of verification: where the record stops agreeing with itself."""

from __future__ import annotations


class BrokenLink(ValueError):
    """`where` names the artifact, link or rule; `why` says what was found and what was expected."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why
