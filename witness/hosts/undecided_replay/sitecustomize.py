"""A mutated build: a replay that is not deterministic. Found by Python at start, where PYTHONPATH names this folder.

Now and then a trade is remembered with another quantity, by lot: the same journal no longer gives the same state.
"""

from __future__ import annotations

import random
from typing import Any

from engine.venue import Venue

_apply = Venue.apply
ONE_IN = 20


def _undecided(self: Venue, seq: int, command: Any) -> Any:
    outcome = _apply(self, seq, command)
    if not random.randrange(ONE_IN):  # noqa: S311 - chance is the fault
        self.book.last_qty += 1
    return outcome


Venue.apply = _undecided  # type: ignore[method-assign]
