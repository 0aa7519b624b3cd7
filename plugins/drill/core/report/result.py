"""The report's second part: what was observed. Whatever was not reached is None or empty, and said in words."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from drill.core.report.checks import Control, Sensitivity, Suite, SymbolRow
from drill.core.report.clause import (
    DORA_12,
    DORA_24,
    ISO,
    NIST,
    SCI_1001,
    SCI_1002,
    SCI_1003,
    SCI_1004,
    SCI_1005,
    At,
    Count,
    Length,
    Outcome,
    doc,
)
from drill.core.report.failback import Failback
from drill.core.report.journal import FlushBuffer, JournalAccount, LagPoint, RecoveryPoint
from drill.core.report.timeline import Mark, PhaseTime, Recovery
from drill.core.report.trading import Performance, Resumption


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of the verdict and how it came out."""

    rule_id: Annotated[str, doc("stable id, e.g. 'rto' or 'control'")]
    statement: Annotated[str, doc("the rule and the figures in one plain sentence", NIST)]
    met: Annotated[bool | None, doc("None: could not be evaluated")]
    decided: Annotated[bool, doc("true where this rule decided the verdict")] = False


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The outcome, a pure function of the raw evidence."""

    outcome: Annotated[Outcome, doc("the verdict", SCI_1003, NIST, ISO)]
    question: Annotated[str, doc("the question that the drill answers")]
    sentence: Annotated[str, doc("the answer in one plain sentence", NIST)]
    rules: Annotated[tuple[Rule, ...], doc("every rule, deciding ones marked", NIST)] = ()

    @property
    def deciding(self) -> tuple[str, ...]:
        """Ids of the rules that decided."""
        return tuple(rule.rule_id for rule in self.rules if rule.decided)


class Deviation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that did not go as planned."""

    what: Annotated[str, doc("what", NIST, ISO)]
    consequence: Annotated[str, doc("what it changed", NIST, ISO)]
    at_ns: Annotated[At | None, doc("when; None: throughout")] = None


class Retry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that was begun again."""

    step: Annotated[str, doc("step", NIST)]
    attempt: Annotated[int, doc("2 = the first repetition")]
    reason: Annotated[str, doc("why")]
    lost_ns: Annotated[Length, doc("time it cost")]


class StackRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stack of the DR site by its own events."""

    name: Annotated[str, doc("stack", SCI_1005)]
    status: Annotated[str, doc("last status of the stack itself", DORA_24)]
    started_ns: Annotated[At, doc("first event")]
    ended_ns: Annotated[At, doc("last event")]
    resources: Annotated[Count, doc("resources that were completed")]
    slowest: Annotated[str, doc("resource that took longest, with its type; empty: none was completed")] = ""
    slowest_ns: Annotated[Length | None, doc("how long it took")] = None


class InjectedFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that was injected, besides the loss and the control."""

    fault_id: Annotated[str, doc("id in the catalogue, e.g. F01", DORA_24)]
    what: Annotated[str, doc("what was done to the world", DORA_24)]
    expected: Annotated[str, doc("verdict that it should lead to")]
    applied_at_ns: Annotated[At | None, doc("None: could not be applied")] = None


class Result(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was observed. Whatever was not reached is None or empty, and said in words."""

    verdict: Annotated[Verdict, doc("outcome, sentence, rules", SCI_1003, NIST, shown="verdict", kept="verdict.json")]
    marks: Annotated[
        tuple[Mark, ...], doc("T0 to T12", SCI_1002, NIST, shown="time", kept="events/, raw/word-*.json")
    ] = ()
    phases: Annotated[tuple[PhaseTime, ...], doc("time by phase and kind", NIST, shown="time", kept="events/")] = ()
    recovery: Annotated[
        Recovery,
        doc(
            "three recovery times", SCI_1001, shown="time", kept="events/, raw/acked-primary.json, raw/word-canary.json"
        ),
    ]
    symbols: Annotated[
        tuple[SymbolRow, ...],
        doc("a row per symbol in scope", SCI_1004, shown="symbols", kept="raw/recovered.json, raw/validation.json"),
    ] = ()
    point: Annotated[
        RecoveryPoint,
        doc(
            "recovery point in orders and time",
            SCI_1001,
            DORA_12,
            shown="point",
            kept="raw/acked-seqs.json, raw/recovered.json",
        ),
    ]
    journal: Annotated[
        JournalAccount | None,
        doc("None: the journal was not read", DORA_12, shown="journal", kept="raw/recovered.json, raw/validation.json"),
    ] = None
    buffer: Annotated[
        FlushBuffer | None, doc("None: not examined", shown="journal", kept="raw/preflight.json, raw/drain.json")
    ] = None
    suites: Annotated[
        tuple[Suite, ...],
        doc("checks with their independence", DORA_12, shown="checks", kept="raw/validation.json, raw/objectives.json"),
    ] = ()
    control: Annotated[
        Control, doc("negative control", DORA_24, shown="checks", kept="raw/word-sabotage.json, raw/word-reveal.json")
    ]
    sensitivity: Annotated[
        Sensitivity, doc("share of the fault catalogue caught", DORA_24, shown="checks", kept="report.json")
    ] = Sensitivity()
    performance: Annotated[
        Performance,
        doc("DR site against primary", SCI_1001, shown="performance", kept="raw/acked-primary.json, raw/acked-dr.json"),
    ] = Performance()
    resumption: Annotated[
        Resumption | None,
        doc("None: not reached", SCI_1004, shown="resumption", kept="raw/members.json, raw/word-canary.json"),
    ] = None
    failback: Annotated[
        Failback | None,
        doc(
            "the way home; None: nobody set out for it",
            SCI_1004,
            shown="failback",
            kept="raw/frozen.json, raw/recovered-home.json, raw/acked-home.json, raw/home-*.json",
        ),
    ] = None
    deviations: Annotated[
        tuple[Deviation, ...],
        doc("what did not go as planned", NIST, ISO, shown="deviations", kept="events/, verdict.json"),
    ] = ()
    stacks: Annotated[
        tuple[StackRun, ...],
        doc("stacks of the DR site by their own events", SCI_1005, DORA_24, shown="stacks", kept="raw/stacks.json"),
    ] = ()
    lag: Annotated[
        tuple[LagPoint, ...],
        doc("journal lag over the drill, oldest first", DORA_12, shown="journal", kept="raw/journal-lag.json"),
    ] = ()
    retries: Annotated[tuple[Retry, ...], doc("steps begun again", NIST, shown="deviations", kept="events/")] = ()
    sdk_retries: Annotated[
        Count | None, doc("retries inside the AWS client; None: not counted", shown="deviations", kept="report.json")
    ] = None
    faults: Annotated[
        tuple[InjectedFault, ...], doc("faults injected", DORA_24, shown="checks", kept="raw/word-sabotage.json")
    ] = ()
