"""What each rule of the verdict would have objected to, for whoever reads that it did not."""

from __future__ import annotations

from drill.core.verdict import RULES


def objections() -> dict[str, str]:
    """A rule's name in words -> the first sentence of it: `clocks agree` -> `INVALID: an engine host's clock ...`."""
    return {rule.__name__.replace("_", " "): _first_sentence(rule.__doc__ or "") for rule in RULES}


def _first_sentence(text: str) -> str:
    return " ".join(text.split(". ", maxsplit=1)[0].split()).rstrip(".")
