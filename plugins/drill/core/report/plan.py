"""The report's first part: what was decided before the drill began."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from drill.core.report.clause import DORA_11, DORA_12, DORA_24, ISO, NIST, SCI_1001, SCI_1004, SCI_1005, At, Length, doc


class Objective(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One objective: a limit that was written down before the drill."""

    name: Annotated[str, doc("the objective in a word or two, e.g. 'recovery time'", SCI_1001, ISO)]
    limit: Annotated[str, doc("the limit as a person reads it, e.g. '2 h' or '0 orders'", SCI_1001)]
    source: Annotated[str, doc("rule or document the limit comes from", SCI_1001, ISO)]


class Objectives(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two numbers that the verdict compares with, and the list of all objectives with their sources."""

    recovery_time_ns: Annotated[int, doc("limit of the recovery time from impact to resumption, ns", SCI_1001)]
    recovery_point_orders: Annotated[int, doc("acknowledged orders that may be lost", SCI_1001, DORA_12)]
    listed: Annotated[tuple[Objective, ...], doc("every objective with its source", SCI_1001, ISO)]


class Exclusion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something left out of scope."""

    what: Annotated[str, doc("symbol, site or function that is left out", NIST)]
    reason: Annotated[str, doc("why it is left out", NIST)]


class Scope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the drill recovers, out of what the exchange lists."""

    listing: Annotated[int, doc("symbols that the exchange lists")]
    symbols: Annotated[tuple[str, ...], doc("symbols in scope, sorted", SCI_1004, NIST)]
    test_symbols: Annotated[tuple[str, ...], doc("sacrificial symbols of the negative control, outside scope")] = ()
    exclusions: Annotated[tuple[Exclusion, ...], doc("what is left out and why", NIST)] = ()


class Registration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record written before the moment of loss."""

    sha256: Annotated[str, doc("SHA-256 of the registration record, hex", SCI_1005)]
    at_ns: Annotated[At, doc("when it was written", SCI_1005)]
    chain_number: Annotated[int | None, doc("its place in the evidence chain, 1-based")] = None


class Seeds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public seed of the order flow and the secret nonce of loss and sabotage."""

    workload: Annotated[str, doc("seed of the order flow, public", DORA_24)]
    nonce_sha256: Annotated[str | None, doc("commitment to the nonce, registered before the loss", DORA_24)]
    nonce: Annotated[str | None, doc("the nonce, revealed at the close; None while secret", DORA_24)] = None
    blind: Annotated[bool, doc("true where nobody who recovers knew the nonce", DORA_24)]


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One data centre of the exchange."""

    name: Annotated[str, doc("site name, first label of its internal names")]
    role: Annotated[Literal["primary", "DR site"], doc("what it is in this drill", SCI_1001)]
    region: Annotated[str, doc("AWS region", SCI_1001)]
    epoch: Annotated[int | None, doc("epoch under which it writes the journal")] = None
    environment: Annotated[str, doc("LIVE or DRILL")]


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content hash or number of one thing that took part."""

    name: Annotated[str, doc("engine build, template, suite, configuration, lock file or package", DORA_24)]
    kind: Annotated[Literal["engine", "template", "suite", "config", "package"], doc("what it is")]
    version: Annotated[str, doc("content hash (hex) or version number", DORA_24, SCI_1005)]
    differs: Annotated[str, doc("difference from production and from the last drill, in words")] = "not compared"


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision by a person or by a policy."""

    step: Annotated[str, doc("what was decided", SCI_1001, DORA_11)]
    by: Annotated[str, doc("person or policy", DORA_11)]
    decision: Annotated[Literal["approved", "rejected", "timed out"], doc("the decision")]
    at_ns: Annotated[At | None, doc("when")]
    waited_ns: Annotated[Length, doc("how long the drill waited for it")]


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One real attempt that had to be refused, or one fact that shows isolation."""

    statement: Annotated[str, doc("what was attempted or examined", DORA_24)]
    held: Annotated[bool | None, doc("true: isolation held; None: not run", DORA_24)]


class ClockOffset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The clock of one host against the monitor's."""

    host: Annotated[str, doc("host or task")]
    offset_ns: Annotated[Length | None, doc("echo offset; None: not measured")]
    limit_ns: Annotated[Length, doc("the gate", SCI_1001)]


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was decided before the drill began."""

    drill_id: Annotated[
        str,
        doc("one id everywhere: run, folder, stack tag, report", SCI_1005, shown="plan", kept="raw/registration.json"),
    ]
    kind: Annotated[
        Literal["loss", "planned exercise", "failover", "failback"],
        doc("what kind of drill this is", SCI_1004, NIST, ISO, shown="plan", kept="raw/registration.json"),
    ]
    purpose: Annotated[
        str,
        doc(
            "DRILL, or REAL EVENT for a failover and its way home; printed in the band of page 1",
            shown="plan",
            kept="raw/registration.json",
        ),
    ] = "DRILL"
    scenario: Annotated[
        Literal["engines", "site", "region"],
        doc("what is lost", SCI_1004, DORA_11, NIST, shown="plan", kept="raw/registration.json"),
    ]
    trigger: Annotated[str, doc("manual or scheduled", NIST, shown="plan", kept="raw/registration.json")]
    requester: Annotated[str, doc("who asked for it", NIST, shown="plan", kept="raw/registration.json")]
    registration: Annotated[
        Registration | None,
        doc("None: refused before it was registered", SCI_1005, shown="plan", kept="raw/registration.json, chain"),
    ]
    scope: Annotated[Scope, doc("what is recovered", SCI_1004, NIST, shown="plan", kept="raw/registration.json")]
    objectives: Annotated[
        Objectives, doc("limits with their sources", SCI_1001, ISO, shown="plan", kept="raw/registration.json")
    ]
    sites: Annotated[tuple[Site, ...], doc("the sites", SCI_1001, shown="plan", kept="raw/registration.json")]
    shared_dependencies: Annotated[
        tuple[str, ...], doc("what both sites depend on", SCI_1001, DORA_12, shown="plan", kept="report.json")
    ] = ()
    seeds: Annotated[
        Seeds, doc("workload seed and nonce", DORA_24, shown="plan", kept="raw/registration.json, raw/word-reveal.json")
    ]
    versions: Annotated[
        tuple[Version, ...],
        doc(
            "everything that took part, by content",
            DORA_24,
            shown="versions",
            kept="raw/registration.json, raw/engines.json",
        ),
    ] = ()
    approvals: Annotated[
        tuple[Approval, ...], doc("decisions by persons and policies", DORA_11, shown="plan", kept="events/")
    ] = ()
    isolation: Annotated[
        tuple[Proof, ...],
        doc("proof that the drill could not touch production", DORA_24, shown="plan", kept="raw/isolation.json"),
    ] = ()
    clocks: Annotated[
        tuple[ClockOffset, ...], doc("offsets of all hosts", SCI_1001, shown="plan", kept="raw/engines.json")
    ] = ()
