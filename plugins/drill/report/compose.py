"""From raw evidence to the report model: nothing is measured here, and nothing is left blank."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.verdict import judge
from drill.report.closed import close
from drill.report.observed import result
from drill.report.planned import plan

MISSING = {
    "outcome": "MISSING",
    "sentence": "Could AEX have reopened within two hours? Nobody can say: the drill has no outcome.",
}


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What is known only after the verdict: the manifest, where the page is filed, when it was made."""

    manifest: tuple[dict[str, Any], ...]
    path: str
    verify: str
    generated_ns: int
    lock: str
    registration_link: int | None = None
    head_sha256: str = ""
    signed_by: str = ""
    anchored: str = ""
    earlier: tuple[dict[str, Any], ...] = ()


def compose(evidence: Evidence, sealed: Sealed, *, drill: str, missing: bool = False) -> r.Report:
    """The report of a drill of any outcome; the verdict in it is recomputed from the evidence.

    `missing`: the drill was registered, filed no outcome and nobody works on it any more.
    """
    verdict = replace(judge(evidence), **MISSING) if missing else judge(evidence)
    planned = plan(evidence, drill, sealed.earlier[-1] if sealed.earlier else None, link=sealed.registration_link)
    observed = result(evidence, verdict)
    report = r.Report(plan=planned, result=observed, close=close(evidence, verdict, sealed, planned, observed))
    report.check()
    return report
