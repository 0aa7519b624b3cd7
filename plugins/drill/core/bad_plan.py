"""The one refusal of a plan."""

from __future__ import annotations


class BadPlan(ValueError):
    """A parameter that cannot be planned with; the message names it, what was expected and what to do."""
