"""When what happened: marks, phases and the three recovery times."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from drill.core.report.clause import DORA_12, NIST, SCI_1001, SCI_1002, SCI_1005, At, Count, Length, doc


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mark of the time line, T0 to T12 (method.md §1)."""

    name: Annotated[str, doc("T0 … T12; for marks per symbol the last symbol's")]
    meaning: Annotated[str, doc("what happened, e.g. 'impact' or 'declared'")]
    at_ns: Annotated[At | None, doc("None: not reached, or assumed", SCI_1002, NIST)]
    recorder: Annotated[str, doc("who observed it", SCI_1005)]
    assumed: Annotated[bool, doc("true where a budget stands in for a measurement")] = False
    note: Annotated[str, doc("why it is absent, or what else to know")] = ""


class PhaseTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One phase and how its time splits. `queue_ns` lies before `start_ns`; retries and approvals after it.

    So end_ns - start_ns = retry_ns + approval_ns + work_ns; `assumed_ns` is nobody's clock: it is added at the end.
    """

    name: Annotated[str, doc("phase, as the task groups are called", NIST)]
    status: Annotated[Literal["done", "failed", "unfinished", "not reached"], doc("how it ended", NIST)]
    start_ns: Annotated[At | None, doc("begin of its first attempt")]
    end_ns: Annotated[At | None, doc("end of its last attempt")]
    work_ns: Annotated[Length, doc("the attempt that counted", SCI_1001)] = 0
    queue_ns: Annotated[Length, doc("waiting for the scheduler, before start_ns", SCI_1001)] = 0
    retry_ns: Annotated[Length, doc("attempts that failed, with the pauses after them", SCI_1001)] = 0
    approval_ns: Annotated[Length, doc("waiting for a person", SCI_1001)] = 0
    assumed_ns: Annotated[Length, doc("budget for what was not measured, added to the recovery time")] = 0
    attempts: Annotated[Count, doc("how often it was begun")] = 1
    counts: Annotated[bool, doc("true where it lies between impact and resumption")] = True
    note: Annotated[str, doc("counts and reasons in words")] = ""


class RecoveryTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the three recovery times. total = measured + assumed; None: not achieved."""

    measured_ns: Annotated[Length | None, doc("what clocks saw; None: not achieved", SCI_1001, DORA_12)]
    assumed_ns: Annotated[Length, doc("what was assumed for a human decision", SCI_1001)] = 0
    definition: Annotated[str, doc("marks between which it is taken", SCI_1001)]

    @property
    def total_ns(self) -> int | None:
        """What the verdict uses: measured plus assumed."""
        return None if self.measured_ns is None else self.measured_ns + self.assumed_ns


class Percentiles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distribution over n observations, in ns."""

    name: Annotated[str, doc("what is distributed")]
    n: Annotated[Count, doc("observations")]
    p50_ns: Annotated[Length | None, doc("median")] = None
    p90_ns: Annotated[Length | None, doc("90th percentile")] = None
    p99_ns: Annotated[Length | None, doc("99th percentile")] = None
    worst_ns: Annotated[Length | None, doc("largest")] = None


class Recovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The three clocks, the worst symbol and the distributions over symbols."""

    impact: Annotated[RecoveryTime, doc("T11 - T0, the headline", SCI_1001, DORA_12)]
    declared: Annotated[RecoveryTime, doc("T11 - T2", SCI_1001)]
    technical: Annotated[RecoveryTime, doc("largest T8s - T3", SCI_1001)]
    worst_symbol: Annotated[str | None, doc("the symbol that decided the headline; None: none recovered")] = None
    percentiles: Annotated[tuple[Percentiles, ...], doc("over symbols", NIST)] = ()
