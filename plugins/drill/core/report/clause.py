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
    "PASS", "PASS_WITH_OBSERVATIONS", "PARTIAL", "FAIL", "ABORTED", "INVALID", "REJECTED", "MISSING", "FAILOVER"
]
Level = Literal["L1", "L2", "L3", "L4"]


def doc(text: str, *clauses: str) -> Meta:
    """What a field holds and the paragraphs that ask for it; both end up in the JSON Schema."""
    return Meta(description=text, extra_json_schema={"x-clauses": list(clauses)} if clauses else None)


At = Annotated[int, Meta(description="moment, ns UTC since 1970")]
Length = Annotated[int, Meta(description="length of time, ns")]
Count = Annotated[int, Meta(description="number of things", ge=0)]
