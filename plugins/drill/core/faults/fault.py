"""One entry of the fault catalogue."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """How a fault comes into the world, where it must be seen, and what the verdict must then be.

    Attributes:
        id: F01 to F28.
        text: what is done to the world, one sentence in the past tense.
        means: what is changed: objects, processes, clock, build, API, account, load, or what a person does.
        phase: the injector acts as this phase begins. Where a person acts, the phase that is then under way.
        by_operator: a person's act; who runs the catalogue does it through the same doors as an operator.
        seen_in: the phase that first shows it; `verdict` where only the judgement over all evidence does.
        verdict: the outcome that must follow.
        rule: id of the rule that must speak; empty where the drill must pass.
        names: what the texts of that rule must contain: keys of the injector's own account of what it did.
        figure: what else the record must say, by name (drill.core.faults.figures).
        params: parameters of the drill that give the fault its one expected verdict.
    """

    id: str
    text: str
    means: str
    phase: str
    verdict: str
    seen_in: str
    rule: str = ""
    names: tuple[str, ...] = ()
    figure: str = ""
    by_operator: bool = False
    params: dict[str, bool | int | str] = {}
