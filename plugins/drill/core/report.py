"""The report of a drill as one typed tree: the JSON record is this tree, every other rendering is derived from it.

Conventions, so that no reader has to guess:

- Integers only, with the unit in the name: `_ns` nanoseconds (UTC since 1970 for `at`, `start`, `end`; else a length),
  `_ppm` parts per million, `_micro_usd` millionths of a dollar, `_cents`. No floating point anywhere in the record.
- In JSON, `_ns` and `_cents` are strings of digits: canonical JSON (RFC 8785) refuses integers from 2^53 on.
- None means "was not reached, not measured or not known" and is said in words by the renderings. It is never zero.
- Each field says what it holds; `clauses()` lists the paragraphs that ask for a field.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
import rfc8785
from msgspec import Meta, Struct

SCHEMA_VERSION: Literal[1] = 1
FULL_DAY_COMMANDS = 234_000_000  # 10,000 commands/s for the 6.5 hours of a trading day
_LONG = ("_ns", "_cents")  # strings in JSON

Outcome = Literal["PASS", "PASS_WITH_OBSERVATIONS", "PARTIAL", "FAIL", "ABORTED", "INVALID", "REJECTED", "MISSING"]
Level = Literal["L1", "L2", "L3", "L4"]

SCI_1000 = "17 CFR 242.1000"
SCI_1001 = "17 CFR 242.1001(a)(2)(v)"
SCI_1002 = "17 CFR 242.1002"
SCI_1003 = "17 CFR 242.1003(b)"
SCI_1004 = "17 CFR 242.1004"
SCI_1005 = "17 CFR 242.1005"
NIST = "NIST SP 800-84 6.5"
ISO = "ISO 22301 8.5"
DORA_11 = "DORA 11"
DORA_12 = "DORA 12"
DORA_24 = "DORA 24"


def _doc(text: str, *clauses: str) -> Meta:
    """What a field holds and the paragraphs that ask for it; both end up in the JSON Schema."""
    return Meta(description=text, extra_json_schema={"x-clauses": list(clauses)} if clauses else None)


At = Annotated[int, Meta(description="moment, ns UTC since 1970")]
Length = Annotated[int, Meta(description="length of time, ns")]
Count = Annotated[int, Meta(description="number of things", ge=0)]


# --- plan: what was decided before the drill began ---------------------------------------------------------------


class Objective(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One objective: a limit that was written down before the drill."""

    name: Annotated[str, _doc("the objective in a word or two, e.g. 'recovery time'", SCI_1001, ISO)]
    limit: Annotated[str, _doc("the limit as a person reads it, e.g. '2 h' or '0 orders'", SCI_1001)]
    source: Annotated[str, _doc("rule or document the limit comes from", SCI_1001, ISO)]


class Objectives(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two numbers that the verdict compares with, and the list of all objectives with their sources."""

    recovery_time_ns: Annotated[int, _doc("limit of the recovery time from impact to resumption, ns", SCI_1001)]
    recovery_point_orders: Annotated[int, _doc("acknowledged orders that may be lost", SCI_1001, DORA_12)]
    listed: Annotated[tuple[Objective, ...], _doc("every objective with its source", SCI_1001, ISO)]


class Exclusion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something left out of scope."""

    what: Annotated[str, _doc("symbol, site or function that is left out", NIST)]
    reason: Annotated[str, _doc("why it is left out", NIST)]


class Scope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the drill recovers, out of what the exchange lists."""

    listing: Annotated[int, _doc("symbols that the exchange lists")]
    symbols: Annotated[tuple[str, ...], _doc("symbols in scope, sorted", SCI_1004, NIST)]
    test_symbols: Annotated[tuple[str, ...], _doc("sacrificial symbols of the negative control, outside scope")] = ()
    exclusions: Annotated[tuple[Exclusion, ...], _doc("what is left out and why", NIST)] = ()


class Registration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record written before the moment of loss."""

    sha256: Annotated[str, _doc("SHA-256 of the registration record, hex", SCI_1005)]
    at_ns: Annotated[At, _doc("when it was written", SCI_1005)]
    chain_number: Annotated[int | None, _doc("its place in the evidence chain, 1-based")] = None


class Seeds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public seed of the order flow and the secret nonce of loss and sabotage."""

    workload: Annotated[str, _doc("seed of the order flow, public", DORA_24)]
    nonce_sha256: Annotated[str | None, _doc("commitment to the nonce, registered before the loss", DORA_24)]
    nonce: Annotated[str | None, _doc("the nonce, revealed at the close; None while secret", DORA_24)] = None
    blind: Annotated[bool, _doc("true where nobody who recovers knew the nonce", DORA_24)]


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One data centre of the exchange."""

    name: Annotated[str, _doc("site name, first label of its internal names")]
    role: Annotated[Literal["primary", "DR site"], _doc("what it is in this drill", SCI_1001)]
    region: Annotated[str, _doc("AWS region", SCI_1001)]
    epoch: Annotated[int | None, _doc("epoch under which it writes the journal")] = None
    environment: Annotated[str, _doc("LIVE or DRILL")]


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content hash or number of one thing that took part."""

    name: Annotated[str, _doc("engine build, template, suite, configuration, lock file or package", DORA_24)]
    kind: Annotated[Literal["engine", "template", "suite", "config", "package"], _doc("what it is")]
    version: Annotated[str, _doc("content hash (hex) or version number", DORA_24, SCI_1005)]
    differs: Annotated[str, _doc("difference from production and from the last drill, in words")] = "not compared"


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision by a person or by a policy."""

    step: Annotated[str, _doc("what was decided", SCI_1001, DORA_11)]
    by: Annotated[str, _doc("person or policy", DORA_11)]
    decision: Annotated[Literal["approved", "rejected", "timed out"], _doc("the decision")]
    at_ns: Annotated[At | None, _doc("when")]
    waited_ns: Annotated[Length, _doc("how long the drill waited for it")]


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One real attempt that had to be refused, or one fact that shows isolation."""

    statement: Annotated[str, _doc("what was attempted or examined", DORA_24)]
    held: Annotated[bool | None, _doc("true: isolation held; None: not run", DORA_24)]


class ClockOffset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The clock of one host against the monitor's."""

    host: Annotated[str, _doc("host or task")]
    offset_ns: Annotated[Length | None, _doc("echo offset; None: not measured")]
    limit_ns: Annotated[Length, _doc("the gate", SCI_1001)]


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was decided before the drill began."""

    drill_id: Annotated[str, _doc("one id everywhere: run, folder, stack tag, report", SCI_1005)]
    kind: Annotated[
        Literal["loss", "planned exercise", "failover"], _doc("what kind of drill this is", SCI_1004, NIST, ISO)
    ]
    purpose: Annotated[str, _doc("DRILL, or REAL EVENT for a failover; printed in the band of page 1")] = "DRILL"
    scenario: Annotated[Literal["engines", "site", "region"], _doc("what is lost", SCI_1004, DORA_11, NIST)]
    trigger: Annotated[str, _doc("manual or scheduled", NIST)]
    requester: Annotated[str, _doc("who asked for it", NIST)]
    registration: Annotated[Registration | None, _doc("None: refused before it was registered", SCI_1005)]
    scope: Annotated[Scope, _doc("what is recovered", SCI_1004, NIST)]
    objectives: Annotated[Objectives, _doc("limits with their sources", SCI_1001, ISO)]
    sites: Annotated[tuple[Site, ...], _doc("the sites", SCI_1001)]
    shared_dependencies: Annotated[tuple[str, ...], _doc("what both sites depend on", SCI_1001, DORA_12)] = ()
    seeds: Annotated[Seeds, _doc("workload seed and nonce", DORA_24)]
    versions: Annotated[tuple[Version, ...], _doc("everything that took part, by content", DORA_24)] = ()
    approvals: Annotated[tuple[Approval, ...], _doc("decisions by persons and policies", DORA_11)] = ()
    isolation: Annotated[tuple[Proof, ...], _doc("proof that the drill could not touch production", DORA_24)] = ()
    clocks: Annotated[tuple[ClockOffset, ...], _doc("offsets of all hosts", SCI_1001)] = ()


# --- result: what was observed ---------------------------------------------------------------------------------


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of the verdict and how it came out."""

    rule_id: Annotated[str, _doc("stable id, e.g. 'rto' or 'control'")]
    statement: Annotated[str, _doc("the rule and the figures in one plain sentence", NIST)]
    met: Annotated[bool | None, _doc("None: could not be evaluated")]
    decided: Annotated[bool, _doc("true where this rule decided the verdict")] = False


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The outcome, a pure function of the raw evidence."""

    outcome: Annotated[Outcome, _doc("the verdict", SCI_1003, NIST, ISO)]
    question: Annotated[str, _doc("the question that the drill answers")]
    sentence: Annotated[str, _doc("the answer in one plain sentence", NIST)]
    rules: Annotated[tuple[Rule, ...], _doc("every rule, deciding ones marked", NIST)] = ()

    @property
    def deciding(self) -> tuple[str, ...]:
        """Ids of the rules that decided."""
        return tuple(rule.rule_id for rule in self.rules if rule.decided)


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mark of the time line, T0 to T12 (method.md §1)."""

    name: Annotated[str, _doc("T0 … T12; for marks per symbol the last symbol's")]
    meaning: Annotated[str, _doc("what happened, e.g. 'impact' or 'declared'")]
    at_ns: Annotated[At | None, _doc("None: not reached, or assumed", SCI_1002, NIST)]
    recorder: Annotated[str, _doc("who observed it", SCI_1005)]
    assumed: Annotated[bool, _doc("true where a budget stands in for a measurement")] = False
    note: Annotated[str, _doc("why it is absent, or what else to know")] = ""


class PhaseTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One phase and how its time splits. `queue_ns` lies before `start_ns`; retries and approvals after it.

    So end_ns - start_ns = retry_ns + approval_ns + work_ns; `assumed_ns` is nobody's clock: it is added at the end.
    """

    name: Annotated[str, _doc("phase, as the task groups are called", NIST)]
    status: Annotated[Literal["done", "failed", "unfinished", "not reached"], _doc("how it ended", NIST)]
    start_ns: Annotated[At | None, _doc("begin of its first attempt")]
    end_ns: Annotated[At | None, _doc("end of its last attempt")]
    work_ns: Annotated[Length, _doc("the attempt that counted", SCI_1001)] = 0
    queue_ns: Annotated[Length, _doc("waiting for the scheduler, before start_ns", SCI_1001)] = 0
    retry_ns: Annotated[Length, _doc("attempts that failed, with the pauses after them", SCI_1001)] = 0
    approval_ns: Annotated[Length, _doc("waiting for a person", SCI_1001)] = 0
    assumed_ns: Annotated[Length, _doc("budget for what was not measured, added to the recovery time")] = 0
    attempts: Annotated[Count, _doc("how often it was begun")] = 1
    counts: Annotated[bool, _doc("true where it lies between impact and resumption")] = True
    note: Annotated[str, _doc("counts and reasons in words")] = ""


class RecoveryTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the three recovery times. total = measured + assumed; None: not achieved."""

    measured_ns: Annotated[Length | None, _doc("what clocks saw; None: not achieved", SCI_1001, DORA_12)]
    assumed_ns: Annotated[Length, _doc("what was assumed for a human decision", SCI_1001)] = 0
    definition: Annotated[str, _doc("marks between which it is taken", SCI_1001)]

    @property
    def total_ns(self) -> int | None:
        """What the verdict uses: measured plus assumed."""
        return None if self.measured_ns is None else self.measured_ns + self.assumed_ns


class Percentiles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distribution over n observations, in ns."""

    name: Annotated[str, _doc("what is distributed")]
    n: Annotated[Count, _doc("observations")]
    p50_ns: Annotated[Length | None, _doc("median")] = None
    p90_ns: Annotated[Length | None, _doc("90th percentile")] = None
    p99_ns: Annotated[Length | None, _doc("99th percentile")] = None
    worst_ns: Annotated[Length | None, _doc("largest")] = None


class Recovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The three clocks, the worst symbol and the distributions over symbols."""

    impact: Annotated[RecoveryTime, _doc("T11 - T0, the headline", SCI_1001, DORA_12)]
    declared: Annotated[RecoveryTime, _doc("T11 - T2", SCI_1001)]
    technical: Annotated[RecoveryTime, _doc("largest T8s - T3", SCI_1001)]
    worst_symbol: Annotated[str | None, _doc("the symbol that decided the headline; None: none recovered")] = None
    percentiles: Annotated[tuple[Percentiles, ...], _doc("over symbols", NIST)] = ()


class CheckCell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One suite on one symbol."""

    suite: Annotated[str, _doc("name of the suite")]
    declared: Annotated[Count, _doc("checks declared for this symbol", DORA_12)]
    evaluated: Annotated[Count, _doc("checks evaluated", DORA_12)]
    failed: Annotated[Count, _doc("checks failed", DORA_12)]


class SymbolRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol: its marks, its recovered prefix and its checks."""

    symbol: Annotated[str, _doc("symbol")]
    status: Annotated[
        Literal["recovered", "damaged", "dead", "not reached"], _doc("dead: its engine never came up", SCI_1004)
    ]
    loaded_at_ns: Annotated[At | None, _doc("T6s snapshot (or genesis) loaded")] = None
    replayed_at_ns: Annotated[At | None, _doc("T7s replayed")] = None
    validated_at_ns: Annotated[At | None, _doc("T8s every check evaluated and passed", DORA_12)] = None
    first_order_at_ns: Annotated[At | None, _doc("T9s canary pair accepted, acknowledged, matched, printed")] = None
    seq: Annotated[int | None, _doc("last contiguous recovered seq")] = None
    commands: Annotated[Count | None, _doc("commands replayed")] = None
    digest: Annotated[str | None, _doc("digest of the recovered book at `seq`, hex")] = None
    orders_lost: Annotated[Count | None, _doc("acknowledged commands above `seq`; None: unknown", DORA_12)] = None
    checks: Annotated[tuple[CheckCell, ...], _doc("one cell per suite", DORA_12)] = ()
    checks_failed: Annotated[tuple[str, ...], _doc("names of the failed checks")] = ()
    first_difference: Annotated[str, _doc("first differing order or gap, and the side that is wrong")] = ""


class RecoveryPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What members had been told and the recovered exchange does not know. None: unknown, never zero."""

    orders_lost: Annotated[Count | None, _doc("acknowledged commands above the recovered prefix", SCI_1001, DORA_12)]
    acknowledged: Annotated[Count | None, _doc("acknowledged commands in all captures")]
    new: Annotated[Count | None, _doc("of the lost: new orders")] = None
    cancels: Annotated[Count | None, _doc("of the lost: cancels")] = None
    replaces: Annotated[Count | None, _doc("of the lost: replaces and reduces")] = None
    fills: Annotated[Count | None, _doc("captured fills that the recovered tape lacks")] = None
    notional_cents: Annotated[int | None, _doc("price x quantity of the lost new orders, cents")] = None
    members_touched: Annotated[Count | None, _doc("members with at least one lost command")] = None
    time_ns: Annotated[Length | None, _doc("largest over symbols: last acknowledged - last recovered", DORA_12)] = None
    phantom_fills: Annotated[Count | None, _doc("recovered fills that nothing explains; any fails")] = None
    unacknowledged: Annotated[Count | None, _doc("committed but never acknowledged: listed, no loss")] = None


class Damage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One piece of the journal that is not as it was written."""

    kind: Annotated[str, _doc("gap, conflict, checksum, chain, truncated, …")]
    symbol: Annotated[str, _doc("symbol")]
    object: Annotated[str, _doc("key of the object; empty for a gap")] = ""
    offset: Annotated[int | None, _doc("bytes into the unzipped object")] = None
    seq_from: Annotated[int | None, _doc("first seq concerned, inclusive")] = None
    seq_to: Annotated[int | None, _doc("last seq concerned, inclusive")] = None
    expected: Annotated[str, _doc("what should be there")] = ""
    found: Annotated[str, _doc("what is there")] = ""


class JournalAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was read to recover."""

    objects: Annotated[Count, _doc("objects read", DORA_12)]
    size_bytes: Annotated[Count, _doc("bytes as stored")]
    frames: Annotated[Count, _doc("frames decoded")]
    commands: Annotated[Count, _doc("commands replayed, scope and test symbols")]
    equal_duplicates: Annotated[Count, _doc("frames delivered more than once with equal content")] = 0
    conflicts: Annotated[Count, _doc("same seq, other content")] = 0
    gaps: Annotated[Count, _doc("missing ranges of seq")] = 0
    reorder_depth: Annotated[Count, _doc("largest distance in frames between arrival and order")] = 0
    snapshots_used: Annotated[Count, _doc("symbols that started from a snapshot, not from genesis")] = 0
    snapshot_age_ns: Annotated[Length | None, _doc("age of the oldest snapshot used; None: none used")] = None
    above_checkpoint: Annotated[Count | None, _doc("commands above the last checkpoint, all symbols")] = None
    full_day_commands: Annotated[Count, _doc("commands of a full trading day")] = FULL_DAY_COMMANDS
    damages: Annotated[tuple[Damage, ...], _doc("everything that is not as it was written", DORA_12)] = ()

    @property
    def share_ppm(self) -> int:
        """The journal's size as a share of a full trading day, ppm, rounded to the nearest."""
        return (self.commands * 2_000_000 + self.full_day_commands) // (2 * self.full_day_commands)


class FlushBuffer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The physics of the delivery buffer between commit and object."""

    interval_ns: Annotated[Length, _doc("buffer hint: flush at the latest after")]
    size_bytes: Annotated[Count, _doc("buffer hint: flush at the latest at")]
    delivery_lag_ns: Annotated[Length | None, _doc("largest DataFreshness seen before the loss")]
    loss_in_cycle_ns: Annotated[Length | None, _doc("how far into the flush cycle the loss fell")]
    worst_case_orders: Annotated[Count | None, _doc("orders in one full buffer at the offered rate")]
    drained_ns: Annotated[Length | None, _doc("loss until the last committed frame lay in the bucket")] = None


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check, counted over all symbols."""

    name: Annotated[str, _doc("the check in words", DORA_12)]
    declared: Annotated[Count, _doc("symbols for which it was declared")]
    evaluated: Annotated[Count, _doc("symbols for which it was evaluated")]
    failed: Annotated[Count, _doc("symbols for which it failed")]
    example: Annotated[str, _doc("first failing row, in words")] = ""


class Suite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One suite of checks with its level of independence (method.md §3)."""

    name: Annotated[str, _doc("suite: journal, books, trades, recovery point, objectives", DORA_12)]
    level: Annotated[Level, _doc("what the recovered book is compared with", DORA_12)]
    compared_with: Annotated[str, _doc("the witness, in words")]
    declared: Annotated[Count, _doc("checks declared, over all symbols", DORA_12)]
    evaluated: Annotated[Count, _doc("checks evaluated", DORA_12)]
    failed: Annotated[Count, _doc("checks failed", DORA_12)]
    expectations: Annotated[tuple[Expectation, ...], _doc("the checks one by one")] = ()


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The negative control: one hidden sabotage on a test symbol that validators must catch."""

    status: Annotated[Literal["caught", "missed", "not run"], _doc("outcome", DORA_24)]
    kind: Annotated[str, _doc("what was done; empty while secret or not run")] = ""
    symbol: Annotated[str, _doc("test symbol")] = ""
    caught_by: Annotated[tuple[str, ...], _doc("checks that failed because of it")] = ()
    caught_after_ns: Annotated[Length | None, _doc("begin of validation until it was caught")] = None
    restored: Annotated[bool | None, _doc("true version back in place; None: not run")] = None
    note: Annotated[str, _doc("reason where it was not run")] = ""


class Sensitivity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which share of the fault catalogue this version of engine, validators and suites catches."""

    caught: Annotated[Count | None, _doc("None: not scored yet", DORA_24)] = None
    injected: Annotated[Count | None, _doc("None: not scored yet", DORA_24)] = None
    version: Annotated[str, _doc("content hash of what was scored")] = ""


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ten seconds of load."""

    start_ns: Annotated[At, _doc("begin")]
    offered: Annotated[Count, _doc("commands due")]
    acked: Annotated[Count, _doc("commands acknowledged")]
    p99_ns: Annotated[Length | None, _doc("99th percentile of the ack latency")] = None


class Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The load on one site as members saw it."""

    site: Annotated[str, _doc("site")]
    length_ns: Annotated[Length, _doc("how long")]
    offered: Annotated[Count, _doc("commands due", SCI_1001)]
    acked: Annotated[Count, _doc("commands acknowledged", SCI_1001)]
    latency: Annotated[Percentiles, _doc("ack latency: send to ack on the member's clock")]
    windows: Annotated[tuple[Window, ...], _doc("10-s windows")] = ()


class Performance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Throughput and ack latency, DR site against primary. None: no load was run there."""

    primary: Annotated[Load | None, _doc("before the loss", SCI_1001)] = None
    dr: Annotated[Load | None, _doc("after the cutover", SCI_1001)] = None
    factor_limit_ppm: Annotated[int, _doc("ack p99 of the DR site over the primary's, at most", SCI_1001)] = 2_000_000
    acked_limit_ppm: Annotated[int, _doc("acknowledged over offered, at least, run and window")] = 990_000
    met: Annotated[bool | None, _doc("None: gate not evaluated")] = None


class UnknownOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that was committed but never acknowledged: its member does not know whether it stands."""

    member: Annotated[str, _doc("pseudonym")]
    symbol: Annotated[str, _doc("symbol")]
    seq: Annotated[int, _doc("seq in the journal")]
    command_id: Annotated[str, _doc("the member's command id, decimal")]
    kind: Annotated[str, _doc("new, cancel, replace, reduce")]
    fate: Annotated[str, _doc("state in the recovered book: open, filled, cancelled, rejected")] = "unknown"


class Resumption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How trading came back."""

    canaries_expected: Annotated[Count, _doc("symbols in scope", SCI_1004)]
    canaries_done: Annotated[Count, _doc("accepted, acknowledged, matched and printed", SCI_1004)]
    members_expected: Annotated[Count | None, _doc("members connected before the loss", SCI_1004)] = None
    members_back: Annotated[Count | None, _doc("members reconnected by name", SCI_1004)] = None
    unknown_orders: Annotated[tuple[UnknownOrder, ...], _doc("for the members' reconcile file", SCI_1002)] = ()
    orders_at_dr: Annotated[str, _doc("fate of the orders taken at the DR site")] = "unknown"
    frames_refused: Annotated[Count | None, _doc("frames of the old epoch refused after the fence")] = None


class Deviation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that did not go as planned."""

    what: Annotated[str, _doc("what", NIST, ISO)]
    consequence: Annotated[str, _doc("what it changed", NIST, ISO)]
    at_ns: Annotated[At | None, _doc("when; None: throughout")] = None


class Retry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that was begun again."""

    step: Annotated[str, _doc("step", NIST)]
    attempt: Annotated[int, _doc("2 = the first repetition")]
    reason: Annotated[str, _doc("why")]
    lost_ns: Annotated[Length, _doc("time it cost")]


class InjectedFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that was injected, besides the loss and the control."""

    fault_id: Annotated[str, _doc("id in the catalogue, e.g. F01", DORA_24)]
    what: Annotated[str, _doc("what was done to the world", DORA_24)]
    expected: Annotated[str, _doc("verdict that it should lead to")]
    applied_at_ns: Annotated[At | None, _doc("None: could not be applied")] = None


class Result(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was observed. Whatever was not reached is None or empty, and said in words."""

    verdict: Annotated[Verdict, _doc("outcome, sentence, rules", SCI_1003, NIST)]
    marks: Annotated[tuple[Mark, ...], _doc("T0 to T12", SCI_1002, NIST)] = ()
    phases: Annotated[tuple[PhaseTime, ...], _doc("time by phase and kind", NIST)] = ()
    recovery: Annotated[Recovery, _doc("three recovery times", SCI_1001)]
    symbols: Annotated[tuple[SymbolRow, ...], _doc("a row per symbol in scope", SCI_1004)] = ()
    point: Annotated[RecoveryPoint, _doc("recovery point in orders and time", SCI_1001, DORA_12)]
    journal: Annotated[JournalAccount | None, _doc("None: the journal was not read", DORA_12)] = None
    buffer: Annotated[FlushBuffer | None, _doc("None: not examined")] = None
    suites: Annotated[tuple[Suite, ...], _doc("checks with their independence", DORA_12)] = ()
    control: Annotated[Control, _doc("negative control", DORA_24)]
    sensitivity: Annotated[Sensitivity, _doc("share of the fault catalogue caught", DORA_24)] = Sensitivity()
    performance: Annotated[Performance, _doc("DR site against primary", SCI_1001)] = Performance()
    resumption: Annotated[Resumption | None, _doc("None: not reached", SCI_1004)] = None
    deviations: Annotated[tuple[Deviation, ...], _doc("what did not go as planned", NIST, ISO)] = ()
    retries: Annotated[tuple[Retry, ...], _doc("steps begun again", NIST)] = ()
    sdk_retries: Annotated[Count | None, _doc("retries inside the AWS client; None: not counted")] = None
    faults: Annotated[tuple[InjectedFault, ...], _doc("faults injected", DORA_24)] = ()


# --- close: what follows from it -----------------------------------------------------------------------------------


class Finding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to put right."""

    finding_id: Annotated[str, _doc("id")]
    what: Annotated[str, _doc("the finding", SCI_1003, NIST, ISO)]
    owner: Annotated[str, _doc("who puts it right", NIST, ISO)] = "not assigned"
    due: Annotated[str, _doc("date, yyyy-mm-dd", NIST, ISO)] = "not set"
    retest: Annotated[str, _doc("which drill shows that it is put right", ISO, DORA_24)] = "next drill"


class Triage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether what happened is an SCI event."""

    sci_event: Annotated[Literal["no", "to be decided", "yes"], _doc("the classification", SCI_1000, SCI_1002)]
    reason: Annotated[str, _doc("why", SCI_1002)]
    decided_by: Annotated[str, _doc("person", SCI_1002)] = "not decided yet"


class Orphan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that the drill built and that still stands."""

    service: Annotated[str, _doc("service")]
    resource: Annotated[str, _doc("id")]
    since_ns: Annotated[At | None, _doc("when it was created; None: unknown")] = None
    day_micro_usd: Annotated[int | None, _doc("cost of a day; None: unknown")] = None


class InventoryCount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resources of one service before the build and after the teardown."""

    service: Annotated[str, _doc("service that the endpoint offers")]
    before: Annotated[Count | None, _doc("before the build; None: not counted")]
    after: Annotated[Count | None, _doc("after the teardown; None: not counted")]


class Teardown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left of the drill."""

    status: Annotated[Literal["clean", "orphans", "not run"], _doc("outcome", DORA_24)]
    stacks_deleted: Annotated[Count | None, _doc("stacks deleted; None: not run")] = None
    orphans: Annotated[tuple[Orphan, ...], _doc("what still stands")] = ()
    inventory: Annotated[tuple[InventoryCount, ...], _doc("the account, service by service")] = ()
    note: Annotated[str, _doc("exceptions by stack id, or why it was not run")] = ""


class CostLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One priced item."""

    item: Annotated[str, _doc("what is charged")]
    quantity: Annotated[str, _doc("amount with unit")]
    price: Annotated[str, _doc("price with unit")]
    cost_micro_usd: Annotated[int, _doc("rounded up")]


class CostEstimate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the drill would have cost, from a dated price table."""

    region: Annotated[str, _doc("region of the prices")]
    prices_as_of: Annotated[str, _doc("date of the price table, yyyy-mm-dd")]
    source: Annotated[str, _doc("where the prices come from")]
    lines: Annotated[tuple[CostLine, ...], _doc("item by item")]
    note: Annotated[str, _doc("what is left out")] = ""

    @property
    def total_micro_usd(self) -> int:
        """Sum of the lines."""
        return sum(line.cost_micro_usd for line in self.lines)


class PastDrill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An earlier registered drill, for the trend."""

    drill_id: Annotated[str, _doc("id")]
    outcome: Annotated[Outcome, _doc("its verdict")]
    at_ns: Annotated[At, _doc("when it was registered")]
    recovery_time_ns: Annotated[Length | None, _doc("impact to resumption; None: not achieved")]


class Attestation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line to sign."""

    role: Annotated[str, _doc("prepared, reviewed, signed off", SCI_1003, NIST)]
    name: Annotated[str, _doc("empty until signed")] = ""
    at_ns: Annotated[At | None, _doc("None until signed")] = None


class Artifact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the evidence."""

    name: Annotated[str, _doc("key within the bundle", SCI_1005)]
    sha256: Annotated[str, _doc("content hash, hex", SCI_1005)]
    size_bytes: Annotated[Count, _doc("size")]
    version: Annotated[str, _doc("object version id; empty while not filed")] = ""


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the record is kept."""

    name: Annotated[str, _doc("retention class", SCI_1005)]
    period: Annotated[str, _doc("how long, in words", SCI_1005)]
    lock: Annotated[str, _doc("Object Lock mode and until when")] = "unknown"


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A term as this report uses it."""

    term: Annotated[str, _doc("term")]
    meaning: Annotated[str, _doc("meaning")]


class Filing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the record lies and how to check it."""

    path: Annotated[str, _doc("where the HTML page is filed; the last word of the summary line")]
    chain_number: Annotated[int | None, _doc("place of the outcome in the evidence chain")] = None
    previous_sha256: Annotated[str, _doc("record before it in the chain, hex")] = ""
    verify: Annotated[str, _doc("command that checks the bundle offline", SCI_1005)] = ""
    generated_at_ns: Annotated[At, _doc("when the report was made", SCI_1005)]


class Close(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows from the result. `limitations` is never empty."""

    findings: Annotated[tuple[Finding, ...], _doc("to put right", SCI_1003, NIST, ISO)] = ()
    triage: Annotated[Triage, _doc("SCI-event triage", SCI_1002)]
    teardown: Annotated[Teardown, _doc("what is left behind", DORA_24)]
    cost: Annotated[CostEstimate | None, _doc("None: not estimated")] = None
    comparison: Annotated[tuple[PastDrill, ...], _doc("earlier registered drills, oldest first", ISO)] = ()
    attestations: Annotated[tuple[Attestation, ...], _doc("lines to sign", SCI_1003, NIST)]
    limitations: Annotated[
        tuple[str, ...],
        Meta(
            description="what this drill did not prove, never empty",
            min_length=1,
            extra_json_schema={"x-clauses": [NIST, DORA_24]},
        ),
    ]
    manifest: Annotated[tuple[Artifact, ...], _doc("every file of the evidence", SCI_1005)] = ()
    retention: Annotated[Retention, _doc("retention class", SCI_1005)]
    definitions: Annotated[tuple[Definition, ...], _doc("terms used", NIST)]
    filing: Annotated[Filing, _doc("where it lies", SCI_1005)]

    def __post_init__(self) -> None:
        """Refuse a report that claims to have proven everything."""
        if not self.limitations:
            msg = "close.limitations: empty; say what this drill did not prove"
            raise ValueError(msg)


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one drill."""

    schema_version: Annotated[Literal[1], _doc("version of this layout")] = SCHEMA_VERSION
    plan: Annotated[Plan, _doc("decided before", NIST)]
    result: Annotated[Result, _doc("observed", NIST)]
    close: Annotated[Close, _doc("what follows", NIST)]

    @property
    def symbols_ok(self) -> int:
        """Symbols in scope that took a first order after every declared check had passed (T9s)."""
        return sum(row.first_order_at_ns is not None and not row.checks_failed for row in self.result.symbols)

    def check(self) -> None:
        """Raise AssertionError where the report contradicts itself."""
        rows = [row.symbol for row in self.result.symbols]
        assert len(set(rows)) == len(rows), "a symbol stands twice"
        assert set(rows) <= set(self.plan.scope.symbols), "a row for a symbol outside scope"
        for phase in self.result.phases:
            if phase.start_ns is None or phase.end_ns is None:
                continue
            parts = phase.work_ns + phase.retry_ns + phase.approval_ns
            assert parts == phase.end_ns - phase.start_ns, f"phase {phase.name}: its parts are not its whole"
        for suite in self.result.suites:
            assert suite.failed <= suite.evaluated, f"suite {suite.name}: more failed than evaluated"
        orphans = bool(self.close.teardown.orphans)
        assert orphans == (self.close.teardown.status == "orphans"), "orphans and teardown status disagree"


def _strings(name: str, value: Any) -> Any:
    """JSON form: nanoseconds and cents become strings of digits, by the field's name."""
    if isinstance(value, Mapping):
        return {key: _strings(key, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strings(name, inner) for inner in value]
    return str(value) if name.endswith(_LONG) and isinstance(value, int) else value


def _integers(name: str, value: Any) -> Any:
    """Inverse of `_strings`; anything but a string of digits is refused."""
    if isinstance(value, dict):
        return {key: _integers(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_integers(name, inner) for inner in value]
    if not name.endswith(_LONG) or value is None:
        return value
    if not isinstance(value, str) or str(int(value)) != value:
        msg = f"{name}: expected a string of digits, got {value!r}"
        raise msgspec.ValidationError(msg)
    return int(value)


def canonical_bytes(report: Report) -> bytes:
    """The record: canonical JSON (RFC 8785), so equal reports have equal bytes and one SHA-256."""
    record: bytes = rfc8785.dumps(_strings("", msgspec.to_builtins(report)))
    return record


def decode(record: bytes) -> Report:
    """The report back from its record.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of the wrong type.
    """
    return msgspec.convert(_integers("", msgspec.json.decode(record)), Report)


def _long_as_string(schema: Any, name: str = "") -> Any:
    if isinstance(schema, list):
        return [_long_as_string(inner, name) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if name.endswith(_LONG) and schema.get("type") == "integer":
        default = {"default": str(schema["default"])} if "default" in schema else {}
        return {**schema, "type": "string", "pattern": "^-?(0|[1-9][0-9]*)$", **default}
    return {key: _long_as_string(value, name if key == "anyOf" else key) for key, value in schema.items()}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the record; `x-clauses` names the paragraphs that ask for a field."""
    schema: dict[str, Any] = _long_as_string(msgspec.json.schema(Report))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _parts(node: Any) -> Iterator[type[Struct]]:
    if isinstance(node, type) and issubclass(node, Struct):
        yield node
    for inner in typing.get_args(node):
        yield from _parts(inner)


def _fields(part: type[Struct], path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, hint in typing.get_type_hints(part, include_extras=True).items():
        metas = [meta for meta in typing.get_args(hint) if isinstance(meta, Meta)]
        asked = [clause for meta in metas for clause in (meta.extra_json_schema or {}).get("x-clauses", ())]
        where = f"{path}.{name}" if path else name
        yield where, tuple(asked)
        for inner in _parts(hint):
            yield from _fields(inner, where)


def clauses() -> dict[str, tuple[str, ...]]:
    """Paragraph -> the fields it asks for, e.g. '17 CFR 242.1005' -> ('plan.registration.sha256', ...)."""
    found: dict[str, list[str]] = {}
    for where, asked in _fields(Report, ""):
        for clause in asked:
            found.setdefault(clause, []).append(where)
    return {clause: tuple(found[clause]) for clause in sorted(found)}
