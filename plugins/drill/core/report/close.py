"""The report's third part: what follows from the result. `limitations` is never empty."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from drill.core.report.clause import (
    DORA_24,
    ISO,
    NIST,
    SCI_1000,
    SCI_1002,
    SCI_1003,
    SCI_1005,
    At,
    Count,
    Length,
    Outcome,
    doc,
)


class Finding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to put right."""

    finding_id: Annotated[str, doc("id")]
    what: Annotated[str, doc("the finding", SCI_1003, NIST, ISO)]
    owner: Annotated[str, doc("who puts it right", NIST, ISO)] = "not assigned"
    due: Annotated[str, doc("date, yyyy-mm-dd", NIST, ISO)] = "not set"
    retest: Annotated[str, doc("which drill shows that it is put right", ISO, DORA_24)] = "next drill"
    status: Annotated[str, doc("open, or closed with the id of the drill that passed the retest", NIST, ISO)] = "open"


class Triage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether what happened is an SCI event."""

    sci_event: Annotated[Literal["no", "to be decided", "yes"], doc("the classification", SCI_1000, SCI_1002)]
    reason: Annotated[str, doc("why", SCI_1002)]
    decided_by: Annotated[str, doc("person", SCI_1002)] = "not decided yet"


class Orphan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that the drill built and that still stands."""

    service: Annotated[str, doc("service")]
    resource: Annotated[str, doc("id")]
    since_ns: Annotated[At | None, doc("when it was created; None: unknown")] = None
    day_micro_usd: Annotated[int | None, doc("cost of a day; None: unknown")] = None


class InventoryCount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resources of one service before the build and after the teardown."""

    service: Annotated[str, doc("service that the endpoint offers")]
    before: Annotated[Count | None, doc("before the build; None: not counted")]
    after: Annotated[Count | None, doc("after the teardown; None: not counted")]


class Teardown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left of the drill."""

    status: Annotated[Literal["clean", "orphans", "not run"], doc("outcome", DORA_24)]
    stacks_deleted: Annotated[Count | None, doc("stacks deleted; None: not run")] = None
    orphans: Annotated[tuple[Orphan, ...], doc("what still stands")] = ()
    inventory: Annotated[tuple[InventoryCount, ...], doc("the account, service by service")] = ()
    note: Annotated[str, doc("exceptions by stack id, or why it was not run")] = ""


class CostLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One priced item."""

    item: Annotated[str, doc("what is charged")]
    quantity: Annotated[str, doc("amount with unit")]
    price: Annotated[str, doc("price with unit")]
    cost_micro_usd: Annotated[int, doc("rounded up")]


class CostEstimate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the drill would have cost, from a dated price table."""

    region: Annotated[str, doc("region of the prices")]
    prices_as_of: Annotated[str, doc("date of the price table, yyyy-mm-dd")]
    source: Annotated[str, doc("where the prices come from")]
    lines: Annotated[tuple[CostLine, ...], doc("item by item")]
    note: Annotated[str, doc("what is left out")] = ""

    @property
    def total_micro_usd(self) -> int:
        """Sum of the lines."""
        return sum(line.cost_micro_usd for line in self.lines)


class PastDrill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An earlier registered drill, for the trend."""

    drill_id: Annotated[str, doc("id")]
    outcome: Annotated[Outcome, doc("its verdict")]
    at_ns: Annotated[At, doc("when it was registered")]
    recovery_time_ns: Annotated[Length | None, doc("impact to resumption; None: not achieved", ISO)]
    technical_ns: Annotated[Length | None, doc("build to last symbol validated; None: not achieved or unknown")] = None
    orders_lost: Annotated[Count | None, doc("acknowledged orders lost; None: unknown", ISO)] = None
    symbols_ok: Annotated[Count | None, doc("symbols that reopened; None: unknown")] = None
    rules: Annotated[tuple[str, ...], doc("rules that decided its verdict")] = ()


class Attestation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line to sign."""

    role: Annotated[str, doc("prepared, reviewed, signed off", SCI_1003, NIST)]
    name: Annotated[str, doc("empty until signed")] = ""
    at_ns: Annotated[At | None, doc("None until signed")] = None


class Amendment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A correction that somebody appended after the record was sealed; the record itself is as it was."""

    link: Annotated[Count, doc("its place in the chain", SCI_1005)]
    at_ns: Annotated[At, doc("when it was appended", SCI_1005)]
    author: Annotated[str, doc("who says it", SCI_1005)]
    reason: Annotated[str, doc("why", SCI_1005)]
    text: Annotated[str, doc("what is to be read instead, or besides", SCI_1003, SCI_1005)]


class Artifact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the evidence."""

    name: Annotated[str, doc("key within the bundle", SCI_1005)]
    sha256: Annotated[str, doc("content hash, hex", SCI_1005)]
    size_bytes: Annotated[Count, doc("size")]
    version: Annotated[str, doc("object version id; empty while not filed")] = ""


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the record is kept."""

    name: Annotated[str, doc("retention class", SCI_1005)]
    period: Annotated[str, doc("how long, in words", SCI_1005)]
    lock: Annotated[str, doc("Object Lock mode and until when")] = "unknown"


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A term as this report uses it."""

    term: Annotated[str, doc("term")]
    meaning: Annotated[str, doc("meaning")]


class Filing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the record lies and how to check it."""

    path: Annotated[str, doc("where the HTML page is filed; the last word of the summary line")]
    chain_number: Annotated[int | None, doc("place of the outcome in the evidence chain")] = None
    previous_sha256: Annotated[str, doc("record before it in the chain, hex")] = ""
    verify: Annotated[str, doc("command that checks the bundle offline", SCI_1005)] = ""
    signed_by: Annotated[str, doc("key that signs the outcome, by fingerprint; empty: not signed", SCI_1005)] = ""
    anchored: Annotated[str, doc("second place that holds the chain's head; empty: not anchored", SCI_1005)] = ""
    generated_at_ns: Annotated[At, doc("when the report was made", SCI_1005)]
    record_sha256: Annotated[
        str, doc("the filed record that this is an amended rendering of, hex; empty: this is the record", SCI_1005)
    ] = ""
    as_of_link: Annotated[int | None, doc("last link of the chain that was looked at; None: as filed", SCI_1005)] = None


class Close(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows from the result. `limitations` is never empty."""

    findings: Annotated[
        tuple[Finding, ...], doc("to put right", SCI_1003, NIST, ISO, shown="findings", kept="report.json, findings")
    ] = ()
    amendments: Annotated[
        tuple[Amendment, ...],
        doc(
            "what was corrected since, oldest first; empty in the record itself",
            SCI_1003,
            SCI_1005,
            NIST,
            shown="amendments",
            kept="chain",
        ),
    ] = ()
    triage: Annotated[Triage, doc("SCI-event triage", SCI_1002, shown="findings", kept="report.json")]
    teardown: Annotated[
        Teardown, doc("what is left behind", DORA_24, shown="teardown", kept="raw/teardown.json, raw/inventory.json")
    ]
    cost: Annotated[CostEstimate | None, doc("None: not estimated", shown="cost", kept="report.json")] = None
    comparison: Annotated[
        tuple[PastDrill, ...],
        doc(
            "earlier registered drills, oldest first",
            ISO,
            shown="history",
            kept="raw/registration.json and verdict.json of each drill",
        ),
    ] = ()
    attestations: Annotated[
        tuple[Attestation, ...], doc("lines to sign", SCI_1003, NIST, shown="findings", kept="report.json, amendments")
    ]
    limitations: Annotated[
        tuple[str, ...],
        Meta(
            description="what this drill did not prove, never empty",
            min_length=1,
            extra_json_schema={"x-clauses": [NIST, DORA_24], "x-shown": "limitations", "x-kept": "report.json"},
        ),
    ]
    manifest: Annotated[
        tuple[Artifact, ...],
        doc(
            "every file of the evidence",
            SCI_1005,
            shown="manifest",
            kept="manifest.json",
        ),
    ] = ()
    retention: Annotated[Retention, doc("retention class", SCI_1005, shown="manifest", kept="manifest.json")]
    definitions: Annotated[tuple[Definition, ...], doc("terms used", NIST, shown="definitions", kept="report.json")]
    filing: Annotated[Filing, doc("where it lies", SCI_1005, shown="manifest", kept="outcome.json, chain")]

    def __post_init__(self) -> None:
        """Refuse a report that claims to have proven everything."""
        if not self.limitations:
            msg = "close.limitations: empty; say what this drill did not prove"
            raise ValueError(msg)
