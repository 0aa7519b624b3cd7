"""Whether a filed record says of a fault what the catalogue expects: verdict, rule, and what was hit.

A pure function of the evidence, as the verdict is, so anybody can count a drill's faults again from its bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from drill.core.faults.catalogue import CATALOGUE
from drill.core.faults.figures import FIGURES

if TYPE_CHECKING:
    from drill.core.evidence import Evidence
    from drill.core.faults.fault import Fault
    from drill.core.verdict import Verdict


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says of one fault.

    Attributes:
        fault_id: of the catalogue.
        injected: whether the injector, or the operator, says that the world was changed.
        expected: verdict and rule that the catalogue asks for.
        found: verdict and rules that decided it.
        phase: the phase that caught it: the first one that failed or stopped, `verdict` where none did.
        missing: what the record does not say although it must; empty: caught.
    """

    fault_id: str
    injected: bool
    expected: str
    found: str
    phase: str
    missing: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether the fault was brought about and the record says all that it must."""
        return self.injected and not self.missing


def observe(fault_id: str, evidence: Evidence, verdict: Verdict, acted: Mapping[str, Any] | None = None) -> Observed:
    """Hold the record against the catalogue; `acted` is the account of an operator's act, others are revealed."""
    expected = next(one for one in CATALOGUE if one.id == fault_id)
    account = acted if expected.by_operator else _account(evidence, fault_id)
    missing = () if account is None else tuple(_missing(expected, account, evidence, verdict))
    deciding = sorted({ruling.rule for ruling in verdict.rulings if ruling.outcome == verdict.outcome})
    return Observed(
        fault_id=fault_id,
        injected=account is not None,
        expected=" ".join(filter(None, (expected.verdict, expected.rule))),
        found=" ".join([verdict.outcome, *deciding]),
        phase=_phase(evidence),
        missing=missing,
    )


def _account(evidence: Evidence, fault_id: str) -> Mapping[str, Any] | None:
    accounts = (evidence.get("word-reveal") or {}).get("faults", ())
    return next((one for one in accounts if one["fault"] == fault_id and "error" not in one), None)


def _phase(evidence: Evidence) -> str:
    failed = (phase.name for phase in evidence.phases if phase.status == "failed")
    stopped = (event.step for word in ("reject", "abort") for event in evidence.events if event.name == word)
    return next(chain(failed, stopped), "verdict")


def _missing(expected: Fault, account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> list[str]:
    missing = []
    if verdict.outcome != expected.verdict:
        missing.append(f"verdict {expected.verdict}, found {verdict.outcome}")
    texts = [ruling.text for ruling in verdict.rulings if ruling.rule == expected.rule]
    if expected.rule and not texts:
        missing.append(f"rule {expected.rule}")
    missing += [
        f"{expected.rule} naming {key} {account[key]}"
        for key in expected.names
        if texts and not any(str(account[key]) in text for text in texts)
    ]
    said = FIGURES[expected.figure](account, evidence, verdict) if expected.figure else ""
    return [*missing, said] if said else missing
