"""The paragraphs that ask for a field, and how a field says which: the matrix is read off the model itself."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

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

# FAILOVER: a real event has no control and no teardown, so it is never a PASS (method.md, kinds of drill).
Outcome = Literal[
    "PASS",
    "PASS_WITH_OBSERVATIONS",
    "PARTIAL",
    "FAIL",
    "ABORTED",
    "INVALID",
    "REJECTED",
    "MISSING",
    "FAILOVER",
    "FAILBACK",
]
Level = Literal["invariant", "L1", "L2", "L3", "L4"]  # weakest first (method.md §3)


# What each paragraph asks of a drill, in a line: engineering input, not legal advice.
ASKS = {
    SCI_1000: "what counts as an SCI system and an SCI event",
    SCI_1001: "plans with sites far enough apart, reasonably designed to resume critical systems within two hours",
    SCI_1002: "corrective action on an SCI event, and who is told when",
    SCI_1003: "an objective review of the systems, reported to management",
    SCI_1004: "functional and performance tests of the plans with members, at least once a year",
    SCI_1005: "records kept for five years and more, ready to be shown",
    NIST: "a test evaluated against its objectives and written down, deviations included",
    ISO: "an exercise programme with reports, outcomes and actions to improve",
    DORA_11: "response and recovery plans, tested at least once a year",
    DORA_12: "recovery time and point objectives; integrity checked when data are recovered",
    DORA_24: "a testing programme with independent testers, and remedies for what it finds",
}


def doc(text: str, *clauses: str, shown: str = "", kept: str = "") -> Meta:
    """What a field holds and the paragraphs that ask for it; both end up in the JSON Schema.

    `shown` is the report's section that shows it, `kept` the artifacts of the evidence that it is derived from; a field
    without them is shown and kept where the field that holds it is.
    """
    named = {"x-clauses": list(clauses), "x-shown": shown, "x-kept": kept}
    extra = {name: value for name, value in named.items() if value}
    return Meta(description=text, extra_json_schema=extra or None)


At = Annotated[int, Meta(description="moment, ns UTC since 1970")]
Length = Annotated[int, Meta(description="length of time, ns")]
Count = Annotated[int, Meta(description="number of things", ge=0)]
