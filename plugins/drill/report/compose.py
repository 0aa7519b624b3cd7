"""From raw evidence to the report model: nothing is measured here, and nothing is left blank."""

from __future__ import annotations

from typing import Any

import msgspec

from drill.core import report as r
from drill.core.evidence import Evidence
from drill.core.verdict import judge
from drill.report.closed import close
from drill.report.observed import result
from drill.report.planned import plan


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What is known only after the verdict: the manifest, where the page is filed, when it was made."""

    manifest: tuple[dict[str, Any], ...]
    path: str
    verify: str
    generated_ns: int
    lock: str
    earlier: tuple[dict[str, Any], ...] = ()


def compose(evidence: Evidence, sealed: Sealed, *, drill: str) -> r.Report:
    """The report of a drill of any outcome; the verdict in it is recomputed from the evidence."""
    verdict = judge(evidence)
    report = r.Report(
        plan=plan(evidence, drill),
        result=result(evidence, verdict),
        close=close(evidence, verdict, sealed),
    )
    report.check()
    return report
