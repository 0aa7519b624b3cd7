"""Names of artifacts: what a retried step writes stands beside what its first attempt wrote, never over it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"(?P<stem>(?:[^/]+/)*[^/@.]+)(?:@(?P<attempt>[1-9]\d*))?(?P<suffix>(?:\.[^/@]+)?)")


def of_attempt(name: str, attempt: int) -> str:
    """The name under which `attempt` writes `name`: `raw/fence.json`, from the second on `raw/fence@2.json`."""
    stem, _, suffix = parts(name)
    return name if attempt == 1 else f"{stem}@{attempt}{suffix}"


def parts(name: str) -> tuple[str, int, str]:
    """Stem, attempt (1 where none is named) and suffix: `raw/fence@2.json.gz` -> (`raw/fence`, 2, `.json.gz`)."""
    matched = _NAME.fullmatch(name)
    if matched is None:
        return name, 1, ""
    return matched["stem"], int(matched["attempt"] or 1), matched["suffix"]


def newest(artifacts: Mapping[str, bytes], name: str) -> bytes | None:
    """The artifact as the last attempt of its step wrote it; None where no attempt did."""
    stem, _, suffix = parts(name)
    tried = {}
    for there, content in artifacts.items():
        found, attempt, ending = parts(there)
        if (found, ending) == (stem, suffix):
            tried[attempt] = content
    return tried[max(tried)] if tried else None
